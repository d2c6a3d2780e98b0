"""A small trail in a database, in an export and on a living exchange, to be changed by whoever can write to it."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Column
from sqlmodel import SQLModel

from exchange import cli, tables
from exchange.client import Client, Identity, Rights, enrol
from exchange.participant import ChangeKind
from tests.community import Community
from tests.faults import crowd
from tests.faults.warm import Warm

AUDITOR = "ovs-auditor"
TABLES = {
    name: table
    for name, table in SQLModel.metadata.tables.items()
    if table.info.get("only") in (None, "sqlite") and tables.REVISION
}

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
        """With no note of what was signed since: the exchange would not start on it."""
        (self.folder / "published.json").unlink(missing_ok=True)
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


def build(folder: Path, warm: Warm) -> Database:
    """A trail with all kinds of acts in it, before and behind its first full tile."""
    community = crowd.found(folder, warm, EXCHANGE_LIMITS__REFUSALS_PER_MINUTE="230")
    asyncio.run(_begin(community))
    warm.stop(community.served)
    shutil.copyfile(community.served.folder / "exchange.db", community.folder / "earlier.db")
    warm.start(community.served)
    asyncio.run(_go_on(community))
    warm.stop(community.served)
    made = Database(community=community, pristine=community.folder / "pristine.db")
    shutil.copyfile(made.folder / "exchange.db", made.pristine)
    return made


async def _begin(community: Community) -> None:
    await crowd.settle(community, "ncb-fra", "ncb-ita")
    for name, tier in (("ncb-deu", "T1"), (AUDITOR, "T6")):
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
    async with Client.open(community.profile(AUDITOR)) as auditor:
        assert (await auditor.trail.audit(auditor.schemas, genesis=auditor.profile.pin.genesis)).whole


def rows_of(database: Database, table: str) -> list[tuple[Any, ...]]:
    """Position and primary key of two rows: one about the middle, whose leaf a full tile covers, and the last."""
    place = BROUGHT_BY.get(table, "position")
    names = ", ".join(column.name for column in TABLES[table].primary_key)
    found = database.ask(f"select {place}, {names} from {table} order by 1")
    assert found, f"there is nothing in {table} to change"
    return [found[n] for n in sorted({(len(found) - 1) // 2, len(found) - 1})]


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


def verified(database: Database, captured: pytest.CaptureFixture[str], *more: object) -> Verdict:
    source = ("--database", database.folder, "--trail-key", database.community.served.pin.trail_key)
    return ran(captured, "trail", "verify", *source, *more, "--json")


def ran(captured: pytest.CaptureFixture[str], *words: object) -> Verdict:
    captured.readouterr()
    code = cli.run([str(word) for word in words])
    return Verdict(code=code, document=json.loads(captured.readouterr().out or "null"))
