"""A recall is linear: before its position an item is read, behind it it is not, and told are those who were before.

Many readers ask for the item at once while its source takes it back, on two gateways where there can be two. Some are
slow: they have seen the item's row, and ask for their page when the recall already stands. What came of it is read from
the trail alone. Two controls show that the law would be found broken.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from exchange import leaf, strictjson
from exchange.act import Effect, Overtaken
from exchange.leaf import Event, Field
from exchange.trail.stored import stored_entries
from tests.gateway import Founding, Gateway, gateway, page
from tests.rulings import posted, resting, ruling

CROWD = tuple(f"ncb-{n:03}" for n in range(200))
SLOW = 5  # one reader of so many


class Race:
    """An item, released to a crowd, and what everybody does with it at once."""

    def __init__(self, gateways: Sequence[Gateway], item: int) -> None:
        self.gateways, self.item = gateways, item
        self.read: set[str] = set()
        self.slow: set[str] = set()
        self.busy, self.taken = asyncio.Event(), asyncio.Event()

    async def reader(self, n: int) -> None:
        """As a door reads: what is known, the row, the page; and all of it again where it was overtaken."""
        running = self.gateways[n % len(self.gateways)]
        while True:
            rights = running.committer.rights
            [held] = await asyncio.to_thread(running.store.items_held, CROWD[n], [self.item])
            if held.recalled:
                return
            if n % SLOW == 0:
                self.slow.add(CROWD[n])
                if len(self.slow) == len(CROWD) // SLOW // 2:
                    self.busy.set()
                await self.taken.wait()
            shown = resting(page(running.standing, CROWD[n], self.item), self.item, rights=rights)
            if not isinstance(await running.committer.commit(shown), Overtaken):
                self.read.add(CROWD[n])
                return

    async def source(self) -> int:
        """Takes the item back in the middle of it."""
        await self.busy.wait()
        running = self.gateways[0]
        rights = running.committer.rights
        [at] = await running.positions(ruling(running.standing, Effect.RECALL, self.item, rights=rights))
        self.taken.set()
        return at

    async def run(self) -> int:
        """-> where the recall stands."""
        source = asyncio.create_task(self.source())
        await asyncio.gather(*(self.reader(n) for n in range(len(CROWD))))
        return await source


@pytest.fixture
async def race(running: Gateway, founded: str, founding: Founding, tmp_path: Path) -> AsyncIterator[Race]:
    async with AsyncExitStack() as stack:
        gateways = [running]
        if running.store.dialect == "postgresql":
            gateways.append(await stack.enter_async_context(gateway(founded, founding, tmp_path / "second")))
        [item] = await running.positions(posted(running.standing, readers=CROWD))
        yield Race(gateways, item)


def pages(running: Gateway, item: int) -> dict[str, list[int]]:
    """Of everybody who was shown the item, where."""
    found: dict[str, list[int]] = {}
    for entry in running.store.entries(-1, 10_000):
        stated = leaf.read(entry.leaf)
        if stated.event is Event.ITEMS_READ and item in stated.items:
            found.setdefault(stated.actor, []).append(entry.position)
    return found


def told(running: Gateway, at: int) -> set[str]:
    decisions = strictjson.parse_object(running.store.sealed(at).texts[Field.DECISIONS], limit=1 << 20)
    return set(decisions["told"])


def faults(running: Gateway) -> dict[int, tuple[str, ...]]:
    """What verifying the database finds."""
    entries = stored_entries(running.store, running.store.head().size)
    return {entry.position: entry.faults for entry in entries if entry.faults}


async def test_behind_a_recall_no_page_has_the_item_and_told_are_those_who_read_it_before(race: Race) -> None:
    at = await race.run()

    running, shown = race.gateways[0], pages(race.gateways[0], race.item)
    assert 1 <= len(shown) <= len(CROWD) - len(race.slow)  # the slow ones came too late, all of them
    assert max(place for places in shown.values() for place in places) < at
    assert told(running, at) == shown.keys() == race.read
    assert {delivery.reader for delivery in running.store.deliveries(at)} == shown.keys()
    assert faults(running) == {}


async def test_without_the_comparison_under_the_head_pages_have_what_was_taken_back(
    race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.committer.writer._overtaken", lambda *_: {})

    at = await race.run()

    late = {who for who, places in pages(race.gateways[0], race.item).items() if max(places) > at}
    assert late >= race.slow
    assert len(race.slow) >= len(CROWD) // SLOW // 2


async def test_with_readers_looked_up_before_the_head_is_held_somebody_is_not_told(race: Race) -> None:
    """And whoever verifies the database finds it."""
    running, (first, second, *_) = race.gateways[0], CROWD
    await running.positions(page(running.standing, first, race.item))
    early = tuple(who for who, read in running.store.holders(race.item) if read)
    taken = ruling(running.standing, Effect.RECALL, race.item, rights=0, told=lambda _: early)

    _, at = await running.positions(page(running.standing, second, race.item), taken)

    assert told(running, at) == {first}
    assert pages(running, race.item).keys() == {first, second}
    assert list(faults(running)) == [at]
