"""Signatures verified together come out as they would alone, each to whoever asked for it."""

import asyncio
from collections.abc import AsyncIterator

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


@pytest.fixture
async def verifier() -> AsyncIterator[Verifier]:
    verifier = Verifier()
    yield verifier
    verifier.stop()


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


async def test_stopping_answers_whoever_was_handed_over() -> None:
    verifier = Verifier()
    asked = [asyncio.ensure_future(verifier.verified(read(b"{}"))) for _ in range(10)]
    await asyncio.sleep(0.01)

    verifier.stop()

    assert len(await asyncio.gather(*asked)) == 10
