"""Notices from gateway to gateway: read as they were written, and not missed for long when they are lost."""

import asyncio
import time
from collections.abc import Iterable

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.store.notices import Notice
from tests.gateway import Gateway, message

on_postgresql = pytest.mark.parametrize("store", ["postgresql"], indirect=True)
names = st.from_regex(r"[a-z][a-z0-9-]{1,30}", fullmatch=True)


@given(st.integers(0, 2**53), st.none() | st.frozensets(names, max_size=50))
def test_a_notice_is_read_as_it_was_written(size: int, readers: frozenset[str] | None) -> None:
    notice = Notice(size=size, readers=readers)

    assert Notice.parse(notice.write()) == notice


def test_a_notice_with_too_many_names_names_nobody() -> None:
    many = Notice(size=7, readers=frozenset(f"ncb-{n:05}" for n in range(2000)))

    assert len(many.write()) < 8000
    assert Notice.parse(many.write()) == Notice(size=7, readers=None)


@on_postgresql
async def test_a_commit_is_heard_at_once_with_its_readers(running: Gateway) -> None:
    heard: list[Iterable[str] | None] = []
    listener = running.store.listen(heard.append)
    await until(lambda: None in heard)  # the first look; from here on notices tell

    heard.clear()
    await running.committer.commit(message(running.standing, readers=("ncb-ita", "ncb-deu")))
    await until(lambda: frozenset({"ncb-ita", "ncb-deu"}) in heard)

    assert None not in heard
    listener.close()


@on_postgresql
async def test_a_lost_notice_costs_a_second_and_no_item(running: Gateway, founded: str) -> None:
    heard: list[Iterable[str] | None] = []
    listener = running.store.listen(heard.append)
    await until(lambda: None in heard)
    heard.clear()

    with psycopg.connect(founded.replace("+psycopg", ""), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
            "AND datname = current_database()"
        )
    begun = time.monotonic()
    await running.committer.commit(message(running.standing))
    await until(lambda: bool(heard))

    assert time.monotonic() - begun < 4
    listener.close()


async def until(true: object) -> None:
    """Waits some seconds for it. Raises AssertionError."""
    assert callable(true)
    for _ in range(300):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to pass")
