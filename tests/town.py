"""An exchange with rows of every kind beside its trail, and a hand that changes them."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, create_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from exchange import leaf, main, participant
from exchange.act import Act, Effect
from exchange.label import Classification
from exchange.leaf import Draft, Event
from exchange.main import Gateway
from exchange.merkle import TILE_WIDTH
from exchange.participant import ChangeKind
from exchange.settings import Settings
from exchange.store import Store
from exchange.store.held import to_micros
from exchange.trail.stored import stored_entries
from tests import gateway as gateways
from tests import rulings
from tests import world as worlds
from tests.doors.house import House, Plot, fresh_id
from tests.gateway import Founding
from tests.network import shipped_texts
from tests.stores import Store as Databases
from tests.world import World

BEYOND = 1_000_000
Row = Mapping[str, Any]
"""Columns and their values. A text that begins with @ stands for a place of the town, or one behind it: @item_1+1."""


@dataclass(slots=True, kw_only=True)
class Town:
    """An exchange and its database, nobody serving it. places: where some of its rows stand, by name."""

    house: House
    store: Store
    engine: Engine
    places: dict[str, Any]

    @classmethod
    @contextmanager
    def found(cls, databases: Databases, folder: Path) -> Iterator["Town"]:
        house = Plot(store=databases, folder=folder, founding=Founding(world=five_bureaus())).house()
        engine = create_engine(house.database, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        store = main.open_store(Settings.load(house.served.folder))
        with house.opened() as gateway:
            places = lived(house, gateway)
        yield cls(house=house, store=store, engine=engine, places=places)
        store.close()
        databases.drop(house.database)

    def faults(self, size: int | None = None) -> dict[int, tuple[str, ...]]:
        """position -> what is wrong there."""
        entries = stored_entries(self.store, size or self.store.head().size)
        return {entry.position: entry.faults for entry in entries if entry.faults}

    def place(self, name: str) -> Any:
        if name == "@last":
            return self.store.head().size - 1
        known, _, further = name.removeprefix("@").partition("+")
        return self.places[known] + int(further) if further else self.places[known]

    def ask(self, statement: str) -> Any:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(statement.format(**self.places)).scalar_one()

    @contextmanager
    def but(self, name: str) -> Iterator["Hand"]:
        """With a hand in this table, whose work is undone at the end."""
        table = SQLModel.metadata.tables[name]
        with self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("pragma ignore_check_constraints = on")
            before = [dict(row) for row in connection.execute(table.select()).mappings()]
            try:
                yield Hand(self, table, connection)
            finally:
                connection.execute(table.delete())
                connection.execute(table.insert(), before)


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who can write to a table."""

    town: Town
    table: Table
    connection: Connection

    def changes(self, where: Row, to: Row) -> None:
        done = self.connection.execute(self.table.update().where(self._at(where)).values(self._meant(to)))
        assert done.rowcount == 1

    def adds(self, like: Row, but: Row) -> None:
        self.connection.execute(self.table.insert(), [self._row(like) | self._meant(but)])

    def removes(self, where: Row) -> None:
        assert self.connection.execute(self.table.delete().where(self._at(where))).rowcount == 1

    def swaps(self, one: Row, other: Row, *columns: str) -> None:
        """These columns of both rows; all but what finds them, if none are named."""
        first, second = (self._row(where) for where in (one, other))
        names = columns or tuple(self.table.c.keys() - one.keys())
        self.removes(one)
        self.removes(other)
        both = [first | {n: second[n] for n in names}, second | {n: first[n] for n in names}]
        self.connection.execute(self.table.insert(), both)

    def _row(self, where: Row) -> dict[str, Any]:
        return dict(self.connection.execute(self.table.select().where(self._at(where))).mappings().one())

    def _at(self, row: Row) -> Any:
        return and_(*(self.table.c[name] == value for name, value in self._meant(row).items()))

    def _meant(self, row: Row) -> dict[str, Any]:
        return {n: self.town.place(v) if isinstance(v, str) and v.startswith("@") else v for n, v in row.items()}


def five_bureaus() -> World:
    world = worlds.found(now=datetime.now(UTC).replace(microsecond=0), policy=shipped_texts().digest)
    for name, clearance in (("fra", "RES"), ("ita", "RES"), ("deu", "RES"), ("bra", "OUO"), ("esp", "OUO")):
        world.admit(f"ncb-{name}", name.upper(), clearance=Classification[clearance])
    return world


