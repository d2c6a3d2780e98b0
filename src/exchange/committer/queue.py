"""The queue between the doors and the writer: bounded, in order, and cut into batches by what is there. No timer."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from exchange.act import Act, NewChange
from exchange.refusal import Reason, Refusal

MOST_MEMBERS = 256
MOST_BYTES = 4 * 1024 * 1024

_RETRY_AFTER = 1  # seconds


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
        """What follows a change is decided under it, so it ends its batch; and it is judged in the commit itself."""
        return isinstance(self.act.row, NewChange)


class Queue:
    """put and drain: on the loop. take: by the writer. close: from anywhere."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: SimpleQueue[Member | None] = SimpleQueue()
        self._held: Member | None = None
        self._closed = False

    def put(self, member: Member) -> None:
        """Raises Refusal(OVERLOADED)."""
        if self._members.qsize() >= self._limit:
            raise Refusal(Reason.OVERLOADED, retry_after=_RETRY_AFTER)
        self._members.put(member)

    def take(self, seconds: float | None) -> list[Member] | None:
        """What is there, up to one batch; waits for a first one. Empty where none came in time, None at the end."""
        first = self._next(seconds)
        if first is None:
            return None if self._closed else []
        batch, weight = [first], first.weight
        while not batch[-1].alone and len(batch) < MOST_MEMBERS:
            member = self._next(0)
            if member is None:
                break
            weight += member.weight
            if weight > MOST_BYTES or member.alone:
                self._held = member
                break
            batch.append(member)
        return batch

    def close(self) -> None:
        """The writer takes what is there, and then nothing."""
        self._members.put(None)

    def drain(self) -> Iterator[Member]:
        """What nobody will take any more."""
        if self._held is not None:
            yield self._held
            self._held = None
        while self._members.qsize():
            member = self._members.get()
            if member is not None:
                yield member

    def _next(self, seconds: float | None) -> Member | None:
        if self._held is not None:
            member, self._held = self._held, None
            return member
        if self._closed:
            return None
        try:
            taken = self._members.get(timeout=seconds) if seconds != 0 else self._members.get_nowait()
        except Empty:
            return None
        self._closed = taken is None
        return taken
