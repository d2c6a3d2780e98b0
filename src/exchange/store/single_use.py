"""What may be used once: digests of proofs and assertions, until they expire.

They need not outlive a crash, if whatever was made before it is refused afterwards: one process remembers them in
memory, many share a table that PostgreSQL empties when it recovers.
"""

import asyncio
import time
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, TimeoutError

from exchange.refusal import Reason, Refusal

_PRUNE_EVERY = 4096  # spendings
_FIRST = b""  # the row that says since when the table remembers


class SingleUse(Protocol):
    @property
    def refuse_before(self) -> int:
        """Seconds since 1970: earlier ones are not remembered."""

    async def spend(self, digest: bytes, expires: int) -> bool:
        """Whether it is new."""


class InMemory:
    """Of one process, on its loop."""

    def __init__(self) -> None:
        self.refuse_before = int(time.time())
        self._expires: dict[bytes, int] = {}
        self._spent = 0

    async def spend(self, digest: bytes, expires: int) -> bool:
        self._spent += 1
        if self._spent % _PRUNE_EVERY == 0:
            now = time.time()
            self._expires = {d: e for d, e in self._expires.items() if e > now}
        if digest in self._expires:
            return False
        self._expires[digest] = expires
        return True


class Unlogged:
    """Of all gateways on one PostgreSQL. An unlogged table is written without a wait for the disk."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._spent = 0
        self.refuse_before = self._remembers_since()

    async def spend(self, digest: bytes, expires: int) -> bool:
        try:
            return await asyncio.to_thread(self._spend, digest, expires)
        except (DBAPIError, TimeoutError) as error:
            raise Refusal(Reason.STORE_UNAVAILABLE) from error

    def _spend(self, digest: bytes, expires: int) -> bool:
        self._spent += 1
        with self._engine.connect() as connection:
            if self._spent % _PRUNE_EVERY == 0:
                # The rows in use lie ahead of us; the first row stays.
                statement = "DELETE FROM single_use WHERE expires < %s AND digest <> %s"
                connection.exec_driver_sql(statement, (int(time.time()), _FIRST))
            statement = """
                INSERT INTO single_use (digest, expires) VALUES (%s, %s) ON CONFLICT DO NOTHING
                RETURNING (SELECT expires FROM single_use WHERE digest = %s)"""
            row = connection.exec_driver_sql(statement, (digest, expires, _FIRST)).fetchone()
        if row is None:
            return False
        if row[0] != self.refuse_before:
            # The table was emptied by a crash since. This one may have been spent before it.
            self.refuse_before = self._remembers_since()
            return False
        return True

    def _remembers_since(self) -> int:
        with self._engine.connect() as connection:
            statement = "INSERT INTO single_use (digest, expires) VALUES (%s, %s) ON CONFLICT DO NOTHING"
            connection.exec_driver_sql(statement, (_FIRST, int(time.time())))
            found = connection.exec_driver_sql("SELECT expires FROM single_use WHERE digest = %s", (_FIRST,))
            return int(found.scalar_one())
