"""No statement of the hot path reads a whole table: what SQLite means to do is asked of SQLite itself."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from exchange.cursor import Place
from exchange.store import Store, Transaction
from tests import world as worlds
from tests.gateway import Gateway

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

BIG = ("entry", "sealed", "item", "delivery", "reading", "acknowledgement", "tile")
READINGS: dict[str, Callable[[Store], Any]] = {
    "inbox": lambda store: store.inbox("ncb-ita", Place(5, 5), 9),
    "passed_over": lambda store: store.passed_over("ncb-ita", Place(5, 5), Place(9, 9), 7, 9),
    "owed": lambda store: store.owed("ncb-ita", Place(5, 5), 9),
    "item_for": lambda store: store.item_for("ncb-ita", f"ncb-fra:{worlds.fresh_id()}"),
    "thread_for": lambda store: store.thread_for("ncb-ita", worlds.fresh_id(), 9),
    "sent": lambda store: store.sent("ncb-fra", 5, 9),
    "items_held": lambda store: store.items_held("ncb-ita", [3, 5, 9]),
    "holders": lambda store: store.holders(5),
    "traffic": lambda store: store.traffic("ncb-fra", 5, 9),
    "traffic, to whom": lambda store: store._peers_of([5]),
    "deliveries": lambda store: store.deliveries(5),
    "entries": lambda store: store.entries(5, 9),
    "leaf": lambda store: store.leaf(0),
    "sealed": lambda store: store.sealed(0),
    "leaf_hashes": lambda store: store.leaf_hashes(0, 1),
    "tile_roots": lambda store: store.tile_roots(0, 0, 0),
    "messages": lambda store: store.messages(3, 9),
}


@pytest.mark.parametrize("reading", READINGS)
async def test_a_reading_looks_up_and_never_scans(running: Gateway, reading: str) -> None:
    plan = planned(running.store._reading, lambda: READINGS[reading](running.store))

    assert plan
    assert [step for step in plan if step.startswith("SCAN") and step.split()[1] in BIG] == []


@pytest.mark.parametrize("what", ["find_items", "find_acknowledgements"])
async def test_the_writer_looks_each_identity_up(running: Gateway, what: str) -> None:
    await running.committer.stop()
    wanted = [("ncb-fra", worlds.fresh_id())] * 3 if what == "find_items" else [(1, "ncb-ita")] * 3

    with running.store.begin() as transaction:
        plan = explained(transaction, lambda: getattr(transaction, what)(wanted))

    # `t` is what is looked for, `wanted` the list it is looked for by.
    assert [step for step in plan if step.startswith("SCAN")] == ["SCAN wanted VIRTUAL TABLE INDEX 1:"]
    assert len([step for step in plan if step.startswith("SEARCH t USING")]) == 1


@pytest.mark.parametrize(
    ("what", "found_by"),
    [("touched_since", "SEARCH item USING COVERING INDEX item_touched"), ("readers", "SEARCH reading USING")],
)
async def test_the_writer_looks_up_what_was_done_to_items(running: Gateway, what: str, found_by: str) -> None:
    await running.committer.stop()

    with running.store.begin() as transaction:
        plan = explained(transaction, lambda: getattr(transaction, what)(5))

    assert [step for step in plan if step.startswith("SCAN")] == []
    assert [step for step in plan if step.startswith(found_by)]


async def test_a_scan_would_be_found_out(running: Gateway) -> None:
    def scan() -> None:
        with running.store._reading.connect() as connection:
            connection.exec_driver_sql("SELECT * FROM item WHERE type = 'message'")

    assert planned(running.store._reading, scan) == ["SCAN item"]


def explained(transaction: Transaction, run: Callable[[], object]) -> list[str]:
    """Every step of the plans of what runs in the writer's own transaction."""
    ran: list[str] = []
    driver = transaction._connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.set_trace_callback(ran.append)
    run()
    driver.set_trace_callback(None)
    return [row[3] for statement in ran for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]


def planned(engine: Any, run: Callable[[], object]) -> list[str]:
    """Every step of the plans of what runs."""
    steps: list[str] = []

    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            other = cursor.connection.cursor()
            steps.extend(row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        run()
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    return steps
