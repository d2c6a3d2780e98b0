"""Who gets a message and who does not: recipients expanded from the snapshot, each released or withheld by the policy.

The same test guards every later read, so a preview, the routing and a read at one instant cannot disagree. They differ
in one thing: routing asks as if every recipient were active, every entity granted, and everybody reading for the
purpose of the label. None of it is published, so a suspended recipient shows as released, and stays unread because
reading asks for the real status, the real grant and the real purpose.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from exchange import addressing, relation, strictjson
from exchange.addressing import Addressee
from exchange.envelope import ItemId
from exchange.label import Label, Releasability
from exchange.participant import Participant, ParticipantId
from exchange.policy import Answer, Decision, Door, Permit, Standing
from exchange.policy.words import context_words, participant_words, resource_words, write_columns
from exchange.relation import Context, ItemFacts, ParticipantFacts, ReadingFacts

RELEASED = "released"
WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one recipient gets. named: addressed by its own name, and not only as one of a country, a tier or all."""

    participant: Participant
    named: bool
    decision: Decision

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
    """addressees: in the order of their ids. asked: for each, the facts that decided. decisions: by these facts."""

    permit: Permit
    addressees: tuple[Addressee, ...]
    asked: tuple[tuple[ParticipantFacts, ReadingFacts], ...]
    decisions: Mapping[tuple[ParticipantFacts, ReadingFacts], Decision]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """One for each recipient, in the order of their ids."""
        return tuple(Outcome(participant=who, named=named, decision=decision) for who, named, decision in self._each())

    @property
    def released(self) -> tuple[Participant, ...]:
        return tuple(who for who, _, decision in self._each() if decision.outcome is Answer.CONTENT)

    @property
    def withheld(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if not outcome.released)

    def for_sender(self) -> list[dict[str, str]]:
        """Every recipient that it is released to, and of the others those that the sender addressed by name.

        Of a country, a tier or all, those withheld are neither named nor counted.
        """
        told = []
        for who, named, decision in self._each():
            if decision.outcome is Answer.CONTENT:
                told.append({"participant": who.id, "outcome": RELEASED})
            elif named:
                told.append({"participant": who.id, "outcome": WITHHELD})
                if decision.told:
                    told[-1]["rule"] = decision.told[0]
        return told

    def for_audit(self) -> dict[str, Any]:
        """Everything that was asked and decided, in the words of cases, so that it can be decided again (replay.py).

        {"post": {"asked": "T1 RES | submit | RES | -", "outcome": "ALLOW", "rules": ["may-submit"]},
         "read": [{"asked": "T1 OUO | read | RES | addressee", "outcome", "rules", "to": [ids], "named": [of these]?}]}

        Recipients with the same facts share an entry.
        """
        permit = self.permit
        post = audited(Door.SUBMIT, permit.sender, permit.item, permit.stated, permit.decision)
        entries = _entries(permit.item, self.decisions)
        for (who, named), facts in zip(self.addressees, self.asked, strict=True):
            entries[facts]["to"].append(who.id)
            if named:
                entries[facts].setdefault("named", []).append(who.id)
        return {"post": post, "read": list(entries.values())}

    def _each(self) -> Iterator[tuple[Participant, bool, Decision]]:
        for (who, named), facts in zip(self.addressees, self.asked, strict=True):
            yield who, named, self.decisions[facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What those who hold an item may have of it under one label. asked, decisions: as of a routing."""

    item: ItemFacts
    asked: Mapping[ParticipantId, tuple[ParticipantFacts, ReadingFacts]]
    decisions: Mapping[tuple[ParticipantFacts, ReadingFacts], Decision]

    @property
    def released(self) -> tuple[ParticipantId, ...]:
        """Those who may have its content, in the order in which they were asked for."""
        return tuple(who for who, facts in self.asked.items() if self.decisions[facts].outcome is Answer.CONTENT)

    def for_audit(self) -> list[dict[str, Any]]:
        """As `read` of a routing's."""
        entries = _entries(self.item, self.decisions)
        for who, facts in self.asked.items():
            entries[facts]["to"].append(who)
        return list(entries.values())


def route(permit: Permit, standing: Standing, now: datetime) -> Routing:
    """permit: for a message that its sender may post, under this very standing. Raises as `addressing.expand`."""
    message, label, facts_of = permit.message, permit.message.label, standing.recipients
    addressing.check_groups(label.releasable_to, standing, message.sender, now, "/label/releasable_to")
    addressees = addressing.expand(message.recipients, standing, message.sender, now)
    named = label.releasable_to.groups
    # All are addressed and none is the source, so it depends on what the label can tell of somebody: the country, and
    # the groups that it names.
    being: dict[tuple[str, frozenset[str]], ReadingFacts] = {}
    asked = []
    for participant, _ in addressees:
        place = participant.country, standing.groups_of(participant.id, now) & named if named else named
        if place not in being:
            being[place] = relation.reading(
                label, sender=message.sender, reader=participant, addressee=True, now=now, groups=place[1]
            )
        asked.append((facts_of[participant.id], being[place]))
    decisions = standing.policy.decide_all(Door.READ, permit.item, asked)
    return Routing(permit=permit, addressees=addressees, asked=tuple(asked), decisions=decisions)


def readings(
    standing: Standing, label: Label, holders: Iterable[ParticipantId], *, source: ParticipantId, now: datetime
) -> Readings:
    """holders: to whom an item of `source` was released. Asked as `route` asks: as if all of them were active."""
    item, participants = relation.item(label), standing.directory.participants
    asked = {
        id: (
            standing.recipients[id],
            relation.reading(
                label,
                sender=source,
                reader=participants[id],
                addressee=True,
                now=now,
                groups=_groups(standing, label, id, now),
            ),
        )
        for id in holders
    }
    decisions = standing.policy.decide_all(Door.READ, item, tuple(asked.values()))
    return Readings(item=item, asked=asked, decisions=decisions)


class Held(Protocol):
    """An item as the store has it for one who sent or was given it."""

    @property
    def item(self) -> ItemId: ...

    @property
    def sender(self) -> ParticipantId: ...

    @property
    def type(self) -> str: ...

    @property
    def label(self) -> Label: ...

    @property
    def limits(self) -> Releasability | None: ...

    @property
    def recalled(self) -> bool: ...


def reads(standing: Standing, held: Held, reader: ParticipantId, now: datetime, purpose: str) -> bool:
    """Whether this reader, who sent or was given the item, may have it now: only CONTENT means that it may."""
    return standing.policy.decide(Door.READ, *_asked(standing, held, reader, now, purpose)).outcome is Answer.CONTENT


def why_hidden(standing: Standing, held: Iterable[Held], reader: ParticipantId, now: datetime, purpose: str) -> bytes:
    """For auditors, why a reader that holds these items is answered as if they were not there, in the form of
    `Routing.for_audit`: {"read": [{"item", "asked", "outcome", "rules"}]}. Of what is not there, the same with nothing.
    """
    read = []
    for one in held:
        asked = _asked(standing, one, reader, now, purpose)
        decision = standing.policy.decide(Door.READ, *asked)
        read.append({"item": one.item, **audited(Door.READ, *asked, decision)})
    return strictjson.write({"read": read})


def audited(
    door: Door, asker: ParticipantFacts, item: ItemFacts, context: Context, decision: Decision
) -> dict[str, Any]:
    """A question and its answer, as the trail keeps them: {"asked", "outcome", "rules"}."""
    asked = write_columns(participant_words(asker), door, resource_words(item), context_words(context))
    return {"asked": asked, "outcome": decision.outcome.value, "rules": list(decision.rules)}


def _entries(
    item: ItemFacts, decisions: Mapping[tuple[ParticipantFacts, ReadingFacts], Decision]
) -> dict[tuple[ParticipantFacts, ReadingFacts], dict[str, Any]]:
    return {
        facts: {**audited(Door.READ, facts[0], item, facts[1], decision), "to": []}
        for facts, decision in decisions.items()
    }


def _asked(
    standing: Standing, held: Held, reader: ParticipantId, now: datetime, purpose: str
) -> tuple[ParticipantFacts, ItemFacts, ReadingFacts]:
    """What is asked at the door of reading, under every restriction in force. The reader's status, what its bureau
    grants it and what it reads for count as they really are. It is an addressee because the item was released to it.

    purpose: that of the reader's call, if it named one.
    """
    label, who = held.label.narrowed(held.limits), standing.directory.participants[reader]
    being = relation.reading(
        label,
        sender=held.sender,
        reader=who,
        addressee=held.sender != reader,
        now=now,
        type=held.type,
        recalled=held.recalled,
        purpose=purpose,
        groups=_groups(standing, label, reader, now),
    )
    return relation.participant(who), relation.item(label), being


def _groups(standing: Standing, label: Label, who: ParticipantId, now: datetime) -> frozenset[str]:
    """To which it belongs now, of those that the label names."""
    named = label.releasable_to.groups
    return standing.groups_of(who, now) & named if named else named
