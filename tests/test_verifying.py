"""Signatures verified together come out as they would alone, each to whoever asked for it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exchange import jose
from exchange.jose import Kind, SigningKey, UnverifiedBytes
from exchange.refusal import Reason, Refusal
from exchange.verifying import Verifier

KEY = SigningKey.generate()


def read(payload: bytes, *, forged: bool = False) -> UnverifiedBytes:
    signer = SigningKey.generate() if forged else KEY
    header, _, _ = jose.sign(payload, Kind.MESSAGE, KEY).split(b".")
    _, body, signature = jose.sign(payload, Kind.MESSAGE, signer).split(b".")
    token = b".".join(
        (header, body, signature if not forged else jose.sign(b"{}", Kind.MESSAGE, signer).split(b".")[2])
    )
    return jose.read_jws(token, Kind.MESSAGE, {KEY.public.kid: KEY.public}, limit=4096)


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.fixture(params=[0, 1, 2], ids=["here", "one process beside", "two processes beside"])
async def verifier(request: pytest.FixtureRequest) -> AsyncIterator[Verifier]:
    verifier = Verifier(request.param)
    await verifier.ready()
    assert len(verifier._beside) == request.param
    yield verifier
    await verifier.stop()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 50])
async def test_each_gets_the_answer_to_its_own_bytes(verifier: Verifier, count: int) -> None:
    asked = [read(b'{"n":%d}' % n) for n in range(count)]

    answered = await asyncio.gather(*(verifier.verified(each) for each in asked))

    assert [each.payload for each in answered] == [b'{"n":%d}' % n for n in range(count)]


async def test_a_forged_one_among_others_is_refused_alone(verifier: Verifier) -> None:
    asked = [read(b'{"n":%d}' % n, forged=n % 3 == 1) for n in range(20)]

    answered = await asyncio.gather(*(verifier.verified(each) for each in asked), return_exceptions=True)

    for n, answer in enumerate(answered):
        assert isinstance(answer, Refusal) == (n % 3 == 1)
        assert not isinstance(answer, Refusal) or answer.reason is Reason.BAD_SIGNATURE


async def test_whoever_has_gone_keeps_nobody_waiting(verifier: Verifier) -> None:
    asked = [asyncio.ensure_future(verifier.verified(read(b'{"n":%d}' % n))) for n in range(6)]
    await asyncio.sleep(0)
    asked[0].cancel()

    answered = await asyncio.gather(*asked[1:])

    assert len(answered) == 5


async def test_stopping_answers_whoever_was_handed_over(verifier: Verifier) -> None:
    asked = [asyncio.ensure_future(verifier.verified(read(b"{}"))) for _ in range(50)]
    await asyncio.sleep(0)

    await verifier.stop()

    assert len(await asyncio.gather(*asked)) == 50


async def test_nobody_waits_for_a_process_that_is_not_ready() -> None:
    verifier = Verifier(1)

    answered = await asyncio.gather(*(verifier.verified(read(b"{}")) for _ in range(20)))

    assert len(answered) == 20
    await verifier.stop()


async def test_what_a_killed_process_leaves_is_answered_and_another_takes_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exchange.verifying.verifier._PAUSE", 0.0)
    verifier = Verifier(1)
    await verifier.ready()
    first = verifier._beside[0]._process
    os.kill(first.pid, signal.SIGSTOP)  # so that it is asked, and does not answer
    asked = [asyncio.ensure_future(verifier.verified(read(b"{}", forged=n == 3))) for n in range(40)]
    await asyncio.sleep(0.05)
    assert not any(each.done() for each in asked)

    first.kill()
    answered = await asyncio.gather(*asked, return_exceptions=True)
    await verifier.ready()

    assert [isinstance(each, Refusal) for each in answered] == [n == 3 for n in range(40)]
    assert verifier._beside[0]._process.pid != first.pid
    await verifier.stop()


async def test_a_process_ends_with_the_one_that_asked_it_and_no_signal_ends_it_before() -> None:
    verifier = Verifier(1)
    await verifier.ready()
    beside = verifier._beside[0]
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(beside._process.pid, ending)

    answered = await asyncio.gather(*(verifier.verified(read(b"{}")) for _ in range(20)))
    assert len(answered) == 20
    assert verifier._beside == [beside]
    await verifier.stop()

    assert beside._process.wait(timeout=5) == 0


async def test_a_process_is_told_no_setting_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_DATABASE", "postgresql://exchange:the-password@nowhere/exchange")
    verifier = Verifier(1)
    await verifier.ready()

    environment = environment_of(verifier._beside[0]._process.pid)

    assert b"PATH=" in environment
    assert b"the-password" not in environment
    await verifier.stop()


async def test_where_no_process_starts_everything_is_verified_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    verifier = Verifier(1)
    await verifier.ready()

    answered = await asyncio.gather(*(verifier.verified(read(b"{}")) for _ in range(20)))

    assert len(answered) == 20
    assert verifier._beside == []
    await verifier.stop()
