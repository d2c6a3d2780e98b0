"""The way of one message: verified, parsed, decided, routed, committed, proven. The one place with that order in it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from exchange import addressing, envelope, jose, receipt, relation, routing, strictjson
from exchange.act import Act, Repeated
from exchange.committer import Committer
from exchange.envelope import ItemId, Message
from exchange.intake.forwarding import Forwards
from exchange.intake.references import check_references
from exchange.intake.ruling import OF_A_SOURCE, Rulings
from exchange.intake.writing import draft_of, row_of
from exchange.jose import Kind, UnverifiedBytes, VerifiedBytes
from exchange.label import Label
from exchange.leaf import Draft, Event, Field
from exchange.participant import Caller, ParticipantId, Use
from exchange.policy import Answer, Denial, Standing, judge_post, may_post
from exchange.receipt import Committed, Receipt
from exchange.refusal import Fault, Reason, Refusal
from exchange.routing import Routing
from exchange.schema import Schemas
from exchange.store import Store

# Refusals that may have come too late: the same bytes may have been accepted when all was well.
_PERHAPS_ACCEPTED_BEFORE = frozenset(
    {
        Reason.OUT_OF_TIME,
        Reason.KEY_NOT_VALID,
        Reason.DENIED,
        Reason.NOT_CLEARED,
        Reason.GRANT_STALE,
        Reason.SCOPE,
        Reason.NO_AGREEMENT,
        Reason.UNKNOWN_RECIPIENT,
        Reason.TOO_MANY_RECIPIENTS,
        Reason.NO_RECIPIENTS,
        Reason.UNKNOWN_REFERENCE,
        Reason.RECALLED,
        Reason.ACT_WRONG,
        Reason.ORIGINATOR_CONTROL,
        Reason.NOT_TO_ALL,
    }
)
_FORWARD = frozenset({"forward"})
_ALL_BUT_FORWARD = frozenset(envelope.TYPES) - _FORWARD
_WAYS: Mapping[str, type[Rulings | Forwards]] = {**dict.fromkeys(OF_A_SOURCE, Rulings), "forward": Forwards}
"""Types that act upon an item, which go a way of their own from here to the commit."""

_FRESH_DECISIONS_AT_ONCE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that stands in the trail. new: by this call, and not by an earlier one with the same bytes."""

    receipt: Receipt
    routing: bytes  # JSON: who is released it, as the sender is told, and as the leaf commits to
    duties: tuple[str, ...] = ()
    new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What posting this very message now would come to."""

    outcome: str
    rules: tuple[str, ...]
    routing: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """standing: what is in force. prove: position, fields -> a receipt for what was committed earlier."""

    committer: Committer
    store: Store
    standing: Callable[[], Standing]
    verified: Callable[[UnverifiedBytes], Awaitable[VerifiedBytes]]
    now: Callable[[], datetime]
    prove: Callable[..., Awaitable[Receipt]]
    schemas: Schemas
    limit: int = envelope.LIMIT

    async def submit(self, token: bytes, caller: Caller, *, forwards: bool = False) -> Accepted:
        """token: a compact JWS by a message key of the caller, at most `limit` bytes. forwards: whether it comes by the
        door that takes these, and nothing else.

        Returns once the message, its deliveries and its leaf are durable. Raises Refusal for everything else, and then
        nothing of the message is stored.
        """
        standing, now, sender = self.standing(), self.now(), caller.participant
        unverified = jose.read_jws(token, Kind.MESSAGE, sender.keys_for(Use.MESSAGE), limit=self.limit)
        verified = await self.verified(unverified)
        try:
            message = envelope.parse(
                verified, sender=sender.id, origin=standing.directory.origin, now=now, schemas=self.schemas
            )
            _refuse(message, _ALL_BUT_FORWARD if forwards else _FORWARD)
            outcome = await self._commit(verified, message, caller.purpose)
        except Refusal as refusal:
            if refusal.reason in _PERHAPS_ACCEPTED_BEFORE:
                earlier = await self._accepted_before(verified, sender.id)
                if earlier is not None:
                    return earlier
            raise

        if isinstance(outcome, Repeated):
            return await self._repeated(outcome.position, message.label)
        return Accepted(
            receipt=receipt.of(outcome, Field.MESSAGE, Field.ROUTING),
            routing=outcome.sealed[Field.ROUTING],
            duties=message.label.duties,
        )

    async def preview(self, raw: bytes, caller: Caller) -> Preview:
        """raw: the envelope that the caller would sign. Tells what `submit` would come to now, and sends nothing."""
        standing, now = self.standing(), self.now()
        document = strictjson.parse_object(raw, limit=self.limit, depth=envelope.DEPTH)
        message = envelope.check(
            envelope.read(document, self.schemas),
            sender=caller.participant.id,
            origin=standing.directory.origin,
            now=now,
        )
        _refuse(message, OF_A_SOURCE | _FORWARD)
        await check_references(self.store, message, standing, now, caller.purpose)
        asked = Draft(
            event=Event.QUESTION_ASKED,
            actor=caller.participant.id,
            object="preview",
            type=message.type,
            key=caller.kid,
            sealed={Field.USER: caller.user.encode()},
        )
        await self.committer.commit(
            Act(draft=asked, directory=standing.directory.version, policy=standing.policy.digest)
        )
        permit = judge_post(standing.policy, message, standing.directory.participants[message.sender], now)
        if isinstance(permit, Denial):
            return Preview(outcome=permit.decision.outcome.value, rules=permit.decision.told)
        routed = routing.route(permit, standing, now)
        refused = message.all_or_none and bool(routed.withheld)
        outcome = Answer.DENY if refused else permit.outcome
        return Preview(outcome=outcome.value, rules=permit.rules, routing=routed.for_sender())

    async def _commit(self, verified: VerifiedBytes, message: Message, purpose: str) -> Committed | Repeated:
        way = _WAYS.get(message.type)
        if way is not None:
            upon = way(committer=self.committer, store=self.store, standing=self.standing, now=self.now)
            return await upon.submit(verified, message, purpose)

        async def act(rights: int) -> Act:
            standing, now = self.standing(), self.now()
            referred = await check_references(self.store, message, standing, now, purpose)
            decided = self._decide(verified, message, referred, rights, standing, now)
            await self._let_others_run(standing)
            return decided

        return await self.committer.commit_resting(act)

    def _decide(
        self,
        verified: VerifiedBytes,
        message: Message,
        referred: tuple[int, ...],
        rights: int,
        standing: Standing,
        now: datetime,
    ) -> Act:
        """Steps 5 and 6: a pure function of message, snapshot and time; asked again if these change meanwhile."""
        sender = standing.directory.participants[message.sender]
        key = sender.keys[verified.key.kid]
        if not key.valid_at(now):
            raise Refusal(Reason.KEY_NOT_VALID)
        permit = may_post(standing.policy, message, sender, now)
        routed = routing.route(permit, standing, now)
        if message.all_or_none and routed.withheld:
            raise _not_to_all(message, routed)
        sealed = {
            Field.ROUTING: strictjson.write(routed.for_sender()),
            Field.DECISIONS: strictjson.write(routed.for_audit()),
        }
        return Act(
            draft=draft_of(verified, message, permit.rules, sealed=sealed),
            directory=standing.directory.version,
            policy=standing.policy.digest,
            row=row_of(verified, message, tuple(participant.id for participant in routed.released)),
            valid_until=relation.valid_until(
                message.label, key, now, sender, addressing.edges(standing, message.label, message.recipients)
            ),
            again=partial(self._decide, verified, message, referred, rights),
            rests_on=referred,
            rights=rights,
        )

    async def _accepted_before(self, verified: VerifiedBytes, sender: ParticipantId) -> Accepted | None:
        item = _item_named_in(verified, sender)
        if item is None:
            return None
        stored = await asyncio.to_thread(self.store.item_for, sender, item)
        if stored is None or stored.sender != sender or stored.signed != verified.signed:
            return None
        return await self._repeated(stored.position, stored.label)

    async def _repeated(self, position: int, label: Label) -> Accepted:
        proven = await self.prove(position, Field.MESSAGE, Field.ROUTING)
        sealed = await asyncio.to_thread(self.store.sealed, position)
        routed = sealed.texts[Field.ROUTING]
        return Accepted(receipt=proven, routing=routed, duties=label.duties, new=False)

    async def _let_others_run(self, standing: Standing) -> None:
        """Fresh decisions hold the loop; after some of them everybody else gets a turn."""
        if standing.policy.memory.misses % _FRESH_DECISIONS_AT_ONCE == 0:
            await asyncio.sleep(0)


def _refuse(message: Message, types: frozenset[str]) -> None:
    if message.type in types:
        raise Refusal(Reason.UNKNOWN_TYPE, faults=(Fault("/type", "is a type that is taken in here"),))


def _not_to_all(message: Message, routed: Routing) -> Refusal:
    """Of each that it is withheld from no more than a receipt would say: the rule, where the sender's words are it."""
    places = {one["participant"]: f"/recipients/{n}" for n, one in enumerate(message.document["recipients"])}
    withheld = {places[one.participant.id] for one in routed.withheld}
    faults = tuple(Fault(place, "may have it") for place in places.values() if place in withheld)
    rules = tuple(dict.fromkeys(rule for one in routed.withheld for rule in one.told))
    return Refusal(Reason.NOT_TO_ALL, rules=rules, faults=faults)


def _item_named_in(verified: VerifiedBytes, sender: ParticipantId) -> ItemId | None:
    """The item that verified bytes speak of, where they speak of one; for looking up, not for believing."""
    ulid = strictjson.parse_object(verified.payload, limit=len(verified.payload), depth=envelope.DEPTH).get("id")
    return ItemId(f"{sender}:{ulid}") if isinstance(ulid, str) else None
