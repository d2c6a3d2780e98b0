"""The officers' door: the directory, its changes with their approvals, and the policy sets it names.

Whoever posts a change only carries it: what makes a change is its own signatures, judged against the directory.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exchange import jose, participant, policy, receipt, strictjson
from exchange.act import Act, NewChange, NewProposal, Overtaken, Repeated
from exchange.committer import Committer
from exchange.leaf import Draft, Event, Field
from exchange.participant import (
    APPROVAL_LIMIT,
    Caller,
    Change,
    ChangeKind,
    Judged,
    Participant,
    SignedChange,
)
from exchange.policy import Standing, may_inspect
from exchange.receipt import Receipt
from exchange.refusal import Reason, Refusal
from exchange.registry import look, shown
from exchange.registry.shown import Viewer
from exchange.schema import Schemas
from exchange.store import Store, StoredChange

# What may be wrong with an approval of something that waits, and tells that something does.
_OF_THE_APPROVAL = frozenset(
    {
        Reason.JWS_MALFORMED,
        Reason.JWS_HEADER,
        Reason.JSON_MALFORMED,
        Reason.SCHEMA_VIOLATION,
        Reason.UNKNOWN_KEY,
        Reason.BAD_SIGNATURE,
        Reason.KEY_NOT_VALID,
        Reason.NOT_AN_OFFICER,
        Reason.WRONG_EXCHANGE,
        Reason.OUT_OF_TIME,
        Reason.CHANGE_WRONG,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a change: in force with its receipt, or waiting for `missing` more officers."""

    change: str
    receipt: Receipt
    missing: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """standing: what is in force. prove: position, fields -> a receipt for what was committed earlier."""

    committer: Committer
    store: Store
    standing: Callable[[], Standing]
    now: Callable[[], datetime]
    prove: Callable[..., Awaitable[Receipt]]
    schemas: Schemas

    async def directory(self, caller: Caller) -> dict[str, Any]:
        """Who takes part, as the caller may see it. Raises Refusal(NOT_ALLOWED) if oversight ends at this moment."""
        standing = self.standing()
        directory, viewer = standing.directory, self._viewer(standing, caller)
        participants = [viewer.shown(who) for who in directory]
        if viewer.oversees:
            await self._overseen(standing, caller, f"directory {directory.version}", len(participants))
        return {
            "origin": directory.origin,
            "version": directory.version,
            "policy": directory.policy,
            "training": directory.training,
            "participants": participants,
            "groups": viewer.groups(directory.groups.values()),
        }

    async def changes(self, caller: Caller, *, after: int, limit: int) -> dict[str, Any]:
        """The changes that the caller may see, from genesis on, with what verifies them: leaf, bytes and opening.

        Raises as `directory`.
        """
        genesis, found, waiting = await asyncio.to_thread(self._history, after, limit)
        standing = self.standing()
        viewer = self._viewer(standing, caller)
        visible = [change for change in found if viewer.sees(change)]
        if viewer.oversees_any(visible):
            await self._overseen(standing, caller, f"directory changes after {after}", len(visible))
        answer: dict[str, Any] = {
            "genesis": genesis,
            "changes": [shown.history_entry(change) for change in visible],
            "next": found[-1].position if len(found) == limit else None,
        }
        if viewer.runs:
            answer["pending"] = [
                {"id": p.id, "change": p.signed.change.decode(), "position": p.position} for p in waiting
            ]
        return answer

    async def propose(self, token: bytes, caller: Caller) -> Recorded:
        """token: a change as a JWS by an officer. In force at once if one officer suffices; else it waits.

        Raises Refusal(CHANGE_WRONG | NOT_AN_OFFICER | POLICY_WRONG | POLICY_CASES_FAILED and the gate's).
        """
        repeated = await self._recorded_before(token)
        if repeated is not None:
            return repeated
        return await self._record(SignedChange(change=token), caller)

    async def approve(self, change: str, token: bytes, caller: Caller) -> Recorded:
        """token: an approval as a JWS by another officer. Raises as `propose`; NOT_FOUND where nothing waits, and to
        others than the operator also where something does that this approval does not fit: what waits is reserved.
        """
        if len(token) > APPROVAL_LIMIT:
            raise Refusal(Reason.JWS_MALFORMED)
        waiting = await asyncio.to_thread(self.store.proposal, change)
        if waiting is not None:
            proposed = waiting.signed
            signed = SignedChange(change=proposed.change, approvals=(*proposed.approvals, token))
            try:
                return await self._record(signed, caller)
            except Refusal as refusal:
                operates = caller.participant.id == self.standing().directory.operator
                if operates or refusal.reason not in _OF_THE_APPROVAL:
                    raise
        repeated = await self._approved_before(change, token)
        if repeated is None:
            raise Refusal(Reason.NOT_FOUND)
        return repeated

    async def policy_texts(self, digest: str) -> dict[str, Any]:
        """A policy set that is or was in force. Raises Refusal(NOT_FOUND)."""
        texts = await asyncio.to_thread(self.store.policy_texts, digest)
        if texts is None:
            raise Refusal(Reason.NOT_FOUND)
        return {"digest": digest, **strictjson.parse_object(texts, limit=1 << 20)}

    async def traffic(self, caller: Caller, entity: str, *, after: int, limit: int) -> dict[str, Any]:
        """For the bureau of an entity: what it sent and was given by acts beyond this position, without the content.

        Raises Refusal(NOT_FOUND) to everybody else, whether or not there is such an entity.
        """
        standing = self.standing()
        if not _answers_for(standing, caller.participant, entity):
            raise Refusal(Reason.NOT_FOUND)
        moved = await asyncio.to_thread(self.store.traffic, entity, after, limit)
        seen = await look.record(
            self.committer,
            standing,
            caller,
            at=f"traffic of {entity} after {after}",
            count=len(moved),
            may=lambda standing, who: _answers_for(standing, who, entity),
            otherwise=Reason.NOT_FOUND,
        )
        return {
            "entity": entity,
            "traffic": [shown.movement(one) for one in moved],
            "next": moved[-1].position if len(moved) >= limit else None,
            "receipt": seen.wire(),
        }

    async def _record(self, signed: SignedChange, caller: Caller) -> Recorded:
        standing, now = self.standing(), self.now()
        judged = self._judge(signed, standing, now)
        if judged.change.kind is ChangeKind.POLICY:
            await asyncio.to_thread(_check_policy, judged.change)
        outcome = await self.committer.commit(self._act(signed, caller, standing, now))
        assert not isinstance(outcome, Overtaken)  # it rests on no item
        if isinstance(outcome, Repeated):
            proven = await self.prove(outcome.position, Field.CHANGE)
        else:
            proven = receipt.of(outcome, Field.CHANGE)
        return Recorded(change=judged.change.id, receipt=proven, missing=judged.missing)

    @staticmethod
    def _viewer(standing: Standing, caller: Caller) -> Viewer:
        return Viewer.under(standing, standing.directory.participants[caller.participant.id])

    async def _overseen(self, standing: Standing, caller: Caller, at: str, count: int) -> None:
        await look.record(
            self.committer,
            standing,
            caller,
            at=at,
            count=count,
            may=lambda standing, who: may_inspect(standing.policy, who),
            otherwise=Reason.NOT_ALLOWED,
        )

    def _judge(self, signed: SignedChange, standing: Standing, now: datetime) -> Judged:
        # Its own position is not known before the commit; the fold there uses the real one.
        position = standing.directory.version + 1
        return participant.judge(standing.directory, signed, position=position, at=now, schemas=self.schemas)

    def _act(self, signed: SignedChange, caller: Caller, standing: Standing, now: datetime) -> Act:
        judged = self._judge(signed, standing, now)
        change = judged.change
        waits = judged.missing > 0
        draft = Draft(
            event=Event.CHANGE_PROPOSED if waits else Event.DIRECTORY_CHANGED,
            actor=caller.participant.id,
            object=change.participant if change.kind.public and change.participant else change.id,
            type=change.kind.value,
            key=judged.signers[0],
            sealed={Field.CHANGE: signed.committed(), Field.USER: caller.user.encode()},
        )
        row: NewProposal | NewChange
        if waits:
            row = NewProposal(change=change.id, signed=signed)
        else:
            row = NewChange(
                change=change.id,
                kind=change.kind,
                participant=change.participant,
                signed=signed,
                policy=_policy_of(change),
            )
        return Act(
            draft=draft,
            directory=standing.directory.version,
            policy=standing.policy.digest,
            row=row,
            again=lambda standing, now: self._act(signed, caller, standing, now),
        )

    async def _recorded_before(self, token: bytes) -> Recorded | None:
        """A change that was posted before, by its very bytes: a retry gets the first answer."""
        found = await asyncio.to_thread(self.store.change_of, participant.digest_of(token) if b"." in token else "")
        if found is None:
            return None
        return Recorded(change=found.id, receipt=await self.prove(found.position, Field.CHANGE))

    async def _approved_before(self, change: str, token: bytes) -> Recorded | None:
        """The change that this very approval brought into force: a retry gets the first answer."""
        if token.count(b".") != 2:
            raise Refusal(Reason.JWS_MALFORMED)
        signed, origin = token.rpartition(b".")[0], self.standing().directory.origin
        stated = jose.decode(
            signed.split(b".")[1]
        )  # not verified: good for finding what was, and for comparing with it
        _, digest = participant.parse_approval(stated, schemas=self.schemas, origin=origin)
        found = await asyncio.to_thread(self.store.change_of, digest)
        if found is None or found.id != change:
            return None
        if signed not in (approval.rpartition(b".")[0] for approval in found.signed.approvals):
            return None
        return Recorded(change=found.id, receipt=await self.prove(found.position, Field.CHANGE))

    def _history(self, after: int, limit: int) -> tuple[dict[str, Any], list[StoredChange], list[Any]]:
        sealed = self.store.sealed(0)
        genesis = {
            "leaf": self.store.leaf(0).decode(),
            "document": sealed.texts[Field.GENESIS].decode(),
            "opening": jose.encode(sealed.key.salt(Field.GENESIS)),
        }
        return genesis, list(self.store.changes(after, limit)), list(self.store.proposals())


def _answers_for(standing: Standing, who: Participant, entity: str) -> bool:
    """Whether this is the entity's bureau, as it stands now."""
    bureau, subject = standing.directory.get(who.id), standing.directory.get(entity)
    return bureau is not None and bureau.active and subject is not None and subject.bureau == bureau.id


def _check_policy(change: Change) -> None:
    """A policy set that does not hold together, or fails its own cases, never comes into force."""
    policy.check_cases(policy.PolicySet.load(policy.parse_texts(change.content["policy"])))


def _policy_of(change: Change) -> bytes | None:
    return strictjson.write(change.content["policy"]) if change.kind is ChangeKind.POLICY else None
