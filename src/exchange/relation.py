"""Facts about a participant and an item at a moment: all that needs identity, time or open sets is settled here.

A policy reads these facts and nothing else. They are flat, never optional and name nobody, so equal facts are equal
questions: what was decided once need not be decided again, and needs no forgetting when a right ends or an item
expires. The trail keeps them, and any auditor can decide again from them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from exchange.envelope import RULINGS, Message
from exchange.label import Handling, Label, Tier, Visibility
from exchange.participant import Key, Operation, Participant, ParticipantId

_EXERCISE = frozenset({Handling.EXERCISE})
_NO_GROUPS = frozenset[str]()
_BY_AGREEMENT = frozenset({Tier.T3, Tier.T4})

# Tuples and not the usual dataclasses: they are the keys by which decisions are remembered, five for each message.


class ParticipantFacts(NamedTuple):
    """Who asks. clearance: the rank of the highest classification that it may read."""

    tier: Tier
    clearance: int
    active: bool
    exercise: bool


class ItemFacts(NamedTuple):
    """What an item's label says. handling: without EXERCISE, which is the fact of that name. direct: to addressees."""

    rank: int
    handling: frozenset[Handling]
    tiers: frozenset[Tier]
    hit: Visibility
    direct: bool
    exercise: bool


class TrailFacts(NamedTuple):
    """The trail: there is one, and nothing to tell of it."""


# Facts that came later have the value that they had all along, so that questions of then are questions of now.


class PostingFacts(NamedTuple):
    """What a message states where its label demands that it be stated (R31, R32), and whether its sender's bureau lets
    it post such a one (R03, R04). agreed: whether its agreement covers it, of whoever takes part by agreement.
    """

    age_stated: bool
    necessity_stated: bool
    granted: bool = True
    reviewed: bool = True
    agreed: bool = True


class ReadingFacts(NamedTuple):
    """What a reader and an item are to each other now. granted, reviewed: what its bureau lets an entity read (R03,
    R04). purpose_fits: whether it reads for a purpose that the label names (R14). agreed: as for posting.
    """

    addressee: bool
    is_source: bool
    excluded: bool
    expired: bool
    recalled: bool = False
    granted: bool = True
    reviewed: bool = True
    purpose_fits: bool = True
    agreed: bool = True


class OwningFacts(NamedTuple):
    """What an item that stands is to whoever acts upon it."""

    is_source: bool


class HoldingFacts(NamedTuple):
    """What an item is to one who has it and would pass it on to one other. permitted: by the item's source."""

    holds: bool
    is_source: bool
    to_original_recipient: bool
    permitted: bool
    granted: bool = True
    reviewed: bool = True
    purpose_fits: bool = True
    agreed: bool = True


class InspectingFacts(NamedTuple):
    """An auditor and the trail: nothing lies between them."""


Principal = ParticipantFacts
Resource = ItemFacts | TrailFacts
Context = PostingFacts | ReadingFacts | OwningFacts | HoldingFacts | InspectingFacts


def participant(who: Participant) -> ParticipantFacts:
    return ParticipantFacts(who.tier, int(who.clearance), who.active, who.exercise)


def recipient(who: Participant) -> ParticipantFacts:
    """The same, as routing asks: a suspension is not published, so it withholds nothing in a sender's eyes. The
    suspended participant stays without it, because reading asks for the real status. So it is with grants and
    agreements: see `reading`.
    """
    return ParticipantFacts(who.tier, int(who.clearance), True, who.exercise)


def item(label: Label) -> ItemFacts:
    handling = label.handling
    exercise = Handling.EXERCISE in handling
    return ItemFacts(
        int(label.classification),
        handling - _EXERCISE if exercise else handling,
        label.releasable_to.tiers,
        label.hit_visibility,
        True,
        exercise,
    )


def posting(message: Message, sender: Participant, now: datetime) -> PostingFacts:
    return PostingFacts(
        message.minors_state_their_age,
        message.special_data_is_justified,
        granted(sender, message.type, Operation.SUBMIT, now),
        reviewed(sender, now),
        agreed(sender, message.type, message.label.crime_area, now),
    )


