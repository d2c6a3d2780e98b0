"""Acts of a source upon what it has sent: taken back, released to fewer or to those again, put right.

Such an act is a message like any other, by which another item changes. It names no recipients: a recall and a
restriction are told to those who have read the item, a correction goes to those who hold it and may read it. Who has
read it is known in the commit alone, under the head; everything else is decided here.

The numbers in the code are these steps:

    1  the item, if it is the sender's to speak of: what it does not hold is answered as if it did not exist
    2  whether the sender may act upon it (R37)
    3  whether that act fits what the item is by now
    4  whether those who have the item may read this about it
    5  what becomes of it: to whom the item is released by this act, and who gets the act itself
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from exchange import addressing, relation, routing, strictjson
from exchange.act import Act, Effect, NewItem, Repeated, Ruling
from exchange.committer import Committer
from exchange.envelope import Message
from exchange.intake.writing import draft_of, row_of
from exchange.jose import VerifiedBytes
from exchange.label import Handling, Label
from exchange.leaf import Field
from exchange.participant import Participant, ParticipantId
from exchange.policy import Answer, Decision, Door, Standing, may_post
from exchange.receipt import Committed
from exchange.refusal import Fault, Reason, Refusal
from exchange.relation import ItemFacts, OwningFacts
from exchange.store import Store, StoredItem

OF_A_SOURCE = frozenset({"recall", "restriction", "correction"})

_FOR_GOOD = frozenset({"recall", "restriction"})  # a restriction is undone by `lifted`, a recall by nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What an act is about, as its source has it, and who holds it: by id, and whether it has read it.

    rights: what was known of acts upon items before this was read.
    """

    item: StoredItem
    holders: Sequence[tuple[ParticipantId, bool]]
    rights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruled:
    """Step 5. readers: who gets the act itself, as far as it is known. anew: to whom the item is released by it.

    audited: what auditors are shown beside.
    """

    readers: tuple[ParticipantId, ...] = ()
    anew: tuple[ParticipantId, ...] = ()
    audited: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulings:
    """standing: what is in force."""

    committer: Committer
    store: Store
    standing: Callable[[], Standing]
    now: Callable[[], datetime]

    async def submit(self, verified: VerifiedBytes, message: Message, purpose: str) -> Committed | Repeated:
        """message: of a type in OF_A_SOURCE. purpose: for which its sender calls.

        Raises Refusal(UNKNOWN_REFERENCE | DENIED | NOT_CLEARED | RECALLED | ACT_WRONG | LABEL_INCONSISTENT |
        KEY_NOT_VALID | OVERLOADED).
        """

        async def act(rights: int) -> Act:
            found = await self._find(message, purpose, rights)
            return self._act(verified, message, found, self.standing(), self.now())

        return await self.committer.commit_resting(act)

    async def _find(self, message: Message, purpose: str, rights: int) -> _Found:
        standing, now, sender = self.standing(), self.now(), message.sender
        assert message.about is not None  # its schema says so
        item = await asyncio.to_thread(self.store.item_for, sender, message.about)
        if item is None or (item.sender != sender and not routing.reads(standing, item, sender, now, purpose)):  # 1
            why = routing.why_hidden(standing, () if item is None else (item,), sender, now, purpose)
            fault = Fault("/body/object", "names an item that you sent")
            raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(fault,), audited=why)
        own = item.sender == sender
        holders = await asyncio.to_thread(self.store.holders, item.position) if own else ()
        return _Found(item=item, holders=holders, rights=rights)

    def _act(self, verified: VerifiedBytes, message: Message, found: _Found, standing: Standing, now: datetime) -> Act:
        """Steps 2 to 5: a pure function of the message, what was found, the snapshot and the time."""
        item, source = found.item, standing.directory.participants[message.sender]
        key = source.keys[verified.key.kid]
        if not key.valid_at(now):
            raise Refusal(Reason.KEY_NOT_VALID)
        decision, owned = _may_update(standing, source, item)  # 2
        _check_state(message, item)  # 3
        _check_label(message.label, item.label)  # 4
        ruled = _RULES[Effect(message.type)](message, found, standing, now)  # 5
        draft = draft_of(verified, message, decision.rules, sealed={}, about=(item.position,))
        ruling = Ruling(item=item.position, effect=Effect(message.type), anew=ruled.anew)
        row = row_of(verified, message, ruled.readers, ruling)
        post = routing.audited(Door.UPDATE, relation.participant(source), owned, OwningFacts(True), decision)
        act = Act(
            draft=draft,
            directory=standing.directory.version,
            policy=standing.policy.digest,
            row=row,
            valid_until=relation.valid_until(message.label, key, now, source, _edges(message, item, standing)),
            again=lambda standing, now: self._act(verified, message, found, standing, now),
            rests_on=(item.position,),
            rights=found.rights,
        )
        audited = {"post": post, **ruled.audited}
        if message.type in _FOR_GOOD:
            return replace(act, finish=lambda told: _to(told, act, row, audited | {"told": list(told)}))
        return _to(ruled.readers, act, row, audited)


