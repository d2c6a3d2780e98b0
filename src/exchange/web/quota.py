"""Shares: how many requests a participant, or a stranger's address, may make. Token buckets, in this process."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from exchange.refusal import Reason, Refusal

_REMEMBERED = 10_000  # buckets; the longest untouched go first, and a new one is full


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """rate: a second. burst: at once. clock: seconds, monotonic."""

    rate: float
    burst: int
    clock: Callable[[], float]
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, init=False)

    def require(self, who: str) -> float:
        """-> how many requests are left, at least one; none is taken. Raises Refusal(TOO_MANY_REQUESTS) with the time
        after which there is room again.
        """
        left = self._level(who)
        if left < 1:
            raise Refusal(Reason.TOO_MANY_REQUESTS, retry_after=math.ceil((1 - left) / self.rate))
        return left

    def take(self, who: str) -> None:
        """One request. Raises as `require`."""
        left = self.require(who)
        self._buckets[who] = (left - 1, self.clock())
        self._buckets.move_to_end(who)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)

    def _level(self, who: str) -> float:
        bucket = self._buckets.get(who)
        if bucket is None:
            return self.burst
        left, touched = bucket
        return min(self.burst, left + (self.clock() - touched) * self.rate)
