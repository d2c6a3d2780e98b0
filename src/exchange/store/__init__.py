"""Durable state. The only package that speaks SQL; SQLite and PostgreSQL alike, domain types in and out.

Reading goes through a few connections at once, from worker threads. Writing goes through one, in the transactions of
`begin`. Whatever is confidential lies sealed (vault), whatever is evidence stands under the tree (tables).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Engine, Select, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from exchange import tables
from exchange.refusal import Reason, Refusal
from exchange.store import engine as engines
from exchange.store.batch import NewBatch, Written
from exchange.store.directory import DirectoryRows
from exchange.store.engine import Dialect
from exchange.store.faults import (
    HeadBehind,
    HeadForged,
    OutcomeUnknown,
    StoreFault,
    Tampered,
    Unavailable,
    Unfit,
    Unwritable,
)
from exchange.store.head import Head, HeadKey
from exchange.store.held import (
    Beside,
    Delivery,
    Found,
    Movement,
    Place,
    Sealed,
    StoredChange,
    StoredEntry,
    StoredItem,
    StoredProposal,
)
from exchange.store.items import ItemRows, opening
from exchange.store.kept import KeptRows
from exchange.store.listener import Listener
from exchange.store.notices import Heard
from exchange.store.single_use import InMemory, SingleUse, Unlogged
from exchange.store.traffic import TrafficRows
from exchange.store.trail import TrailRows
from exchange.store.vault import KeyWrap
from exchange.store.writing import Transaction, Writer

__all__ = [
    "Beside",
    "Delivery",
    "Dialect",
    "Found",
    "Head",
    "HeadBehind",
    "HeadForged",
    "KeyWrap",
    "Movement",
    "NewBatch",
    "OutcomeUnknown",
    "Place",
    "Sealed",
    "Store",
    "StoreFault",
    "StoredChange",
    "StoredEntry",
    "StoredItem",
    "StoredProposal",
    "Tampered",
    "Transaction",
    "Unavailable",
    "Unfit",
    "Unwritable",
    "Written",
]


class Store(ItemRows, TrailRows, DirectoryRows, KeptRows, TrafficRows):
    """An exchange's database, open. Made by `open`.

    Its readings raise Refusal(STORE_UNAVAILABLE) where the database does not answer, and Tampered where a row was
    changed by somebody else.
    """

    def __init__(
        self, reading: Engine, writer: Writer, single_use: SingleUse, wrap: KeyWrap, head_key: HeadKey
    ) -> None:
        self._reading = reading
        self._writer = writer
        self._single_use = single_use
        self._wrap, self._head_key = wrap, head_key
        self._opened = opening(wrap)

    @classmethod
    def open(cls, url: str, *, wrapping: KeyWrap, head_key: bytes) -> "Store":
        """url: `sqlite:///file` or `postgresql://...`, migrated. head_key: 32 bytes.

        Raises Unfit where the database would lose what was acknowledged, or is not of this version; Unavailable.
        """
        parsed, key = engines.parse(url), HeadKey(head_key)
        reading = engines.for_reading(parsed)
        try:
            _check_version(reading)
            in_memory = engines.dialect_of(parsed) == "sqlite"
            single_use: SingleUse = InMemory() if in_memory else Unlogged(reading)
        except DBAPIError as error:
            reading.dispose()
            raise Unavailable(f"the database does not answer: {error.orig}") from error
        except StoreFault:
            reading.dispose()
            raise
        writer = Writer(engines.for_writing(parsed), wrapping, key)
        return cls(reading, writer, single_use, wrapping, key)

    @property
    def dialect(self) -> Dialect:
        return "sqlite" if self._reading.dialect.name == "sqlite" else "postgresql"

    @property
    def version(self) -> str:
        """Of the database itself: `3.45.1`, `18.6`."""
        with self._reading.connect() as connection:
            asked = "select sqlite_version()" if self.dialect == "sqlite" else "show server_version"
            return str(connection.execute(text(asked)).scalar_one()).split()[0]

    @property
    def refuse_before(self) -> int:
        """Seconds since 1970: what was made earlier may have been spent where nothing remembers it."""
        return self._single_use.refuse_before

    def begin(self) -> AbstractContextManager[Transaction]:
        """The writer's transaction, for one thread. Raises StoreFault in all its kinds."""
        return self._writer.begin()

    @property
    def connected(self) -> bool:
        """Whether the next transaction goes on with the connection of the last one."""
        return self._writer.connected

    async def spend(self, digest: bytes, expires: int) -> bool:
        """Whether this is the first time that this digest is spent. expires: seconds since 1970."""
        return await self._single_use.spend(digest, expires)

    def listen(self, heard: Heard) -> Listener:
        """Hear from all gateways on this database until the listener is closed. PostgreSQL only."""
        return Listener(self._writer.engine, heard, size=lambda: self.head().size)

    def close(self) -> None:
        self._writer.close()
        self._reading.dispose()

    def _ask(self, statement: Select[Any]) -> Sequence[Any]:
        try:
            return self._answered(statement)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise Refusal(Reason.STORE_UNAVAILABLE) from error
        except TimeoutError as error:
            raise Refusal(Reason.STORE_UNAVAILABLE) from error
        # The connection had ended while nobody used it: that says nothing of the next one.
        try:
            return self._answered(statement)
        except (DBAPIError, TimeoutError) as error:
            raise Refusal(Reason.STORE_UNAVAILABLE) from error

    def _answered(self, statement: Select[Any]) -> Sequence[Any]:
        with self._reading.connect() as connection:
            return connection.execute(statement).fetchall()


def _check_version(reading: Engine) -> None:
    """Raises Unfit."""
    with reading.connect() as connection:
        if reading.dialect.has_table(connection, "alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        else:
            found = None
    if found != tables.REVISION:
        raise Unfit(
            f"the database has the tables of revision {found}, this exchange needs {tables.REVISION}: "
            "after a backup, migrate it with `python -m exchange.migrations <its url>`"
        )
