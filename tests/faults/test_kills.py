"""The process is killed in the middle of its work, again and again: what was acknowledged is there, and there once."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.community import Community
from tests.faults import crowd
from tests.faults.crowd import Crowd, Desk
from tests.faults.warm import ANSWERS_BEFORE_THE_COMMIT, SAFE, Warm
from tests.stores import Store

SENDERS, READER = ("ncb-aut", "ncb-bra", "ncb-che", "ncb-deu"), "ncb-ita"
CONNECTIONS = 3  # for each sender
KILLS = {"sqlite": 20, "postgresql": 6}
PREPARED = 8  # messages that each connection has signed before a kill, so that it is the exchange that is busy


@dataclass(slots=True)
class Book:
    """What the clients were told: the position of each item, by its bytes."""

    told: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    wrong: list[str] = field(default_factory=list)

    def take(self, item: str, status: int, body: bytes) -> None:
        if status not in (200, 201):
            self.wrong.append(f"{item}: {status} {body[:200]!r}")
            return
        self.told[item] = json.loads(body)["position"]
        self.repeats += status == 200


async def chatter(desk: Desk, book: Book, ended: asyncio.Event) -> None:
    """Posts without a pause, each message until it is acknowledged, as a client does that must not lose any."""
    while not ended.is_set():
        for document in [desk.document(READER) for _ in range(PREPARED)]:
            token = crowd.signed(document, desk.member)
            answered = await desk.insist(token)
            book.take(f"{desk.member.id}:{document['id']}", answered.status, answered.body)


@asynccontextmanager
async def busy(present: Crowd) -> AsyncIterator[Book]:
    book, ended = Book(), asyncio.Event()
    desks = [present.desk(name) for name in SENDERS for _ in range(CONNECTIONS)]
    chatting = [asyncio.create_task(chatter(desk, book, ended)) for desk in desks]
    try:
        yield book
    finally:
        ended.set()
        await asyncio.gather(*chatting)


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(crowd.RETRIES_FOR):
        while not reached():  # noqa: ASYNC110  the clients' books have no bell
            await asyncio.sleep(0.002)


async def inbox(desk: Desk) -> list[tuple[str, int]]:
    """All of it: item and position, in the order in which it is shown."""
    found: list[tuple[str, int]] = []
    cursor = ""
    while True:
        page = await desk.get(f"/v1/inbox?limit=100{cursor}")
        if not page["items"]:
            return found
        found += [(one["item"], one["position"]) for one in page["items"]]
        cursor = f"&cursor={page['cursor']}"


def lost(folder: Path, book: Book) -> set[str]:
    """What was acknowledged and is not where it was said to be."""
    stored = dict(crowd.accepted(folder))
    return {item for item, position in book.told.items() if stored.get(item) != position}


@pytest.fixture
def community(tmp_path: Path, store: Store, warm: Warm) -> Community:
    made = crowd.found(tmp_path, warm, store.new_url() if store.name == "postgresql" else "")
    asyncio.run(crowd.settle(made, *SENDERS, READER))
    return made


async def test_what_was_acknowledged_outlives_every_kill_and_stands_once(
    community: Community, store: Store, warm: Warm, say: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("EXCHANGE_SEED") or random.SystemRandom().randrange(2**32))
    chance, served = random.Random(seed), community.served
    async with crowd.gather(community, *SENDERS, READER).present() as present:
        async with busy(present) as book:
            for _ in range(KILLS[store.name]):
                enough = len(book.told) + chance.randint(5, 40)
                await until(lambda enough=enough: len(book.told) >= enough)  # type: ignore[misc]
                await asyncio.sleep(chance.random() * 0.02)
                await asyncio.to_thread(warm.kill, served)
                assert lost(served.folder, book) == set()
                await asyncio.to_thread(warm.start, served)
        shown = await inbox(present.desk(READER))
    warm.stop(served)

    accepted = crowd.accepted(served.folder)
    say(
        f"kills on {store.name}: {KILLS[store.name]}, seed {seed}, {len(book.told)} acknowledged, "
        f"{book.repeats} of them only when sent again"
    )
    assert book.wrong == []
    assert max(Counter(item for item, _ in accepted).values()) == 1
    assert dict(accepted) == book.told
    assert shown == accepted
    assert crowd.audit(served.folder).findings == ()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_a_server_that_answers_before_the_commit_is_found_out(community: Community, warm: Warm) -> None:
    """The control: without the defence, the test above would be red."""
    served = community.served
    warm.stop(served)
    warm.start(served, ANSWERS_BEFORE_THE_COMMIT)
    async with crowd.gather(community, *SENDERS, READER).present() as present, busy(present) as book:
        await until(lambda: len(book.told) >= 20)
        await asyncio.to_thread(warm.kill, served)
        gone = lost(served.folder, book)
        # Whoever waits is let go: what had been signed would keep it from starting, and rightly so.
        (served.folder / "published.json").unlink()
        await asyncio.to_thread(warm.start, served, SAFE)

    assert gone != set()
