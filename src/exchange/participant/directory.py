"""Participants and their keys: an immutable, versioned snapshot of who takes part and what each may do."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from exchange.jose import VerifyingKey
from exchange.label import Classification, Tier

ParticipantId = NewType("ParticipantId", str)
Kid = NewType("Kid", str)


class Use(StrEnum):
    """What a key may sign: messages and acknowledgements; client assertions; changes of the directory."""

    MESSAGE = "message"
    ACCESS = "access"
    OFFICER = "officer"


class Status(StrEnum):
    """ended: for ever, as its bureau said of an entity."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Operation(StrEnum):
    """What a bureau grants its entity to do with a type of message."""

    SUBMIT = "submit"
    READ = "read"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A participant's registered key. Revocation is for ever: a kid never comes back."""

    verifying: VerifyingKey
    use: Use
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None

    @property
    def kid(self) -> str:
        return self.verifying.kid

    def valid_at(self, moment: datetime) -> bool:
        return self.revoked_at is None and self.not_before <= moment < self.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a national entity may do, in its bureau's words, beside the rights that it was given.

    scopes: `<type of message>/<operation>`, `*` for every type. until: from then on it holds nothing. review_by: until
    then its bureau has to say it anew (R03).
    """

    scopes: frozenset[str]
    until: datetime
    review_by: datetime

    def covers(self, type: str, operation: Operation, now: datetime) -> bool:
        """R04."""
        return now < self.until and not self.scopes.isdisjoint((f"{type}/{operation}", f"*/{operation}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """By what an agency or a partner takes part: types of messages and crime areas, from a moment until another."""

    reference: str
    types: frozenset[str]
    crime_areas: frozenset[str]
    since: datetime
    until: datetime

    def in_force(self, now: datetime) -> bool:
        return self.since <= now < self.until

    def covers(self, type: str, areas: Collection[str], now: datetime) -> bool:
        """areas: those of an item; of one that states none, the type alone counts."""
        within = not areas or any(area_within(area, self.crime_areas) for area in areas)
        return self.in_force(now) and type in self.types and within

    def within(self, other: "Agreement") -> bool:
        """Whether it gives nothing that the other does not give."""
        return (
            self.types <= other.types
            and all(area_within(area, other.crime_areas) for area in self.crime_areas)
            and other.since <= self.since
            and self.until <= other.until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """An organisation that may sign and receive. A national entity (T2) has a bureau, which admitted it, and may do
    what that bureau grants; held_back: as long as the bureau itself may not act. Agencies and partners (T3, T4) have an
    agreement.
    """

    id: ParticipantId
    name: str
    tier: Tier
    country: str
    exercise: bool
    clearance: Classification = Classification.OUO
    purposes: frozenset[str] = frozenset()
    crime_areas: frozenset[str] = frozenset()
    status: Status = Status.ACTIVE
    bureau: ParticipantId | None = None
    grant: Grant | None = None
    held_back: bool = False
    agreement: Agreement | None = None
    keys: Mapping[str, Key] = field(default_factory=dict)
    _by_use: Mapping[Use, Mapping[str, VerifyingKey]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Asked for every message and every call, so it is made once a snapshot and not once a question.
        by_use = {use: {k: key.verifying for k, key in self.keys.items() if key.use is use} for use in Use}
        object.__setattr__(self, "_by_use", by_use)

    @property
    def active(self) -> bool:
        return self.status is Status.ACTIVE and not self.held_back

    def keys_for(self, use: Use) -> Mapping[str, VerifyingKey]:
        """kid -> key, of every key for this use that ever was: whether one is valid now is the next question."""
        return self._by_use[use]

    def holding(self, key: Key) -> "Participant":
        """This participant with the key added, or in the place of its former self."""
        return replace(self, keys={**self.keys, key.kid: key})


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """From a moment on, and before another if there is one."""

    participant: ParticipantId
    since: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)

    def within(self, other: "Membership") -> bool:
        longer = other.until is None or (self.until is not None and self.until <= other.until)
        return self.participant == other.participant and other.since <= self.since and longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Some who work together, as a region or an operation, by a code that messages and labels may name."""

    code: str
    name: str
    members: tuple[Membership, ...]

    def within(self, other: "Group") -> bool:
        """Whether nobody is in it at a moment when it is not in the other."""
        return all(any(one.within(another) for another in other.members) for one in self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a participant that has proved itself by `kid`, what it said of the person behind the call, and for
    which of its purposes; none, where it did not say.
    """

    participant: Participant
    kid: str
    user: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Who takes part, as of `version` (the trail position of the last change). Folded from verified changes only."""

    origin: str
    training: bool
    version: int
    operator: ParticipantId
    policy: str  # digest of the policy set in force
    participants: Mapping[str, Participant]
    owners: Mapping[str, ParticipantId]  # kid -> who holds or held it
    changes: frozenset[str]  # ids of the changes folded so far: each counts once
    groups: Mapping[str, Group] = field(default_factory=dict)  # by code

    def __iter__(self) -> Iterator[Participant]:
        """In the order of their ids: whoever expands a country or a tier gets the same order each time."""
        return iter(sorted(self.participants.values(), key=lambda p: p.id))

    def get(self, participant: str) -> Participant | None:
        return self.participants.get(participant)

    def of_country(self, country: str) -> Iterable[Participant]:
        return (p for p in self if p.country == country)

    def of_tier(self, tier: Tier) -> Iterable[Participant]:
        return (p for p in self if p.tier is tier)

    def owner_of(self, kid: str) -> Participant | None:
        """Who holds or held this key."""
        owner = self.owners.get(kid)
        return None if owner is None else self.participants[owner]

    def entities_of(self, bureau: ParticipantId) -> Iterable[Participant]:
        """Those that this bureau admitted."""
        return (p for p in self.participants.values() if p.bureau == bureau)

    def with_participants(self, *changed: Participant, version: int, change: str) -> "Directory":
        return replace(
            self,
            version=version,
            participants={**self.participants, **{one.id: one for one in changed}},
            owners={**self.owners, **{kid: one.id for one in changed for kid in one.keys}},
            changes=self.changes | {change},
        )


def area_within(area: str, areas: Collection[str]) -> bool:
    """Whether a crime area is one of these or lies below one: who has DRG has DRG.SYN."""
    return area in areas or area.partition(".")[0] in areas
