"""Whoever can write to the database changes one thing in it. `exchange trail verify` finds each, and says where."""

import shutil
from typing import Any

import pytest
from sqlalchemy import Column, Table

from exchange import tables
from exchange.cli.screen import UNPROVEN, USAGE
from tests.faults.tampered import AUDITOR, TABLES, Database, changed, rows_of, verified
from tests.serving import ORIGIN

# A number drawn at random, of the last hour, that nothing was ever derived from.
FOLLOWS_FROM_NOTHING = {("batch", "id")}

COLUMNS = [
    pytest.param(table, column, id=f"{table.name}.{column.name}")
    for table in TABLES.values()
    for column in table.columns
    if (table.name, column.name) not in FOLLOWS_FROM_NOTHING
]


def test_the_trail_that_nobody_changed_is_whole(opened: Database, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = verified(opened, capsys)

    assert (verdict.code, verdict.document["findings"]) == (0, [])
    assert verdict.document["size"] > 256
    assert len(verdict.document["events"]) == 9  # all but an anomaly of the clock


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_whatever_is_changed_is_found_at_its_position(
    opened: Database, capsys: pytest.CaptureFixture[str], table: Table, column: Column[Any]
) -> None:
    where = " and ".join(f"{key.name} is ?" for key in table.primary_key)
    for position, *key in rows_of(opened, table.name):
        value = opened.ask(f"select {column.name} from {table.name} where {where}", *key)[0][0]
        opened.ask(f"update {table.name} set {column.name} = ? where {where}", changed(column, value), *key)

        verdict = verified(opened, capsys)

        if table.name == "head":
            # Without a head that a gateway wrote there is no size to verify: it is not begun.
            assert verdict.code in (USAGE, UNPROVEN)
            assert "findings" not in verdict.document
        elif table.name == "batch":
            # A batch is many entries; it is found where it does not meet the next.
            assert (verdict.code, verdict.positions != set()) == (UNPROVEN, True)
        else:
            assert (verdict.code, position in verdict.positions) == (UNPROVEN, True)
        opened.restore()


def test_what_follows_from_nothing_says_so() -> None:
    for table, column in FOLLOWS_FROM_NOTHING:
        declared = next(m for m in vars(tables).values() if getattr(m, "__tablename__", None) == table)
        assert f"{column} (random)" in declared.__doc__


@pytest.mark.parametrize("table", [name for name in TABLES if name not in ("head", "tile", "batch")])
def test_whatever_is_taken_out_is_found_at_its_position(
    opened: Database, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    where = " and ".join(f"{key.name} is ?" for key in TABLES[table].primary_key)
    for position, *key in rows_of(opened, table):
        opened.ask(f"delete from {table} where {where}", *key)

        assert position in verified(opened, capsys).positions
        opened.restore()


_UNIQUE = ("position", "id", "digest", "sender", "ulid", "item", "reader")


@pytest.mark.parametrize("table", ["entry", "sealed", "item", "acknowledgement", "change", "proposal"])
@pytest.mark.parametrize("columns", ["all", "position"])
def test_rows_that_changed_places_are_found_at_both(
    opened: Database, capsys: pytest.CaptureFixture[str], table: str, columns: str
) -> None:
    """Only their places; or all that they hold, and not their places."""
    names = [c.name for c in TABLES[table].columns if c.name not in _UNIQUE]
    (first, *_), *_, (second, *_) = rows_of(opened, table)
    if columns == "position":
        for old, new in ((first, -9), (second, first), (-9, second)):
            opened.ask(f"update {table} set position = ? where position = ?", new, old)
    else:
        rows = opened.ask(
            f"select {', '.join(names)} from {table} where position in (?, ?) order by position desc", first, second
        )
        for position, row in zip((first, second), rows, strict=True):
            opened.ask(
                f"update {table} set ({', '.join(names)}) = ({', '.join('?' * len(names))}) where position = ?",
                *row,
                position,
            )

    assert {first, second} <= verified(opened, capsys).positions


AN_ITEM = (
    "select {place}, at, sender, '01KAJ0000000000000000000AA', type, thread, label, token, "
    "null, null, null, null, null from item"
)
INSERTED = [
    ("entry", "size", "select {place}, leaf from entry where position = 9"),
    ("sealed", "size", "select {place}, wrapped, texts from sealed where position = 9"),
    ("item", "size", AN_ITEM),
    ("item", "-1", AN_ITEM),
    ("item", "9", AN_ITEM),
    ("delivery", "(select min(position) from item)", "select 'ncb-deu', {place}, {place}, at from delivery"),
    ("delivery", "size", "select 'ncb-deu', {place}, {place}, at from delivery"),
    ("reading", "(select max(position) from reading)", "select item, 'ncb-deu', {place}, at from reading"),
    ("acknowledgement", "9", "select item, 'ncb-deu', {place}, at, token from acknowledgement"),
    (
        "change",
        "(select min(position) from item)",
        "select {place}, 'x', 'y', kind, participant, public, jws, approvals from change",
    ),
    ("proposal", "9", "select {place}, 'x', jws, approvals from proposal"),
    ("batch", "9", "select zeroblob(16), {place}, 1, at from batch"),
    ("policy_set", "size - 1", "select '" + "a" * 64 + "', texts from policy_set"),
    ("tile", "size - 1", "select 1, 0, hashes, root from tile"),
    ("tile", "size - 1", "select 0, 1, hashes, root from tile"),
]


@pytest.mark.parametrize(("table", "place", "rows"), INSERTED)
def test_whatever_is_put_in_is_found_at_its_position(
    opened: Database, capsys: pytest.CaptureFixture[str], table: str, place: str, rows: str
) -> None:
    [[position]] = opened.ask(f"select {place} from head")
    opened.ask(f"insert into {table} {rows.format(place=position)} limit 1")

    assert max(0, position) in verified(opened, capsys).positions


def test_a_trail_that_was_cut_off_is_found_where_it_ends(opened: Database, capsys: pytest.CaptureFixture[str]) -> None:
    [[size]] = opened.ask("select size from head")
    for table in ("entry", "sealed", "item", "reading", "acknowledgement", "change", "proposal"):
        opened.ask(f"delete from {table} where position >= ?", size - 7)

    assert size - 7 in verified(opened, capsys).positions


def test_an_older_database_put_back_whole_is_found_by_a_checkpoint_kept_elsewhere(
    opened: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = opened.community.profile(AUDITOR) / "state" / ORIGIN.replace("/", "+") / "checkpoint"
    shutil.copyfile(opened.community.folder / "earlier.db", opened.folder / "exchange.db")

    alone, compared = verified(opened, capsys), verified(opened, capsys, "--checkpoint", kept)

    assert (alone.code, compared.code) == (0, UNPROVEN)
    assert compared.positions == {alone.document["size"]}
