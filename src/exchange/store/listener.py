"""Hears what other gateways commit, on a connection and a thread of its own. PostgreSQL only."""

import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, TimeoutError

from exchange.refusal import Refusal
from exchange.store.faults import StoreFault
from exchange.store.notices import CHANNEL, Heard, Notice

_EACH = 1.0  # seconds between two looks at the trail itself
_STEP = 0.1  # seconds in which it notices that it was closed


class Listener:
    """heard: told of every commit, from this thread. size: how long the trail is, by asking."""

    def __init__(self, engine: Engine, heard: Heard, size: Callable[[], int]) -> None:
        self._engine = engine
        self._heard = heard
        self._size = size
        self._known = -1
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exchange-listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(timeout=2 * _EACH)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except (DBAPIError, TimeoutError, Refusal, StoreFault, OSError):
                # The database is away. Whatever is missed meanwhile is found by the first look afterwards.
                self._closed.wait(_EACH)

    def _listen(self) -> None:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
            driver: Any = connection.connection.driver_connection
            try:
                looked = -_EACH
                while not self._closed.is_set():
                    if time.monotonic() - looked >= _EACH:
                        self._look()
                        looked = time.monotonic()
                    for notice in driver.notifies(timeout=_STEP):
                        self._take(notice.payload)
            except self._engine.dialect.loaded_dbapi.Error as error:
                connection.invalidate()
                raise OSError("the listening connection ended") from error
            finally:
                # It must not go back to the pool listening.
                connection.invalidate()

    def _take(self, payload: str) -> None:
        notice = Notice.parse(payload)
        self._known = max(self._known, notice.size)
        self._heard(notice.readers)

    def _look(self) -> None:
        """A longer trail than was heard of: a notice was lost, or comes just now. Either way somebody may wait."""
        size = self._size()
        if size > self._known:
            self._known = size
            self._heard(None)
