"""The writer's side: one connection, one transaction at a time, durable when `commit` returns and not before.

What every batch runs goes straight to the driver's cursor: Core's own share of a statement, some 30 us of our thread
for each of nine, would be most of what a small batch costs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, Select, select
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from exchange.participant import ParticipantId
from exchange.store.batch import BatchRows, NewBatch
from exchange.store.directory import DirectoryRows
from exchange.store.faults import OutcomeUnknown, Unavailable, Unwritable, named
from exchange.store.head import Head, HeadKey
from exchange.store.held import Found, to_micros
from exchange.store.notices import CHANNEL, Notice
from exchange.store.rows import BATCH
from exchange.store.trail import TrailRows
from exchange.store.vault import KeyWrap

Identity = tuple[str | int, str]
"""(sender, ulid) of an item, or (item, reader) of an acknowledgement."""

_HEAD = "size, frontier, at, directory, policy, rights, mac"
_KEPT = 3600 * 1_000_000  # microseconds that a batch is remembered

# One statement for all that is wanted, whose plan is a look-up for each: `(a, b) IN (VALUES ...)` would read the table.
_FIND = {
    "sqlite": """
        SELECT t.{a}, t.{b}, t.position, entry.leaf, sealed.wrapped, {erased}
        FROM json_each(?) AS wanted
        CROSS JOIN {table} AS t ON t.{a} = wanted.value ->> 0 AND t.{b} = wanted.value ->> 1
        CROSS JOIN entry ON entry.position = t.position
        CROSS JOIN sealed ON sealed.position = t.position""",
    "postgresql": """
        SELECT t.{a}, t.{b}, t.position, entry.leaf, sealed.wrapped, {erased}
        FROM unnest(%s::{kind}[], %s::text[]) AS wanted (a, b)
        JOIN {table} AS t ON t.{a} = wanted.a AND t.{b} = wanted.b
        JOIN entry ON entry.position = t.position
        JOIN sealed ON sealed.position = t.position""",
}
_ITEMS = {"table": "item", "a": "sender", "b": "ulid", "kind": "text", "erased": "t.erased_at IS NOT NULL"}
_ACKNOWLEDGEMENTS = {"table": "acknowledgement", "a": "item", "b": "reader", "kind": "bigint", "erased": "1 = 0"}


class Transaction(TrailRows, DirectoryRows):
    """Once it has locked the head, no other transaction writes until its end."""

    def __init__(self, connection: Connection, wrap: KeyWrap, head_key: HeadKey, notices: list[str]) -> None:
        self._connection = connection
        self._cursor: Any = connection.connection.cursor()
        self._wrap, self._head_key = wrap, head_key
        self._notices = notices
        self._sqlite = connection.dialect.name == "sqlite"
        self._cursor.execute("BEGIN IMMEDIATE" if self._sqlite else "BEGIN")
        self.ended = False

    def lock_head(self) -> Head | None:
        """Raises HeadForged. None where no exchange was founded."""
        lock = "" if self._sqlite else " FOR UPDATE"
        row = self._run(f"SELECT {_HEAD} FROM head WHERE id = 1{lock}").fetchone()  # noqa: S608
        return None if row is None else self._head_key.open(*row)

    def is_committed(self, batch: bytes) -> bool:
        return self._ask_one(select(BATCH.c.first).where(BATCH.c.id == batch)) is not None

    def find_items(self, wanted: Sequence[Identity]) -> Mapping[Identity, Found]:
        """(sender, ulid) -> what stands there."""
        return self._find(_ITEMS, wanted)

    def find_acknowledgements(self, wanted: Sequence[Identity]) -> Mapping[Identity, Found]:
        """(item, reader) -> what stands there."""
        return self._find(_ACKNOWLEDGEMENTS, wanted)

    def touched_since(self, rights: int) -> Mapping[int, int]:
        """The items that were acted upon beyond this position -> where they were last."""
        return dict(self._run("SELECT position, touched FROM item WHERE touched > ?", (rights,)).fetchall())

    def readers(self, item: int) -> tuple[ParticipantId, ...]:
        """Who has been shown the item at this position, in the order of their ids; not its own sender."""
        asked = "SELECT reader FROM reading JOIN item ON item.position = reading.item WHERE reading.item = ? "
        rows = self._run(asked + "AND reading.reader <> item.sender", (item,)).fetchall()
        return tuple(ParticipantId(reader) for reader in sorted(row[0] for row in rows))

    def append(self, batch: NewBatch, head: Head) -> None:
        """head: where the trail stands after the batch."""
        with self._together():
            BatchRows(batch, self._wrap).insert(self._cursor, sqlite=self._sqlite)
            if batch.id[0] == 0:
                # Ids are random, so this is one batch in 256: often enough, and rare enough to cost nothing.
                self._forget_batches(to_micros(batch.at))
            self._run(f"UPDATE head SET ({_HEAD}) = (?, ?, ?, ?, ?, ?, ?) WHERE id = 1", self._head_key.row(head))  # noqa: S608
            if not self._sqlite:
                notice = Notice(size=head.size, readers=frozenset(batch.readers))
                self._run(f"SELECT pg_notify('{CHANNEL}', ?)", (notice.write(),))

    def _together(self) -> AbstractContextManager[Any]:
        """PostgreSQL is told all at once and answers once, here at the end, whatever of it fails."""
        if self._sqlite:
            return nullcontext()
        pipeline: AbstractContextManager[Any] = self._connection.connection.driver_connection.pipeline()  # type: ignore[union-attr]
        return pipeline

    def found(self, batch: NewBatch, head: Head) -> None:
        """The first batch of all, and the head's row."""
        BatchRows(batch, self._wrap).insert(self._cursor, sqlite=self._sqlite)
        self._run(f"INSERT INTO head (id, {_HEAD}) VALUES (1, ?, ?, ?, ?, ?, ?, ?)", self._head_key.row(head))  # noqa: S608

    def _forget_batches(self, at: int) -> None:
        """Those older than an hour at this time, in microseconds."""
        self._run("DELETE FROM batch WHERE at < ?", (at - _KEPT,))

    def touch_head(self) -> None:
        """Write without changing: a commit of it is a barrier, after which all that was seen is durable."""
        self._run("UPDATE head SET id = id WHERE id = 1")

    def commit(self) -> None:
        """Returns when the disk has it, and the standby if there is one. Raises OutcomeUnknown, Unavailable."""
        self._notices.clear()
        try:
            self._cursor.execute("COMMIT")
        except self._connection.dialect.loaded_dbapi.Error as error:
            raise OutcomeUnknown(f"the commit was not answered: {named(error)}") from error
        finally:
            self.ended = True
        if self._notices:
            # PostgreSQL commits here, and says that the standby may not have it.
            raise OutcomeUnknown(f"the commit was answered with a warning: {self._notices[0]}")
        if not self._sqlite and self._cursor.statusmessage != "COMMIT":
            raise Unavailable("the database undid the transaction instead of committing it")

    def _find(self, what: Mapping[str, str], wanted: Sequence[Identity]) -> Mapping[Identity, Found]:
        if not wanted:
            return {}
        firsts, seconds = zip(*wanted, strict=True)
        arguments = (json.dumps(wanted),) if self._sqlite else (list(firsts), list(seconds))
        statement = _FIND[self._connection.dialect.name].format(**what)
        rows = self._cursor.execute(statement, arguments).fetchall()
        return {(a, b): self._found_in(*found) for a, b, *found in rows}

    def _found_in(self, position: int, leaf: bytes, wrapped: bytes, erased: bool) -> Found:
        return Found(position=position, leaf=leaf, key=None if erased else self._wrap.unwrap(wrapped, position))

    def _run(self, statement: str, arguments: tuple[Any, ...] = ()) -> Any:
        return self._cursor.execute(statement if self._sqlite else statement.replace("?", "%s"), arguments)

    def _ask(self, statement: Select[Any]) -> Sequence[Any]:
        return self._connection.execute(statement).fetchall()


