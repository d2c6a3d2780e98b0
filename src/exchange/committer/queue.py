"""The queue between the doors and the writer: bounded, in order, and cut into batches by what is there. No timer."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from exchange.act import Act, NewChange, NewItem
from exchange.refusal import Reason, Refusal

MOST_MEMBERS = 256
MOST_BYTES = 4 * 1024 * 1024

_RETRY_AFTER = 1  # seconds


def overloaded() -> Refusal:
    """Nothing was written, and it may go better in a moment."""
    return Refusal(Reason.OVERLOADED, retry_after=_RETRY_AFTER)


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """An act and who waits for it."""

    act: Act
    answer: "asyncio.Future[Any]"

    @property
    def weight(self) -> int:
        """Bytes, about."""
        return sum(map(len, self.act.draft.sealed.values()))

    @property
    def alone(self) -> bool:
        """What follows a change is decided under it, so it ends its batch; and it is judged in the commit itself.

        So does a ruling: every page stands wholly before or wholly behind it.
        """
        row = self.act.row
        return isinstance(row, NewChange) or (isinstance(row, NewItem) and row.ruling is not None)


class Queue:
    """put and drain: on the loop. take: by the writer. close: from anywhere."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: deque[Member] = deque()
        self._bell: SimpleQueue[bool] = SimpleQueue()  # rung by each put; False: closed
        self._closed = False

    def require_room(self, more: int) -> None:
        """For so many and one more. Raises Refusal(OVERLOADED)."""
        if len(self._members) + more >= self._limit:
            raise overloaded()

    def put(self, members: Sequence[Member]) -> None:
        """All at once: the writer that wakes finds all of them."""
        self._members.extend(members)
        self._bell.put(True)

    def take(self, seconds: float | None) -> list[Member] | None:
        """What is there, up to one batch; waits for a first one. Empty where none came in time, None at the end."""
        while not self._members:
            if self._closed:
                return None
            try:
                self._hear(self._bell.get(timeout=seconds))
            except Empty:
                return []
        while not self._bell.empty():
            self._hear(self._bell.get())
        return self._batch()

    def close(self) -> None:
        """The writer takes what is there, and then nothing."""
        self._bell.put(False)

    def drain(self) -> Iterator[Member]:
        """What nobody will take any more."""
        while self._members:
            yield self._members.popleft()

    def _batch(self) -> list[Member]:
        batch = [self._members.popleft()]
        weight = batch[0].weight
        while self._members and not batch[0].alone and len(batch) < MOST_MEMBERS:
            weight += self._members[0].weight
            if weight > MOST_BYTES or self._members[0].alone:
                break
            batch.append(self._members.popleft())
        return batch

    def _hear(self, rung: bool) -> None:
        self._closed = self._closed or not rung