def _edges(message: Message, item: StoredItem, standing: Standing) -> Iterator[datetime]:
    """When somebody comes into or leaves a circle that this is decided by."""
    circles = (item.label.releasable_to, message.label.releasable_to, item.limits, message.circle)
    return standing.edges(group for circle in circles if circle is not None for group in circle.groups)


def _to(readers: tuple[ParticipantId, ...], act: Act, row: NewItem, audited: dict[str, Any]) -> Act:
    """The act with those who get it, as its sender is told, and what auditors are shown."""
    routed = [{"participant": id, "outcome": routing.RELEASED} for id in readers]
    sealed = {
        **act.draft.sealed,
        Field.ROUTING: strictjson.write(routed),
        Field.DECISIONS: strictjson.write(audited),
    }
    return replace(act, row=replace(row, readers=readers), draft=replace(act.draft, sealed=sealed))


def _may_update(standing: Standing, source: Participant, item: StoredItem) -> tuple[Decision, ItemFacts]:
    """Raises Refusal with the rules: whoever asks has the item, and may know why it may not act upon it."""
    facts, being = relation.item(item.label), relation.owning(item.sender, source.id)
    decision = standing.policy.decide(Door.UPDATE, relation.participant(source), facts, being)
    if decision.outcome is not Answer.ALLOW:
        raise Refusal(decision.reason, rules=decision.told)
    return decision, facts


def _check_state(message: Message, item: StoredItem) -> None:
    if message.thread != item.thread:
        raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(Fault("/thread", "names the thread of the item"),))
    if message.in_reply_to is not None:
        raise Refusal(Reason.ACT_WRONG, faults=(Fault("/in_reply_to", "is left out: it acts upon an item"),))
    if item.recalled:
        raise Refusal(Reason.RECALLED)
    if item.type in _FOR_GOOD:
        fault = Fault("/body/object", "is neither a recall nor a restriction: these stand")
        raise Refusal(Reason.ACT_WRONG, faults=(fault,))


def _check_label(ours: Label, items: Label) -> None:
    """Whoever may read the item may read this about it, for as long: else it is told to those who never see it."""
    mixes = (Handling.EXERCISE in ours.handling) != (Handling.EXERCISE in items.handling)
    ends = ours.expires is not None and (items.expires is None or ours.expires < items.expires)
    other = bool(ours.purpose) and not (items.purpose and set(items.purpose) <= set(ours.purpose))
    if mixes or ends or other or not items.dominates(ours):
        fault = Fault("/label", "keeps this from nobody who may read the item")
        raise Refusal(Reason.LABEL_INCONSISTENT, faults=(fault,))


def _recall(message: Message, found: _Found, standing: Standing, now: datetime) -> _Ruled:
    return _Ruled(audited={"read": []})


def _restrict(message: Message, found: _Found, standing: Standing, now: datetime) -> _Ruled:
    """Who could not read it and can from now on is released it anew, at the place of this act."""
    if message.circle is not None:
        addressing.check_groups(message.circle, standing, message.sender, now, "/body/releasable_to")
    label, holders = found.item.label, [id for id, _ in found.holders]
    before, after = (
        routing.readings(standing, label.narrowed(circle), holders, source=message.sender, now=now)
        for circle in (found.item.limits, message.circle)
    )
    shown = frozenset(before.released)
    anew = tuple(id for id in after.released if id not in shown)
    audited = {"read": [], "before": before.for_audit(), "after": after.for_audit(), "anew": list(anew)}
    return _Ruled(anew=anew, audited=audited)


def _correct(message: Message, found: _Found, standing: Standing, now: datetime) -> _Ruled:
    """It says something new, so it must be one that its sender may post, and goes to whom the item still goes."""
    posted = may_post(standing.policy, message, standing.directory.participants[message.sender], now)
    label, holders = message.label.narrowed(found.item.limits), [id for id, _ in found.holders]
    read = routing.readings(standing, label, holders, source=message.sender, now=now)
    submit = routing.audited(Door.SUBMIT, posted.sender, posted.item, posted.stated, posted.decision)
    return _Ruled(readers=read.released, audited={"submit": submit, "read": read.for_audit()})


_RULES: dict[Effect, Callable[[Message, _Found, Standing, datetime], _Ruled]] = {
    Effect.RECALL: _recall,
    Effect.RESTRICTION: _restrict,
    Effect.CORRECTION: _correct,
}
