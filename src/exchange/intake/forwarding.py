"""Forwards: an item is passed on by one who holds it, with a note of its own, to others than its source named.

Those who get it get the source's own bytes, and the note. Within its label an item may be passed on freely; where its
source has kept control (R17), only to those whom the source addressed itself, or with its permission, an item like any
other: held by the forwarder, about this item, in force, and not recalled.

The numbers in the code are these steps:

    1  the item, if the forwarder has it; and the permission, if one is named
    2  whether the forwarder may post such a note
    3  whether the note is marked at least as what it carries (R19, as far as labels go)
    4  for each recipient, whether the item may be passed on to it; one that may not is enough to refuse the whole
    5  for each recipient, whether it may read it
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from exchange import addressing, instant, relation, routing, strictjson
from exchange.act import Act, Effect, Repeated, Ruling
from exchange.committer import Committer
from exchange.envelope import RULINGS, Message
from exchange.intake.references import content_of, held_by
from exchange.intake.writing import draft_of, row_of
from exchange.jose import VerifiedBytes
from exchange.leaf import Field
from exchange.participant import Participant, ParticipantId
from exchange.policy import Answer, Decision, Door, Permit, Standing, may_post
from exchange.receipt import Committed
from exchange.refusal import Fault, Reason, Refusal
from exchange.relation import HoldingFacts
from exchange.store import Store, StoredItem

_OBJECT = Fault("/body/object", "names an item you sent or hold")
_PERMISSION = Fault("/body/permission", "names a permission of its source for this item, in force")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Permission:
    """What the source of an item has permitted, by this answer: to whom it may be passed on, and until when."""

    answer: StoredItem
    recipients: frozenset[str]
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """The item, as the forwarder has it. original: whom its source addressed, itself among them. holders: to whom it
    was released since. rights: what was known of acts upon items before this was read.
    """

    item: StoredItem
    original: Collection[str]
    holders: Collection[str]
    permission: _Permission | None
    rights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwards:
    """standing: what is in force."""

    committer: Committer
    store: Store
    standing: Callable[[], Standing]
    now: Callable[[], datetime]

    async def submit(self, verified: VerifiedBytes, message: Message, purpose: str) -> Committed | Repeated:
        """message: of type forward. purpose: for which its sender calls.

        Raises Refusal(UNKNOWN_REFERENCE | RECALLED | ACT_WRONG | DENIED | NOT_CLEARED | LABEL_INCONSISTENT |
        ORIGINATOR_CONTROL | UNKNOWN_RECIPIENT | NO_RECIPIENTS | KEY_NOT_VALID | OVERLOADED).
        """

        async def act(rights: int) -> Act:
            carried = await self._find(message, purpose, rights)
            return _act(verified, message, carried, purpose, self.standing(), self.now())

        return await self.committer.commit_resting(act)

    async def _find(self, message: Message, purpose: str, rights: int) -> _Carried:
        """Step 1."""
        standing, now, sender = self.standing(), self.now(), message.sender
        assert message.about is not None  # its schema says so
        held = await held_by(self.store, sender, message.about)
        if not any(routing.reads(standing, item, sender, now, purpose) for item in held):
            why = routing.why_hidden(standing, held, sender, now, purpose)
            raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(_OBJECT,), audited=why)
        item = held[0]
        if item.recalled:
            raise Refusal(Reason.RECALLED)
        if item.type in RULINGS:
            raise Refusal(Reason.ACT_WRONG, faults=(Fault("/body/object", "is no act upon an item itself"),))
        if message.thread != item.thread:
            raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(Fault("/thread", "names the thread of the item"),))
        permission = await self._permission(message, item, purpose, standing, now)
        original, holders = await asyncio.to_thread(self._addressed, item)
        return _Carried(item=item, original=original, holders=holders, permission=permission, rights=rights)

    async def _permission(
        self, message: Message, item: StoredItem, purpose: str, standing: Standing, now: datetime
    ) -> _Permission | None:
        named = message.document["body"].get("permission")
        if named is None:
            return None
        held = await held_by(self.store, message.sender, named)
        for answer in held:
            said = content_of(answer)
            body = said["body"]
            if (
                routing.reads(standing, answer, message.sender, now, purpose)
                and not answer.recalled
                and (answer.type, answer.sender) == ("permission-answer", item.sender)
                # Whoever was forwarded an answer holds that, and may do nothing by it.
                and said["recipients"] == [{"participant": message.sender}]
                and (body["object"], body["granted"]) == (item.item, True)
                and now < instant.parse(body["until"])
            ):
                return _Permission(
                    answer=answer,
                    recipients=frozenset(body.get("recipients", ())),
                    until=instant.parse(body["until"]),
                )
        why = routing.why_hidden(standing, held, message.sender, now, purpose)
        raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(_PERMISSION,), audited=why)

    def _addressed(self, item: StoredItem) -> tuple[frozenset[str], frozenset[str]]:
        """Whom its source addressed, and to whom it was released by now."""
        decided = strictjson.reread(self.store.sealed(item.position).texts[Field.DECISIONS])
        addressed = (id for entry in decided["read"] for id in entry["to"])
        return frozenset((item.sender, *addressed)), frozenset(id for id, _ in self.store.holders(item.position))


def _act(
    verified: VerifiedBytes, message: Message, carried: _Carried, purpose: str, standing: Standing, now: datetime
) -> Act:
    """Steps 2 to 5: a pure function of the message, what was found, the snapshot and the time."""
    item, permission, forwarder = carried.item, carried.permission, standing.directory.participants[message.sender]
    key = forwarder.keys[verified.key.kid]
    if not key.valid_at(now):
        raise Refusal(Reason.KEY_NOT_VALID)
    _check_readable(item, _OBJECT, message, purpose, standing, now)
    if permission is not None:
        _check_readable(permission.answer, _PERMISSION, message, purpose, standing, now)
        if permission.until <= now:
            raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(_PERMISSION,))
    permit = may_post(standing.policy, message, forwarder, now)  # 2
    if not message.label.dominates(item.label):  # 3
        raise Refusal(Reason.LABEL_INCONSISTENT, faults=(Fault("/label", "is marked at least as what it carries"),))
    addressing.check_groups(
        message.label.releasable_to,
        standing,
        message.sender,
        now,
        "/label/releasable_to",
        known=item.label.releasable_to.groups,
    )
    recipients = [who for who, _ in addressing.expand(message.recipients, standing, message.sender, now)]
    passed = _pass_on(message, carried, purpose, recipients, standing, now)  # 4
    read, told = _routed(message, carried, recipients, standing, now)  # 5
    anew = tuple(id for id in read.released if id not in carried.holders and id != item.sender)
    sealed = {
        Field.ROUTING: strictjson.write(told),
        Field.DECISIONS: strictjson.write(_audited(permit, passed, read, anew)),
    }
    ruling = Ruling(item=item.position, effect=Effect.FORWARD, anew=anew)
    edges = addressing.edges(standing, message.label.narrowed(item.limits))
    return Act(
        draft=draft_of(verified, message, permit.rules, about=(item.position,), sealed=sealed),
        directory=standing.directory.version,
        policy=standing.policy.digest,
        row=row_of(verified, message, read.released, ruling),
        valid_until=_sooner(relation.valid_until(message.label, key, now, forwarder, edges), permission),
        again=partial(_act, verified, message, carried, purpose),
        rests_on=(item.position,) if permission is None else (item.position, permission.answer.position),
        rights=carried.rights,
    )


def _sooner(end: datetime | None, permission: _Permission | None) -> datetime | None:
    if permission is None:
        return end
    return permission.until if end is None else min(end, permission.until)


def _check_readable(
    item: StoredItem, fault: Fault, message: Message, purpose: str, standing: Standing, now: datetime
) -> None:
    """What was found may be hidden from the forwarder by the time of the commit. Raises Refusal(UNKNOWN_REFERENCE)."""
    if not routing.reads(standing, item, message.sender, now, purpose):
        why = routing.why_hidden(standing, (item,), message.sender, now, purpose)
        raise Refusal(Reason.UNKNOWN_REFERENCE, faults=(fault,), audited=why)


_Passed = dict[HoldingFacts, tuple[Decision, list[ParticipantId]]]


def _pass_on(
    message: Message,
    carried: _Carried,
    purpose: str,
    recipients: list[Participant],
    standing: Standing,
    now: datetime,
) -> tuple[relation.ParticipantFacts, relation.ItemFacts, _Passed]:
    """Raises Refusal with the rules, where they are wrong, and what may be asked for instead: the forwarder has the
    item, so it may know.
    """
    forwarder, item = standing.directory.participants[message.sender], carried.item
    asker, facts = relation.participant(forwarder), relation.item(item.label)
    permitted = frozenset[str]() if carried.permission is None else carried.permission.recipients
    passed: _Passed = {}
    for who in recipients:
        holding = relation.holding(
            item.label,
            source=item.sender,
            holder=forwarder,
            type=item.type,
            original=who.id in carried.original,
            permitted=who.id in permitted,
            purpose=purpose,
            now=now,
        )
        if holding not in passed:
            passed[holding] = standing.policy.decide(Door.FORWARD, asker, facts, holding), []
        passed[holding][1].append(who.id)
    refused = {id: decision for decision, to in passed.values() if decision.outcome is not Answer.ALLOW for id in to}
    if refused:
        raise _refusal(message, refused, standing)
    return asker, facts, passed


def _refusal(message: Message, refused: Mapping[ParticipantId, Decision], standing: Standing) -> Refusal:
    first = next(iter(refused.values()))
    rules = tuple(dict.fromkeys(rule for decision in refused.values() for rule in decision.told))
    offers = (standing.policy.rule(rule).offer for rule in rules)
    faults = [
        Fault(f"/recipients/{n}", "may not be passed this item by you")
        for n, named in enumerate(message.document["recipients"])
        if named["participant"] in refused
    ]
    return Refusal(first.reason, rules=rules, faults=tuple(faults), offer=next(filter(None, offers), ""))


def _routed(
    message: Message, carried: _Carried, recipients: list[Participant], standing: Standing, now: datetime
) -> tuple[routing.Readings, list[dict[str, str]]]:
    """-> who may read it, and what its sender is told. A restriction of the item narrows the note, too; a rule is told
    only where the note's own label is the reason.
    """
    ids, label = [who.id for who in recipients], message.label
    read, plain = (
        routing.readings(standing, narrowed, ids, source=message.sender, now=now)
        for narrowed in (label.narrowed(carried.item.limits), label)
    )
    released, told = frozenset(read.released), []
    for id in ids:
        told.append({"participant": id, "outcome": routing.RELEASED if id in released else routing.WITHHELD})
        rules = plain.decisions[plain.asked[id]].told
        if id not in released and rules:
            told[-1]["rule"] = rules[0]
    return read, told


def _audited(
    permit: Permit,
    passed: tuple[relation.ParticipantFacts, relation.ItemFacts, _Passed],
    read: routing.Readings,
    anew: tuple[ParticipantId, ...],
) -> dict[str, Any]:
    asker, item, decided = passed
    forward = [
        {**routing.audited(Door.FORWARD, asker, item, holding, decision), "to": to}
        for holding, (decision, to) in decided.items()
    ]
    return {
        "post": routing.audited(Door.SUBMIT, permit.sender, permit.item, permit.stated, permit.decision),
        "read": [entry | {"named": entry["to"]} for entry in read.for_audit()],
        "forward": forward,
        "anew": list(anew),
    }
