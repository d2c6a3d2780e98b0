"""An exchange that is put back to an earlier state and goes on from there: who kept a checkpoint finds it out."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from exchange.client import Client, Forked
from tests.community import Community
from tests.faults import crowd
from tests.faults.warm import Warm

KEEPER, OTHER = "ncb-fra", "ncb-ita"


@dataclass(slots=True)
class Counting(httpx.AsyncBaseTransport):
    """Carries everything. paths: of what was sent."""

    paths: list[str] = field(default_factory=list)
    inner: httpx.AsyncBaseTransport = field(default_factory=httpx.AsyncHTTPTransport)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        return await self.inner.handle_async_request(request)


@pytest.fixture
def community(tmp_path: Path, warm: Warm) -> Community:
    made = crowd.found(tmp_path, warm)
    asyncio.run(crowd.settle(made, KEEPER, OTHER))
    return made


async def say(client: Client, *subjects: str) -> Sequence[int]:
    recipient = OTHER if client.profile.participant == KEEPER else KEEPER
    drafts = [await client.compose("message", subject, {"text": "!"}, [recipient]) for subject in subjects]
    return [(await client.send(draft)).position for draft in drafts]


async def look(community: Community) -> None:
    """What the keeper does first when it comes back: it is shown a page and a head."""
    async with Client.open(community.profile(KEEPER)) as keeper:
        await keeper.inbox()
        await keeper.trail.checkpoint()


def put_back(community: Community, warm: Warm, earlier: Path) -> None:
    """The database of before, and no note of what was signed since."""
    warm.stop(community.served)
    shutil.copyfile(earlier, community.served.folder / "exchange.db")
    (community.served.folder / "published.json").unlink()
    warm.start(community.served)


def set_aside(community: Community, warm: Warm) -> Path:
    earlier = community.folder / "earlier.db"
    warm.stop(community.served)
    shutil.copyfile(community.served.folder / "exchange.db", earlier)
    warm.start(community.served)
    return earlier


async def test_a_client_with_a_kept_checkpoint_convicts_an_exchange_that_has_another_history(
    community: Community, warm: Warm
) -> None:
    earlier = set_aside(community, warm)
    async with Client.open(community.profile(KEEPER)) as keeper:
        await say(keeper, "One", "Two", "Three")
        token = keeper.sign(await keeper.compose("message", "Late", {"text": "!"}, [OTHER]))
    kept = keeper.state.checkpoint
    put_back(community, warm, earlier)
    async with Client.open(community.copy_of(OTHER)) as other:
        await say(other, *(f"Another {n}" for n in range(6)))

    with pytest.raises(Forked):
        await look(community)

    evidence = keeper.state.fork
    assert evidence is not None
    notes = [(evidence / name).read_text("utf-8") for name in ("kept", "offered")]
    first, second = (keeper.profile.trail.open(text) for text in notes)
    assert notes[0] == kept
    assert first.size < second.size
    await nothing_is_sent(community, token)


async def test_a_client_that_was_shown_more_than_there_is_convicts_the_exchange(
    community: Community, warm: Warm
) -> None:
    """Nothing was appended yet, so that the old history ends before the checkpoint that was kept."""
    earlier = set_aside(community, warm)
    async with Client.open(community.profile(KEEPER)) as keeper:
        await say(keeper, "One", "Two", "Three")
        token = keeper.sign(await keeper.compose("message", "Late", {"text": "!"}, [OTHER]))
    put_back(community, warm, earlier)

    with pytest.raises(Forked):
        await look(community)

    await nothing_is_sent(community, token)


async def test_an_exchange_that_only_started_anew_is_no_fork(community: Community, warm: Warm) -> None:
    async with Client.open(community.profile(KEEPER)) as keeper:
        before = await say(keeper, "One")
    set_aside(community, warm)

    async with Client.open(community.profile(KEEPER)) as keeper:
        after = await say(keeper, "Two")
        await keeper.watch.settle(now=True)

    assert after[0] > before[0]
    assert keeper.state.fork is None


def test_a_gateway_that_remembers_what_it_signed_does_not_start_on_an_older_database(
    community: Community, warm: Warm
) -> None:
    earlier = set_aside(community, warm)
    asyncio.run(_say_once(community))
    warm.stop(community.served)
    shutil.copyfile(earlier, community.served.folder / "exchange.db")

    with pytest.raises(RuntimeError, match="Nothing is appended"):
        warm.start(community.served)


async def _say_once(community: Community) -> None:
    async with Client.open(community.profile(KEEPER)) as keeper:
        await say(keeper, "One")


async def nothing_is_sent(community: Community, token: bytes) -> None:
    """By whatever the client is asked to sign or post from now on."""
    counting = Counting()
    async with Client.open(community.profile(KEEPER), transport=counting) as keeper:
        for attempt in (keeper.post(token), keeper.acknowledge(f"{OTHER}:01KAJ0000000000000000000AA")):
            with pytest.raises(Forked):
                await attempt
    assert counting.paths == []
