"""Who gets a message and who does not: recipients expanded from the snapshot, each released or withheld by the policy.

The same test guards every later read, so a preview, the routing and a read at one instant cannot disagree. They differ
in one thing: routing asks as if every recipient were active. A suspension is not published, so a suspended recipient
shows as released, and stays unread because reading asks for the real status.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exchange import relation
from exchange.envelope import Recipient, ToAll, ToCountry, ToParticipant, ToTier
from exchange.label import Label
from exchange.participant import Participant, ParticipantId
from exchange.policy import Answer, Decision, Door, Permit, PolicySet, Standing, decide_again, facts_of
from exchange.refusal import Fault, Reason, Refusal
from exchange.relation import ParticipantFacts, ReadingFacts
from exchange.strictjson import JsonValue

MOST_RECIPIENTS = 256  # participants, however they were named

RELEASED = "released"
WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Addressee:
    """named: addressed by its own name, and not only as one of a country, a tier or all."""

    participant: Participant
    named: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one recipient gets, and the facts that decided it."""

    addressee: Addressee
    facts: ParticipantFacts
    relation: ReadingFacts
    decision: Decision

    @property
    def participant(self) -> Participant:
        return self.addressee.participant

    @property
    def named(self) -> bool:
        return self.addressee.named

    @property
    def released(self) -> bool:
        return self.decision.outcome is Answer.CONTENT

    @property
    def rules(self) -> tuple[str, ...]:
        return self.decision.rules

    @property
    def told(self) -> tuple[str, ...]:
        """The rules that the sender may be told: what follows from its own label, and not from who the reader is."""
        return self.decision.told


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """outcomes: one for each recipient, in the order of their ids."""

    permit: Permit
    outcomes: tuple[Outcome, ...]

    @property
    def released(self) -> tuple[Participant, ...]:
        return tuple(outcome.participant for outcome in self.outcomes if outcome.released)

    def for_sender(self) -> list[dict[str, str]]:
        """Every recipient that it is released to, and of the others those that the sender addressed by name.

        Of a country, a tier or all, those withheld are neither named nor counted.
        """
        told = []
        for outcome in self.outcomes:
            if outcome.released:
                told.append({"participant": outcome.participant.id, "outcome": RELEASED})
            elif outcome.named:
                told.append({"participant": outcome.participant.id, "outcome": WITHHELD})
                if outcome.told:
                    told[-1]["rule"] = outcome.told[0]
        return told

    def for_audit(self) -> dict[str, Any]:
        """Everything that was decided and the facts that decided it, so that it can be decided again (`replay`).

        {"item": facts, "post": {"outcome","rules","who","being"},
         "read": [{"outcome","rules","who","being","to": [ids],"named": [ids of these]?}, ...]}

        Recipients with the same facts share an entry.
        """
        alike: dict[tuple[ParticipantFacts, ReadingFacts], list[Outcome]] = {}
        for outcome in self.outcomes:
            alike.setdefault((outcome.facts, outcome.relation), []).append(outcome)
        permit = self.permit
        return {
            "item": facts_of(permit.item),
            "post": _audited(permit.decision, permit.sender, permit.stated),
            "read": [
                _audited(outcomes[0].decision, who, being) | _addressed(outcomes)
                for (who, being), outcomes in alike.items()
            ],
        }


def expand(recipients: Sequence[Recipient], standing: Standing, sender: ParticipantId) -> tuple[Addressee, ...]:
    """Everybody whom these recipients name, each once, in the order of their ids, without the sender itself.

    Raises Refusal(UNKNOWN_RECIPIENT | TOO_MANY_RECIPIENTS | NO_RECIPIENTS).
    """
    found: dict[ParticipantId, Addressee] = {}
    for n, recipient in enumerate(recipients):
        named = isinstance(recipient, ToParticipant)
        for participant in _circle(recipient, standing, n):
            if named or participant.id not in found:
                found[participant.id] = Addressee(participant, named)
    found.pop(sender, None)
    if len(found) > MOST_RECIPIENTS:
        raise Refusal(Reason.TOO_MANY_RECIPIENTS)
    if not found:
        raise Refusal(Reason.NO_RECIPIENTS)
    return tuple(addressee for _, addressee in sorted(found.items()))


def route(permit: Permit, standing: Standing, now: datetime) -> Routing:
    """permit: for a message that its sender may post, under this very standing. Raises as `expand`."""
    message, label = permit.message, permit.message.label
    addressees = expand(message.recipients, standing, message.sender)
    askers = [
        (
            relation.recipient(addressee.participant),
            relation.reading(label, sender=message.sender, reader=addressee.participant, addressee=True, now=now),
        )
        for addressee in addressees
    ]
    decisions = standing.policy.decide_all(Door.READ, permit.item, askers)
    return Routing(
        permit=permit,
        outcomes=tuple(
            Outcome(addressee, facts, being, decision)
            for addressee, (facts, being), decision in zip(addressees, askers, decisions, strict=True)
        ),
    )


def may_read(
    standing: Standing, label: Label, *, sender: ParticipantId, reader: Participant, addressee: bool, now: datetime
) -> Decision:
    """Whether this reader may have this item now; only CONTENT means that it may. Its status counts as it really is.

    addressee: whether the item was ever released to it. It was so because it was addressed.
    """
    being = relation.reading(label, sender=sender, reader=reader, addressee=addressee, now=now)
    return standing.policy.decide(Door.READ, relation.participant(reader), relation.item(label), being)


def replay(policy: PolicySet, decided: dict[str, Any]) -> bool:
    """Whether a routing, as `for_audit` wrote it, is what this policy set decides from its facts.

    Raises Refusal(LEAF_MALFORMED) if it is not such a document.
    """
    try:
        entries = [(Door.SUBMIT, decided["post"]), *((Door.READ, entry) for entry in decided["read"])]
        return all(
            _audit_words(decide_again(policy, door, principal=e["who"], resource=decided["item"], context=e["being"]))
            == {"outcome": e["outcome"], "rules": e["rules"]}
            for door, e in entries
        )
    except (KeyError, TypeError, AttributeError):
        raise Refusal(Reason.LEAF_MALFORMED) from None


def _circle(recipient: Recipient, standing: Standing, n: int) -> Sequence[Participant]:
    match recipient:
        case ToParticipant(id=id):
            participant = standing.directory.get(id)
            circle: Sequence[Participant] | None = None if participant is None else (participant,)
        case ToCountry(code=code):
            circle = standing.of_country.get(code)
        case ToTier(tier=tier):
            circle = standing.of_tier[tier]
        case ToAll():
            circle = standing.everybody
    if circle is None:
        fault = Fault(f"/recipients/{n}", "names a participant or a country of this exchange")
        raise Refusal(Reason.UNKNOWN_RECIPIENT, faults=(fault,))
    return circle


def _audited(decision: Decision, who: ParticipantFacts, being: tuple[bool, ...]) -> dict[str, Any]:
    return {**_audit_words(decision), "who": facts_of(who), "being": facts_of(being)}


def _audit_words(decision: Decision) -> dict[str, JsonValue]:
    return {"outcome": decision.outcome.value, "rules": list(decision.rules)}


def _addressed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    named = [outcome.participant.id for outcome in outcomes if outcome.named]
    to = {"to": [outcome.participant.id for outcome in outcomes]}
    return to | ({"named": named} if named else {})
