"""One look at a reader's inbox: what may be shown of it, and how far the reader has come by it.

What may not be read is passed over without a gap that could be counted. It is not lost: the reader's place remembers
where that began, and the directory and the purpose that it was decided under. Under others, what was never shown is
looked at again before anything new is, so a right that comes back brings what came meanwhile.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from exchange.cursor import Place, Progress
from exchange.store import Store, StoredItem


@dataclass(slots=True, kw_only=True)
class Look:
    """readable: which of some items the reader may have. under: what decides so, see `deciding`.

    shown: what was found, in the order of release, at most `limit`.
    """

    store: Store
    reader: str
    limit: int
    under: int
    readable: Callable[[Sequence[StoredItem]], Collection[StoredItem]]
    shown: list[StoredItem] = field(default_factory=list)

    async def onward(self, come: Progress) -> Progress:
        """Fill `shown`. -> how far the reader has come, once it was shown all that."""
        if come.passed < come.at and come.under != self.under:
            passed, behind = await self.fill(
                lambda place, asked: self.store.passed_over(self.reader, place, come.at, come.shown, asked), come.passed
            )
            if len(self.shown) == self.limit:
                # There may be more of it: it stays to be looked at, as under the old directory.
                return Progress(at=come.at, passed=passed or behind, shown=come.shown, under=come.under)
        else:
            passed = come.passed if come.passed < come.at else None
        later, at = await self.fill(lambda place, asked: self.store.inbox(self.reader, place, asked), come.at)
        return Progress(at=at, passed=passed or later or at, shown=come.shown, under=self.under)

    async def fill(
        self, found_after: Callable[[Place, int], Sequence[StoredItem]], place: Place
    ) -> tuple[Place | None, Place]:
        """Up to the limit, and below it only where there is no more. -> the place before the first that may not be
        read, if there is one, and the last place.
        """
        passed: Place | None = None
        while len(self.shown) < self.limit:
            asked = self.limit - len(self.shown)
            found = await asyncio.to_thread(found_after, place, asked)
            readable = self.readable(found)
            self.shown += readable
            if passed is None and len(readable) < len(found):
                left = {item.position for item in readable}
                passed = before(next(item for item in found if item.position not in left))
            if found:
                place = behind(found[-1])
            if len(found) < asked:
                break
        return passed, place


def deciding(version: int, turns: int, purpose: str) -> int:
    """One number for what decides: a version of the directory, what time has begun and ended for the reader under it,
    and the purpose of the call, a code of two letters or nothing.
    """
    return version << 24 | (turns & 0xFF) << 16 | int.from_bytes(purpose.encode())


def without(come: Progress, dropped: Sequence[StoredItem]) -> Progress:
    """How far a reader has come who was not shown these after all."""
    places = (before(item) for item in dropped)
    return Progress(at=come.at, passed=min((come.passed, *places)), shown=come.shown, under=come.under)


def behind(item: StoredItem) -> Place:
    return Place(item.released, item.position)


def before(item: StoredItem) -> Place:
    return Place(item.released, item.position - 1)
