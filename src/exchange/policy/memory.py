"""What was decided before, by the facts that decided it. Bounded, and never wrong: equal facts, equal answer."""

from collections.abc import Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

CAPACITY = 30_000  # answers, about 0.7 KB each


class Memory(Generic[_Value]):
    """Two generations: what the older one holds is young again when it is asked for, or goes with it.

    That keeps what is in use, as the least-recently-used order would, for the price of a look-up. hits, misses: since
    it was made.
    """

    __slots__ = ("_half", "_old", "_young", "hits", "misses")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[Hashable, _Value] = {}
        self._old: dict[Hashable, _Value] = {}
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, key: Hashable) -> _Value | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Hashable, value: _Value) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = value
