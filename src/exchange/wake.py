"""Who waits for what: readers of this process, and the commits that have something for them.

Waiting holds no thread and no connection. A reader listens before it looks, so what is committed between its look and
its wait still wakes it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

Woken = Callable[[float], Coroutine[Any, Any, bool]]
"""seconds -> whether something came since the listening began; at once if it came already."""


class Wake:
    """The waiting readers of one event loop. Only `notify` may be called from other threads."""

    def __init__(self) -> None:
        self._bells: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nobody is to wait any more."""
        return self._closed

    @contextmanager
    def listening(self, reader: str) -> Iterator[Woken]:
        """From here on nothing for this reader is missed.

        with wake.listening(reader) as woken:
            found = look()
            if not found and await woken(30):
                found = look()
        """
        self._loop = asyncio.get_running_loop()
        bell = asyncio.Event()
        if self._closed:
            bell.set()
        self._bells[reader].add(bell)

        async def woken(seconds: float) -> bool:
            try:
                await asyncio.wait_for(bell.wait(), seconds)
            except TimeoutError:
                return False
            return True

        try:
            yield woken
        finally:
            self._bells[reader].discard(bell)
            if not self._bells[reader]:
                del self._bells[reader]

    def notify(self, readers: Iterable[str] | None) -> None:
        """From any thread: these have something new; None: anybody may have. One call into the loop for all of them."""
        loop = self._loop
        if loop is None or not self._bells:
            return
        try:
            loop.call_soon_threadsafe(self._ring, None if readers is None else tuple(readers))
        except RuntimeError:
            # The loop is closed, and with it everybody who waited.
            return

    def close(self) -> None:
        """On the loop or in its signal handler: let everybody go now, and nobody wait any more."""
        self._closed = True
        self.notify(None)

    def _ring(self, readers: tuple[str, ...] | None) -> None:
        for reader in tuple(self._bells) if readers is None else readers:
            for bell in self._bells.get(reader, ()):
                bell.set()
