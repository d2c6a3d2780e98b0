"""The line: tokens that are renewed, a clock that is corrected, and patience that sends the same bytes again."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from exchange.client import Client, Patience, Pin, Profile, ProfileWrong, Refused, Unreachable
from exchange.jose import SigningKey
from exchange.note import TrailKey
from exchange.participant import Use
from tests.client.lying import Failing, Lying
from tests.community import Community

QUICK = Patience(attempts=4, first=0.01, longest=0.05)


def busy(status: int, **headers: str) -> httpx.Response:
    problem = {"reason": "OVERLOADED", "title": "busy", "detail": "later", "ticket": "t"}
    return httpx.Response(status, json=problem, headers=headers)


@pytest.mark.parametrize(
    "failures",
    [
        [httpx.ConnectError("down"), httpx.ReadTimeout("slow")],
        [httpx.RemoteProtocolError("cut off")],
        [busy(503), busy(429, **{"Retry-After": "1"})],
    ],
    ids=["no line", "cut off", "asked to come back"],
)
@pytest.mark.parametrize("after", [False, True], ids=["before it arrived", "after it arrived"])
async def test_the_same_bytes_are_sent_until_an_answer_comes(
    community: Community, failures: list[Exception | httpx.Response], after: bool
) -> None:
    line = Failing("/v1/messages", list(failures), after=after)
    async with Client.open(community.profile("ncb-fra"), patience=QUICK, transport=line) as fra:
        sent = await fra.send(await fra.compose("message", "Patience", {"text": "!"}, ["ncb-ita"]))

    assert len(line.seen) == len(failures) + 1
    assert len(set(line.seen)) == 1
    assert len(set(line.proofs)) == len(line.proofs)
    assert sent.new is not after


async def test_a_profile_calls_for_its_purpose(community: Community) -> None:
    """One that its participant does not hold gets no token."""
    mine = community.copy_of("ncb-fra")
    stated = (mine.folder / "profile.toml").read_text()
    for purpose, allowed in (("P3", True), ("P7", False)):
        (mine.folder / "profile.toml").write_text(f'{stated}purpose = "{purpose}"\n')
        async with Client.open(mine.folder) as fra:
            if allowed:
                await fra.inbox()
            else:
                with pytest.raises(Refused) as refused:
                    await fra.inbox()
                assert refused.value.reason == "ASSERTION_WRONG"


async def test_patience_ends(community: Community) -> None:
    line = Failing("/v1/messages", [httpx.ConnectError("down") for _ in range(9)])
    async with Client.open(community.profile("ncb-fra"), patience=QUICK, transport=line) as fra:
        draft = await fra.compose("message", "Patience", {"text": "!"}, ["ncb-ita"])
        with pytest.raises(Unreachable, match="tried 4 times"):
            await fra.send(draft)

    assert len(line.seen) == 4


async def test_an_exchange_that_stays_busy_is_told_as_it_says(community: Community) -> None:
    line = Failing("/v1/messages", [busy(503, **{"Retry-After": "7"}) for _ in range(9)])
    async with Client.open(community.profile("ncb-fra"), patience=QUICK, transport=line) as fra:
        draft = await fra.compose("message", "Patience", {"text": "!"}, ["ncb-ita"])
        with pytest.raises(Refused) as refused:
            await fra.send(draft)

    assert (refused.value.reason, refused.value.status, refused.value.retry_after) == ("OVERLOADED", 503, 7)


def test_waiting_grows_is_scattered_and_is_never_longer_than_the_limit() -> None:
    patience = Patience()

    waits = [patience.before(n, None) for n in (1, 2, 3, 4, 12)]

    assert all(0.1 * 2**n <= wait <= 0.3 * 2**n for n, wait in enumerate(waits[:4]))
    assert waits[4] == patience.longest
    assert patience.before(1, 9) == 9
    assert patience.before(1, 3600) == patience.longest


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="<html>no such page</html>"),
        httpx.Response(200, text="welcome"),
        httpx.Response(200, json=["a list"]),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(403, json={"reason": "X"}),
    ],
    ids=["page", "text", "list", "redirect", "half a problem"],
)
async def test_what_is_no_exchange_is_told_apart(community: Community, answer: httpx.Response) -> None:
    line = Failing("/v1/messages", [answer])
    async with Client.open(community.profile("ncb-fra"), patience=QUICK, transport=line) as fra:
        draft = await fra.compose("message", "Elsewhere", {"text": "!"}, ["ncb-ita"])
        with pytest.raises(Unreachable):
            await fra.send(draft)

    assert len(line.seen) == 1


@pytest.mark.parametrize(("lives", "asked"), [(300, 1), (20, 3)])
async def test_a_token_is_used_until_shortly_before_its_end(community: Community, lives: int, asked: int) -> None:
    tokens: list[Any] = []

    def shorten(answer: Any) -> Any:
        tokens.append(answer)
        return answer | {"expires_in": lives}

    async with Client.open(community.profile("ncb-fra"), transport=Lying("/v1/token", shorten)) as fra:
        for _ in range(3):
            await fra.wire.get("/v1/directory")
        renewed = len(tokens)

    assert renewed == asked


async def test_a_token_that_no_longer_counts_is_replaced_once(community: Community) -> None:
    tokens: list[Any] = []

    def spoil(answer: Any) -> Any:
        tokens.append(answer)
        return answer | {"access_token": "x.y.z"} if len(tokens) == 1 else answer

    async with Client.open(community.profile("ncb-fra"), transport=Lying("/v1/token", spoil)) as fra:
        assert (await fra.wire.get("/v1/directory")).status == 200

    assert len(tokens) == 2


@pytest.mark.parametrize("off", [timedelta(minutes=-5), timedelta(hours=3)], ids=["behind", "ahead"])
async def test_a_wrong_clock_is_corrected_and_warned_of(
    community: Community, off: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "exchange.client"):
        async with Client.open(community.profile("ncb-fra"), now=lambda: datetime.now(UTC) + off) as fra:
            sent = await fra.send(await fra.compose("message", "Clock", {"text": "!"}, ["ncb-ita"]))

            assert abs(fra.clock.now() - datetime.now(UTC)) < timedelta(seconds=3)
    assert sent.new
    assert [record.message.partition(" is ")[0] for record in caplog.records] == ["this machine's clock"]


async def test_a_clock_that_is_nearly_right_is_left_alone(community: Community) -> None:
    async with Client.open(community.profile("ncb-fra")) as fra:
        await fra.wire.get("/v1/directory")

        assert fra.clock.offset == timedelta(0)


async def test_two_clients_renew_their_tokens_once_each(community: Community) -> None:
    tokens: list[Any] = []

    def count(answer: Any) -> Any:
        tokens.append(answer)
        return answer

    async with Client.open(community.profile("ncb-fra"), transport=Lying("/v1/token", count)) as fra:
        await asyncio.gather(*(fra.wire.get("/v1/directory") for _ in range(8)))

    assert len(tokens) == 1


async def test_an_address_where_nobody_listens_is_unreachable(community: Community, tmp_path: Path) -> None:
    pin = community.served.pin
    nowhere = Pin(url="http://127.0.0.1:9", origin=pin.origin, trail_key=pin.trail_key, genesis=pin.genesis)
    profile = Profile.create(
        tmp_path / "nobody", participant="ncb-fra", pin=nowhere, keys={Use.ACCESS: SigningKey.generate()}
    )

    async with Client.open(profile, patience=QUICK) as nobody:
        with pytest.raises(Unreachable):
            await nobody.directory()


async def test_a_key_that_nobody_admitted_obtains_no_token(community: Community, tmp_path: Path) -> None:
    keys = {Use.ACCESS: SigningKey.generate()}
    profile = Profile.create(tmp_path / "stranger", participant="ncb-fra", pin=community.served.pin, keys=keys)

    async with Client.open(profile, patience=QUICK) as stranger:
        with pytest.raises(Refused) as refused:
            await stranger.directory()

    assert refused.value.reason == "ASSERTION_WRONG"


# Profiles


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    vkey = TrailKey.generate("exchange.example/training").vkey()
    pin = Pin(url="http://127.0.0.1:1", origin="exchange.example/training", trail_key=vkey, genesis="00" * 32)
    return Profile.create(
        tmp_path / "ncb-fra", participant="ncb-fra", pin=pin, keys={Use.MESSAGE: SigningKey.generate()}
    )


def test_a_profile_is_read_as_it_was_written(profile: Profile) -> None:
    assert Profile.load(profile.folder) == profile
    assert profile.key_path(Use.MESSAGE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: (p.folder / "profile.toml").unlink(),
        lambda p: (p.folder / "profile.toml").write_text("participant = "),
        lambda p: (p.folder / "profile.toml").write_text('participant = "ncb-fra"\n'),
        lambda p: _replace(p, p.pin.trail_key, "no key"),
        lambda p: _replace(p, 'origin = "exchange.example/training"', 'origin = "exchange.example/other"'),
        lambda p: p.key_path(Use.MESSAGE).chmod(0o644),
        lambda p: p.key_path(Use.MESSAGE).write_text("no key"),
        lambda p: p.key_path(Use.MESSAGE).unlink(),
    ],
    ids=["gone", "no toml", "half", "no trail key", "other origin", "readable", "no pem", "no key"],
)
def test_a_profile_that_is_not_as_it_should_be_is_not_used(profile: Profile, spoil: Callable[[Profile], None]) -> None:
    spoil(profile)

    with pytest.raises(ProfileWrong):
        Profile.load(profile.folder).key(Use.MESSAGE)


def test_a_profile_is_never_written_over(profile: Profile) -> None:
    with pytest.raises(ProfileWrong):
        Profile.create(profile.folder, participant="ncb-ita", pin=profile.pin, keys={})


def _replace(profile: Profile, old: str, new: str) -> None:
    path = profile.folder / "profile.toml"
    path.write_text(path.read_text().replace(old, new))