def reading(
    label: Label,
    *,
    sender: ParticipantId,
    reader: Participant,
    addressee: bool,
    now: datetime,
    recalled: bool = False,
    type: str | None = None,
    purpose: str = "",
    groups: frozenset[str] = _NO_GROUPS,
) -> ReadingFacts:
    """label: with every restriction in force. addressee: whether the item was addressed to this reader, by name or as
    one of a circle. type: of the item; None as routing asks: what a bureau lets its entity read, what an agreement
    covers and what a participant reads for is not published, so it withholds nothing in a sender's eyes. purpose: see
    `purpose_fits`. groups: to which the reader belongs now, of those that the label names.
    """
    expires = label.expires
    return ReadingFacts(
        addressee,
        reader.id == sender,
        label.releasable_to.excludes(reader.country, groups),
        expires is not None and expires <= now,
        recalled,
        type is None or granted(reader, type, Operation.READ, now),
        type is None or reviewed(reader, now),
        type is None or purpose_fits(label, reader, purpose),
        type is None or agreed(reader, type, label.crime_area, now),
    )


def purpose_fits(label: Label, who: Participant, purpose: str) -> bool:
    """R14: the label names no purpose, or one that `who` holds. purpose: what it does this for; empty where it did not
    say, and then any of its own will do.
    """
    named = label.purpose
    return not named or (
        purpose in named and purpose in who.purposes if purpose else not who.purposes.isdisjoint(named)
    )


def owning(source: ParticipantId, actor: ParticipantId) -> OwningFacts:
    return OwningFacts(source == actor)


def holding(
    label: Label,
    *,
    source: ParticipantId,
    holder: Participant,
    type: str,
    original: bool,
    permitted: bool,
    purpose: str,
    now: datetime,
) -> HoldingFacts:
    """Of one who has an item and would pass it on to one other. label, type: of the item. original: whether its source
    addressed that other itself. permitted: whether its source permits it. purpose: see `purpose_fits`.
    """
    return HoldingFacts(
        True,
        holder.id == source,
        original,
        permitted,
        granted(holder, type, Operation.FORWARD, now),
        reviewed(holder, now),
        purpose_fits(label, holder, purpose),
        agreed(holder, type, label.crime_area, now),
    )


def granted(who: Participant, type: str, operation: Operation, now: datetime) -> bool:
    """R04. What acts upon an item follows that: it needs a grant that is in force, and none for its own type. Who held
    an item can be told that it was taken back, and whether somebody may pass it on is asked for the item.
    """
    if who.tier is not Tier.T2:
        return True
    grant = who.grant
    if grant is None:
        return False
    return now < grant.until if type in RULINGS else grant.covers(type, operation, now)


def reviewed(who: Participant, now: datetime) -> bool:
    """R03."""
    return who.tier is not Tier.T2 or (who.grant is not None and now < who.grant.review_by)


def agreed(who: Participant, type: str, areas: Sequence[str], now: datetime) -> bool:
    """Whether the agreement by which an agency or a partner takes part covers an item of this type and these areas.

    What acts upon an item follows that, as with grants: it needs an agreement that is in force.
    """
    if who.tier not in _BY_AGREEMENT:
        return True
    agreement = who.agreement
    if agreement is None:
        return False
    return agreement.in_force(now) if type in RULINGS else agreement.covers(type, areas, now)


def valid_until(
    label: Label, key: Key | None, now: datetime, who: Participant | None = None, edges: Iterable[datetime] = ()
) -> datetime | None:
    """The next moment after `now` at which time alone may change a decision about an item: its own expiry, the end of
    the key that signed it, an edge of the grant or the agreement of its sender or reader, or of a membership in the
    groups that it names (edges). None if none lies ahead.
    """
    ends = [label.expires, None if key is None else key.not_after, *edges]
    if who is not None and who.grant is not None:
        ends += (who.grant.until, who.grant.review_by)
    if who is not None and who.agreement is not None:
        ends += (who.agreement.since, who.agreement.until)
    return min((end for end in ends if end is not None and end > now), default=None)
