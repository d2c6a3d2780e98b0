"""What auditors read and every participant may check: entries with their openings, checkpoints and proofs."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from exchange import jose, receipt
from exchange.act import Act
from exchange.audit import Entry
from exchange.committer import Committer
from exchange.leaf import Draft, Event, Field
from exchange.participant import Caller
from exchange.policy import Standing, may_inspect
from exchange.proving import Prover
from exchange.receipt import Receipt
from exchange.refusal import Reason, Refusal
from exchange.store import Store
from exchange.trail.stored import entries_between

PAGE = 500  # entries, at most

# What an auditor may open. The message itself is not among it: oversight sees decisions, not content.
_OPENED = (Field.ROUTING, Field.DECISIONS, Field.USER, Field.REASON, Field.CHANGE, Field.GENESIS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """standing: what is in force."""

    committer: Committer
    store: Store
    prover: Prover
    standing: Callable[[], Standing]

    async def checkpoint(self) -> str:
        """The head as a signed note (C2SP tlog-checkpoint)."""
        _, note = await asyncio.to_thread(self.prover.checkpoint)
        return note

    async def inclusion(self, position: int, size: int) -> dict[str, Any]:
        """Raises Refusal(RANGE_WRONG)."""
        hashes = await asyncio.to_thread(self.prover.inclusion, position, size)
        return {"position": position, "size": size, "hashes": _encoded(hashes)}

    async def consistency(self, first: int, second: int) -> dict[str, Any]:
        """Raises Refusal(RANGE_WRONG)."""
        hashes = await asyncio.to_thread(self.prover.consistency, first, second)
        return {"from": first, "to": second, "hashes": _encoded(hashes)}

    async def entries(self, caller: Caller, *, after: int, limit: int) -> dict[str, Any]:
        """Entries beyond position `after`, with what an auditor may open of each. The question is an entry itself.

        Raises Refusal(NOT_ALLOWED) for whoever may not inspect the trail (R46).
        """
        standing = self.standing()
        if not may_inspect(standing.policy, caller.participant):
            raise Refusal(Reason.NOT_ALLOWED)
        found = await asyncio.to_thread(self._found, after, limit)
        asked = await self._asked(caller, standing, after, len(found))
        return {
            "entries": found,
            "next": found[-1]["position"] if len(found) == limit else None,
            "receipt": asked.wire(),
        }

    def _found(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Where something was changed by hand, the auditor gets what is there, without what no longer opens."""
        stop = min(after + 1 + limit, self.store.head().size)
        return [_shown(entry) for entry in entries_between(self.store, after + 1, stop)] if stop > after + 1 else []

    async def _asked(self, caller: Caller, standing: Standing, after: int, count: int) -> Receipt:
        draft = Draft(
            event=Event.QUESTION_ASKED,
            actor=caller.participant.id,
            object=f"entries after {after}",
            count=count,
            key=caller.kid,
            sealed={Field.USER: caller.user.encode()},
        )

        def act(standing: Standing) -> Act:
            if not may_inspect(standing.policy, standing.directory.participants[caller.participant.id]):
                raise Refusal(Reason.NOT_ALLOWED)
            return Act(
                draft=draft,
                directory=standing.directory.version,
                policy=standing.policy.digest,
                again=lambda standing, now: act(standing),
            )

        outcome = await self.committer.commit(act(standing))
        assert isinstance(outcome, receipt.Committed)  # a question is never a repeat
        return receipt.of(outcome, Field.USER)


def _shown(entry: Entry) -> dict[str, Any]:
    openings = {
        name.value: {"salt": jose.encode(entry.openings[name].salt), "text": entry.openings[name].text.decode()}
        for name in _OPENED
        if name in entry.openings
    }
    return {"position": entry.position, "leaf": entry.leaf.decode(errors="replace"), "openings": openings}


def _encoded(hashes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(h).decode() for h in hashes]