def lived(house: House, gateway: Gateway) -> dict[str, Any]:
    """A round of everything, a policy set, a question, and a round again."""
    places: dict[str, Any] = {f"{name}_1": place for name, place in a_round(house, "ncb-esp", "RES").items()}
    texts = shipped_texts().document
    texts["policies"] = {**texts["policies"], "note.cedar": "// Nothing more.\n"}
    signed = house.world.signed(ChangeKind.POLICY, *house.world.officers, id=fresh_id(), policy=texts)
    change = gateways.change(gateway.committer.standing(), signed, house.world.now)
    places["policy"] = house.on_its_loop(committed(gateway, change))
    places["question"] = house.on_its_loop(committed(gateway, *questions(gateway, 1)))
    places |= {f"{name}_2": place for name, place in a_round(house, "ncb-bra", "RES").items()}
    places |= controlled(house, gateway)
    return places | {"zero": 0, "tile": TILE_WIDTH - 1, "beyond": BEYOND, "digest": participant.policy_digest(texts)}


async def committed(gateway: Gateway, *acts: Act) -> int:
    """-> the first one's position."""
    outcomes: list[Any] = await asyncio.gather(*map(gateway.committer.commit, acts))
    first: int = min(outcome.position for outcome in outcomes)
    return first


def questions(gateway: Gateway, count: int) -> list[Act]:
    standing = gateway.committer.standing()
    draft = Draft(event=Event.QUESTION_ASKED, actor="opr-exchange", object="?")
    return [Act(draft=draft, directory=standing.directory.version, policy=standing.policy.digest)] * count


def a_round(house: House, widened: str, clearance: str) -> dict[str, int]:
    """Two messages, the first withheld from Brazil; read, one of them twice; acknowledged; a change that waited."""
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    item = paris.sent("ncb-ita", "ncb-bra", "ncb-deu", label={"classification": "RES", "purpose": ["P3"]})
    other = rome.sent("ncb-fra", "ncb-deu", thread=item["item"])
    read = (rome.reads(item["item"]), paris.reads(other["item"]), rome.reads(item["item"]))
    assert all(read)
    assert rome.acknowledge(item["item"], duties=["RES"]).status_code == 201
    assert paris.acknowledge(other["item"]).status_code == 201
    house.grant(widened, clearance)
    names = ("item", "other", "read", "other_read", "again", "ack", "other_ack", "proposal", "change")
    return {name: house.size - len(names) + n for n, name in enumerate(names)}


def controlled(house: House, gateway: Gateway) -> dict[str, int]:
    """A message that was read, restricted, released anew, corrected and taken back."""
    item = house["ncb-fra"].sent("ncb-ita", "ncb-deu", "ncb-bra")
    assert house["ncb-ita"].reads(item["item"])
    read = house.size - 1
    places = {"held": read - 1, "held_read": read}
    for name, effect, more in (
        ("limit", Effect.RESTRICTION, {"body": rulings.ONLY_ITALY}),
        ("lift", Effect.RESTRICTION, {"body": rulings.LIFTED, "anew": ("ncb-bra", "ncb-deu")}),
        ("newer", Effect.CORRECTION, {"readers": ("ncb-ita",)}),
        ("taken", Effect.RECALL, {}),
    ):
        places[name] = house.on_its_loop(committed(gateway, ruled(gateway, effect, places["held"], **more)))
    leaves = {name: leaf.read(gateway.store.leaf(places[name])) for name in ("held", "lift")}
    return places | {f"{name}_at": to_micros(stated.at) for name, stated in leaves.items()}


def ruled(gateway: Gateway, effect: Effect, item: int, **more: Any) -> Act:
    committer = gateway.committer
    return rulings.ruling(committer.standing(), effect, item, rights=committer.rights, ulid=fresh_id(), **more)


def grow(town: Town, gateway: Gateway, count: int) -> None:
    """An old item is read for the first time and acknowledged, another released anew, a new one is sent, and this many
    questions are asked.
    """
    paris, berlin = town.house["ncb-fra"], town.house["ncb-deu"]
    item = f"ncb-fra:{town.ask('select ulid from item where position = {item_1}')}"
    assert berlin.reads(item)
    assert berlin.acknowledge(item, duties=["RES"]).status_code in (200, 201)
    paris.sent("ncb-deu")
    lift = ruled(gateway, Effect.RESTRICTION, town.places["held"], body=rulings.LIFTED, anew=("ncb-deu",))
    town.house.on_its_loop(committed(gateway, lift))
    town.house.on_its_loop(committed(gateway, *questions(gateway, count)))
