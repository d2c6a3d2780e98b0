"""What may be used once is used once, by whoever comes first, on however many gateways."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from exchange.store import Store
from tests.gateway import open_store

LATER = int(time.time()) + 24 * 3600  # of a run that may be long


@pytest.fixture
def opened(founded: str) -> Iterator[Store]:
    store = open_store(founded)
    yield store
    store.close()


async def test_a_digest_is_spent_once(opened: Store) -> None:
    spent = [await opened.spend(digest, LATER) for digest in (b"a" * 32, b"b" * 32, b"a" * 32)]

    assert spent == [True, True, False]


async def test_of_many_at_once_exactly_one_is_the_first(opened: Store) -> None:
    spent = await asyncio.gather(*(opened.spend(b"a" * 32, LATER) for _ in range(50)))

    assert sum(spent) == 1


async def test_what_was_made_before_the_memory_began_is_to_be_refused(opened: Store) -> None:
    assert time.time() - 120 < opened.refuse_before <= time.time()


async def test_what_has_expired_is_forgotten_and_the_rest_is_not(
    opened: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exchange.store.single_use._PRUNE_EVERY", 3)
    assert await opened.spend(b"old" * 8, int(time.time()) - 1)
    assert await opened.spend(b"new" * 8, LATER)

    assert await opened.spend(b"now" * 8, LATER)  # here the old one is forgotten

    assert await opened.spend(b"old" * 8, LATER)
    assert not await opened.spend(b"new" * 8, LATER)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
async def test_gateways_share_what_is_spent(opened: Store, founded: str) -> None:
    other = open_store(founded)

    assert await opened.spend(b"a" * 32, LATER)
    assert not await other.spend(b"a" * 32, LATER)
    other.close()


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
async def test_after_a_crash_of_the_database_the_memory_begins_anew(opened: Store, founded: str) -> None:
    """PostgreSQL empties unlogged tables when it recovers, and this is what a gateway sees of it."""
    await opened.spend(b"a" * 32, LATER)
    before = opened.refuse_before
    engine = create_engine(founded, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE single_use"))
        connection.execute(text("INSERT INTO single_use VALUES ('', :since)"), {"since": before + 60})
    engine.dispose()

    first = await opened.spend(b"a" * 32, LATER)

    assert not first  # it may have been spent before the crash, as here it was
    assert opened.refuse_before == before + 60
    assert await opened.spend(b"b" * 32, LATER)
