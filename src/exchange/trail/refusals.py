"""Refusals are recorded too: an authenticated caller's as leaves, in floods counted, a stranger's booked on nobody."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exchange import receipt
from exchange.act import Act
from exchange.committer import Committer
from exchange.leaf import Draft, Event, Field
from exchange.participant import Caller
from exchange.policy import Standing
from exchange.receipt import Receipt
from exchange.refusal import Reason, Refusal

_LOG = logging.getLogger("exchange.refusals")
_STRANGER = ""  # in the place of a participant's id
_MINUTE = timedelta(minutes=1)

# What the exchange itself could not do is no act of the caller's, and there may be no store to write it to.
_NOT_RECORDED = frozenset({Reason.OVERLOADED, Reason.STORE_UNAVAILABLE, Reason.FAULT})

# Answers that say nothing of what is there. Each leaf of them commits to why, or to nothing, and the caller cannot open
# it: an auditor sees the rule, and the caller the same form for what is not there and what is not for it.
_SAYING_NOTHING = frozenset({Reason.NOT_FOUND, Reason.UNKNOWN_REFERENCE})
_NOTHING_HELD = b'{"read":[]}'
_OPENED = (Field.REASON, Field.USER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """singly: how many refusals of one caller for one reason get a leaf of their own in a minute; and of all strangers
    together, a line of the log.
    """

    committer: Committer
    standing: Callable[[], Standing]
    now: Callable[[], datetime]
    singly: int
    _minutes: dict[tuple[str, str], "_Minute"] = field(default_factory=dict)

    async def record(self, caller: Caller, refusal: Refusal, ticket: str, path: str) -> Receipt | None:
        """-> the receipt of the leaf, or None where the refusal was only counted."""
        if refusal.reason in _NOT_RECORDED:
            return None
        minute = self._minute(caller.participant.id, refusal.reason)
        if minute.seen > self.singly:
            minute.uncounted += 1
            return None
        sealed = {Field.REASON: path.encode(), Field.USER: caller.user.encode()}
        if refusal.reason in _SAYING_NOTHING:
            sealed[Field.DECISIONS] = refusal.audited or _NOTHING_HELD
        return await self._write(
            Draft(
                event=Event.REQUEST_REFUSED,
                actor=caller.participant.id,
                object=ticket,
                type=refusal.reason.code,
                rules=refusal.rules,
                key=caller.kid,
                sealed=sealed,
            )
        )

    def record_stranger(self, refusal: Refusal, ticket: str) -> None:
        """In the log alone, which a flood does not fill either."""
        minute = self._minute(_STRANGER, refusal.reason)
        if minute.seen > self.singly:
            minute.uncounted += 1
        else:
            _LOG.info("a stranger was refused", extra={"reason": refusal.reason.code, "ticket": ticket})

    async def count(self, *, everything: bool = False) -> None:
        """Write one leaf for each flood whose minute is over, and for strangers' a line of the log. everything: at the
        end, whether it is over or not.
        """
        now = self.now()
        for (actor, reason), minute in list(self._minutes.items()):
            if not everything and now - minute.began < _MINUTE:
                continue
            del self._minutes[actor, reason]
            if minute.uncounted and actor == _STRANGER:
                _LOG.info("more strangers were refused", extra={"reason": reason, "count": minute.uncounted})
            elif minute.uncounted:
                draft = Draft(
                    event=Event.REFUSALS_COUNTED, actor=actor, object=actor, type=reason, count=minute.uncounted
                )
                await self._write(draft)

    async def keep_counting(self) -> None:
        """For the life of the gateway."""
        while True:
            await asyncio.sleep(1)
            try:
                await self.count()
            except Refusal:
                # The store is away or full; what was counted in that minute is lost with it, and the next is not.
                continue

    def _minute(self, actor: str, reason: Reason) -> "_Minute":
        key, now = (actor, reason.code), self.now()
        minute = self._minutes.get(key)
        if minute is None:
            minute = self._minutes[key] = _Minute(began=now)
        minute.seen += 1
        return minute

    async def _write(self, draft: Draft) -> Receipt | None:
        standing = self.standing()
        act = Act(draft=draft, directory=standing.directory.version, policy=standing.policy.digest)
        outcome = await self.committer.commit(act)
        assert isinstance(outcome, receipt.Committed)  # a refusal is never a repeat
        return receipt.of(outcome, *(name for name in _OPENED if name in draft.sealed))


@dataclass(slots=True)
class _Minute:
    """One caller, one reason, one minute."""

    began: datetime
    seen: int = 0
    uncounted: int = 0