class Writer:
    """The one connection that writes. It is made when it is needed, and given up when its state is in doubt."""

    def __init__(self, engine: Engine, wrap: KeyWrap, head_key: HeadKey) -> None:
        driver = engine.dialect.loaded_dbapi
        self.engine = engine
        self._wrap, self._head_key = wrap, head_key
        self._connection: Connection | None = None
        self._notices: list[str] = []
        self._away = (OperationalError, InterfaceError, driver.OperationalError, driver.InterfaceError)
        self._errors = (SQLAlchemyError, driver.Error)

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        """A transaction that is undone unless it is committed. Raises StoreFault in all its kinds."""
        transaction: Transaction | None = None
        try:
            transaction = Transaction(self._connect(), self._wrap, self._head_key, self._notices)
            yield transaction
        except self._away as error:
            raise Unavailable(f"the database does not answer: {named(error)}") from error
        except self._errors as error:
            if self.engine.dialect.name == "postgresql":
                # What was told together with the refused may have prepared statements that the server has not kept.
                self.close()
            raise Unwritable(f"the database refuses the rows: {named(error)}") from error
        except OutcomeUnknown:
            self.close()
            raise
        finally:
            if transaction is None:
                self.close()
            elif not transaction.ended:
                self._undo()

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def close(self) -> None:
        """Give the connection up, whatever state it is in."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self.engine.connect()
            if self.engine.dialect.name == "postgresql":
                self._watch_warnings(self._connection.connection.driver_connection)
        return self._connection

    def _watch_warnings(self, connection: Any) -> None:
        def note(diagnostic: Any) -> None:
            if (diagnostic.sqlstate or "").startswith("01"):
                self._notices.append(diagnostic.sqlstate)

        connection.add_notice_handler(note)

    def _undo(self) -> None:
        try:
            if self._connection is not None:
                self._connection.connection.cursor().execute("ROLLBACK")
        except self._errors:
            self.close()
