"""Whoever can write to the database changes one thing in it. `exchange trail verify` finds each, and says where."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Table
from sqlmodel import SQLModel

from exchange import cli, tables
from exchange.cli.screen import UNPROVEN, USAGE
from exchange.client import Client, Identity, Rights, enrol
from exchange.participant import ChangeKind
from tests.community import Community
from tests.faults import crowd
from tests.faults.warm import Warm
from tests.serving import ORIGIN

TABLES = {
    name: table
    for name, table in SQLModel.metadata.tables.items()
    if table.info.get("only") in (None, "sqlite") and tables.REVISION
}

# A number drawn at random, of the last hour, that nothing was ever derived from.
FOLLOWS_FROM_NOTHING = {("batch", "id")}

# Where in the trail a row belongs: the entry that brought it.
BROUGHT_BY = {
    "delivery": "item",
    "batch": "first",
    "tile": "(n + 1) * 256 - 1",
    "policy_set": """(
        select max(0, min(position) - 1) from entry where instr(cast(leaf as text), '"policy":"' || digest || '"')
    )""",
    "head": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An exchange's folder, nobody serving it. Every test finds the database as the gateway left it."""

    community: Community
    pristine: Path

    @property
    def folder(self) -> Path:
        return self.community.served.folder

    def restore(self) -> None:
        file = self.folder / "exchange.db"
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self.pristine, file)

    def ask(self, statement: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "exchange.db")) as connection, connection:
            connection.execute("pragma ignore_check_constraints = on")
            return connection.execute(statement, values).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    code: int
    document: Any

    @property
    def positions(self) -> set[int | None]:
        return {finding["position"] for finding in self.document["findings"]}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Database:
    """A trail with all kinds of acts in it, before and behind its first full tile."""
    community = crowd.found(tmp_path_factory.mktemp("tampering"), warm, EXCHANGE_LIMITS__REFUSALS_PER_MINUTE="230")
    asyncio.run(_begin(community))
    warm.stop(community.served)
    shutil.copyfile(community.served.folder / "exchange.db", community.folder / "earlier.db")
    warm.start(community.served)
    asyncio.run(_go_on(community))
    warm.stop(community.served)
    made = Database(community=community, pristine=community.folder / "pristine.db")
    shutil.copyfile(made.folder / "exchange.db", made.pristine)
    return made


@pytest.fixture
def opened(database: Database) -> Iterator[Database]:
    database.restore()
    yield database
    database.restore()


async def _begin(community: Community) -> None:
    await crowd.settle(community, "ncb-fra", "ncb-ita")
    for name, tier in (("ncb-deu", "T1"), ("ovs-auditor", "T6")):
        await community.admit(Identity(participant=name, name=name, tier=tier, country=name[-3:].upper()), Rights())
    await _busy(community)


async def _go_on(community: Community) -> None:
    async with crowd.gather(community, "ncb-fra").present() as present:
        desk = present.desk("ncb-fra")
        for _ in range(250):  # the last of them are counted in one leaf
            answered = await desk.send("POST", "/v1/messages", body=b"no message", media="application/jose")
            assert answered.status == 400
    await _busy(community)


async def _busy(community: Community) -> None:
    """A message with one recipient withheld, and its answer; read, acknowledged, asked about; changes, one waiting."""
    one, two = community.officers
    async with Client.open(community.profile("ncb-fra")) as fra, Client.open(community.profile("ncb-ita")) as ita:
        label = {"classification": "RES", "purpose": ["P3"]}
        draft = await fra.compose("message", "One", {"text": "!"}, ["ncb-ita", "ncb-deu"], label=label)
        await fra.preview(draft)
        asked = await fra.send(draft)
        answer = await ita.compose("message", "Answer", {"text": "!"}, ["ncb-fra", "tier:T1"], in_reply_to=asked.item)
        answered = await ita.send(answer)
        for reader, item in ((ita, asked.item), (fra, answered.item)):
            await reader.inbox()
            await reader.acknowledge(item)
    async with Client.open(one) as first, Client.open(two) as second:
        name = f"ncb-n{len(list(community.folder.iterdir()))}"
        newcomer = Identity(participant=name, name="Newcomer", tier="T1", country="UTO")
        enrolment = enrol(community.profile(name), community.served.pin, newcomer, now=first.clock.now())
        await first.officer.admit(newcomer, enrolment.officers)
        policy = dict(await first.officer.policy())
        policy["policies"] = {**policy["policies"], f"{name}.cedar": "// Nothing more.\n"}
        proposed = await first.officer.propose(ChangeKind.POLICY, policy=policy)
        await second.officer.approve(proposed.change)
    async with Client.open(community.profile("ovs-auditor")) as auditor:
        assert (await auditor.trail.audit(auditor.schemas, genesis=auditor.profile.pin.genesis)).whole


def rows_of(database: Database, table: str) -> list[tuple[Any, ...]]:
    """Position and primary key of some rows: the first, the last, and one between."""
    place = BROUGHT_BY.get(table, "position")
    names = ", ".join(column.name for column in TABLES[table].primary_key)
    found = database.ask(f"select {place}, {names} from {table} order by 1")
    assert found, f"there is nothing in {table} to change"
    return [found[n] for n in sorted({0, len(found) // 2, len(found) - 1})]


def changed(column: Column[Any], value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case None:
            return 1
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1]) if value else b"x"
        case str():
            return value[:-1] + ("A" if value[-1:] != "A" else "B")
        case _ if isinstance(column.type, Boolean):
            return 1 - value
        case _:
            return value + 1_000_000


COLUMNS = [
    pytest.param(table, column, id=f"{table.name}.{column.name}")
    for table in TABLES.values()
    for column in table.columns
    if (table.name, column.name) not in FOLLOWS_FROM_NOTHING
]


def verified(database: Database, captured: pytest.CaptureFixture[str], *more: object) -> Verdict:
    captured.readouterr()
    source = ("--database", database.folder, "--trail-key", database.community.served.pin.trail_key)
    code = cli.run([str(word) for word in ("trail", "verify", *source, *more, "--json")])
    return Verdict(code=code, document=json.loads(captured.readouterr().out or "null"))


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


INSERTED = [
    ("entry", "size", "select {place}, leaf from entry where position = 9"),
    ("sealed", "size", "select {place}, wrapped, texts from sealed where position = 9"),
    (
        "item",
        "size",
        "select {place}, at, sender, '01KAJ0000000000000000000AA', type, thread, label, token, null from item",
    ),
    (
        "item",
        "-1",
        "select {place}, at, sender, '01KAJ0000000000000000000AA', type, thread, label, token, null from item",
    ),
    (
        "item",
        "9",
        "select {place}, at, sender, '01KAJ0000000000000000000AA', type, thread, label, token, null from item",
    ),
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
    kept = opened.community.profile("ovs-auditor") / "state" / ORIGIN.replace("/", "+") / "checkpoint"
    shutil.copyfile(opened.community.folder / "earlier.db", opened.folder / "exchange.db")

    alone, compared = verified(opened, capsys), verified(opened, capsys, "--checkpoint", kept)

    assert (alone.code, compared.code) == (0, UNPROVEN)
    assert compared.positions == {alone.document["size"]}
