"""The classification label: its vocabulary, its order, and what follows from several labels together.

A label is part of the signed payload and is never changed afterwards. It narrows: whatever recipients a message names,
the label can only take readers away. The codes are those of docs/glossary.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from exchange import instant
from exchange.refusal import Fault, Reason, Refusal

POLICY = "urn:exchange:policy:core:1"


class Classification(IntEnum):
    """Ordered: a reader needs at least the clearance that a label states (RPD 112)."""

    PUB = 0
    OUO = 1
    RES = 2
    CON = 3


class Handling(StrEnum):
    """What may be done with an item, and what it contains that needs care."""

    H1 = "H1"
    H2 = "H2"
    H3 = "H3"
    ORCON = "ORCON"
    NOANALYSIS = "NOANALYSIS"
    NOENT = "NOENT"
    NOINT = "NOINT"
    NOPRIV = "NOPRIV"
    NOCOPY = "NOCOPY"
    NOAUTO = "NOAUTO"
    SILENT = "SILENT"
    VICTIM = "VICTIM"
    MINOR = "MINOR"
    SENS = "SENS"
    PROTSRC = "PROTSRC"
    DOUBT = "DOUBT"
    EXERCISE = "EXERCISE"


class Tier(StrEnum):
    """Who somebody is to the exchange; the base of what they may do."""

    T0 = "T0"
    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    T4 = "T4"
    T5 = "T5"
    T6 = "T6"


class Visibility(StrEnum):
    """What a search that finds the item shows to those who may not read it: all, whom to contact, nothing."""

    WHITE = "WHITE"
    GRAY = "GRAY"
    BLACK = "BLACK"


class Mode(StrEnum):
    """To whom an item is releasable: all, all but some, some only."""

    ALL = "ALL"
    ALL_MINUS = "ALL_MINUS"
    ONLY = "ONLY"


# A member's name is its value, and looking a name up costs a tenth of asking the class.
_HANDLING, _TIER, _VISIBILITY, _MODE = Handling.__members__, Tier.__members__, Visibility.__members__, Mode.__members__
_EVERY_TIER = frozenset(Tier)

CLOCKS: Mapping[str, timedelta] = {
    "U1": timedelta(minutes=10),
    "U2": timedelta(hours=8),
    "U3": timedelta(days=3),
    "U4": timedelta(days=7),
    "U5": timedelta(days=30),
}

DUTIES: Mapping[str, str] = {
    "H1": "no use in court without the source's permission",
    "H2": "no passing on without the source's permission",
    "ORCON": "no passing on and nothing derived without the source's permission",
    "PA0": "no action before the source was asked",
    "PA1": "no more than a passive check",
    "PA2": "no more than discreet observation",
    "PA3": "no more than overt measures",
    "PA4": "coercive measures only as national law allows them",
    "RES": "a second factor for every person who reads it, no offline copy and no bulk export",
}
_OBLIGING = frozenset({Handling.H1, Handling.H2, Handling.ORCON})


_NO_GROUPS = frozenset[str]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Releasability:
    """Which countries, groups and tiers an item may reach. `include` counts in mode ONLY, `exclude` in every mode.

    Who belongs to a group is asked when it matters, not when the label is written. Circles are met as codes: two that
    name different groups have nobody in common, whoever may be in both.
    """

    mode: Mode
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    tiers: frozenset[Tier] = frozenset(Tier)
    groups: frozenset[str] = field(init=False, repr=False, compare=False)  # those that it names

    def __post_init__(self) -> None:
        # Asked several times for each message, so it is made once.
        codes = () if self.mode is Mode.ALL else (*self.include, *self.exclude)
        object.__setattr__(self, "groups", frozenset(code for code in codes if "-" in code) if codes else _NO_GROUPS)

    def excludes(self, country: str, groups: frozenset[str] = _NO_GROUPS) -> bool:
        """R09: excluded by name, or mode ONLY and not included. groups: to which this somebody belongs now."""
        if country in self.exclude or not groups.isdisjoint(self.exclude):
            return True
        return self.mode is Mode.ONLY and country not in self.include and groups.isdisjoint(self.include)

    def met(self, *others: "Releasability") -> "Releasability":
        """Whom all of these circles have in common: it excludes whomever one of them excludes."""
        circles = (self, *others)
        inclusions = [circle.include for circle in circles if circle.mode is Mode.ONLY]
        exclude = frozenset[str]().union(*(circle.exclude for circle in circles))
        return Releasability(
            mode=Mode.ONLY if inclusions else Mode.ALL_MINUS if exclude else Mode.ALL,
            include=frozenset.intersection(*inclusions) if inclusions else frozenset(),
            exclude=exclude,
            tiers=frozenset.intersection(*(circle.tiers for circle in circles)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label as its originator signed it."""

    classification: Classification
    originator: str
    created: datetime
    expires: datetime | None = None
    handling: frozenset[Handling] = frozenset()
    releasable_to: Releasability
    purpose: tuple[str, ...] = ()
    crime_area: tuple[str, ...] = ()
    urgency: str = "U4"
    hit_visibility: Visibility = Visibility.WHITE
    permitted_action: str = ""
    review_by: datetime | None = None

    def due(self, released_at: datetime) -> datetime:
        """Until when whoever was released it then has to acknowledge it: by its urgency."""
        return released_at + CLOCKS[self.urgency]

    @property
    def duties(self) -> tuple[str, ...]:
        """What it lays on whoever reads the item, in the order of DUTIES. They stay with the item wherever it goes."""
        if self.classification < Classification.RES and not self.permitted_action and not self.handling & _OBLIGING:
            return ()
        laid = {*self.handling, self.permitted_action, self.classification.name}
        return tuple(code for code in DUTIES if code in laid)

    def narrowed(self, circle: Releasability | None) -> "Label":
        """As its source has restricted it since; None: as it was signed."""
        return self if circle is None else replace(self, releasable_to=self.releasable_to.met(circle))

    def dominates(self, other: "Label") -> bool:
        """No reader of this label is kept from the other: higher or equal rank, narrower or equal circle."""
        ours, theirs = self.releasable_to, other.releasable_to
        narrower = ours.tiers <= theirs.tiers and _never_wider(ours, theirs)
        return self.classification >= other.classification and self.handling >= other.handling and narrower


def parse(members: Mapping[str, Any]) -> Label:
    """members: the label of an envelope, already held against its schema.

    Raises Refusal(LABEL_INCONSISTENT) where the members contradict each other.
    """
    label = Label(
        classification=Classification[members["classification"]],
        originator=members["originator"],
        created=instant.parse(members["created"]),
        expires=instant.parse(members["expires"]) if "expires" in members else None,
        handling=frozenset(map(_HANDLING.__getitem__, members.get("handling", ()))),
        releasable_to=_circle(members["releasable_to"]),
        purpose=tuple(members.get("purpose", ())),
        crime_area=tuple(members.get("crime_area", ())),
        urgency=members.get("urgency", "U4"),
        hit_visibility=_VISIBILITY[members.get("hit_visibility", "WHITE")],
        permitted_action=members.get("permitted_action", ""),
        review_by=instant.parse(members["review_by"]) if "review_by" in members else None,
    )
    faults = _contradictions(label.releasable_to, "/label/releasable_to")
    if label.expires is not None and label.expires <= label.created:
        faults.append(Fault("/label/expires", "lies after created"))
    if faults:
        raise Refusal(Reason.LABEL_INCONSISTENT, faults=tuple(faults))
    return label


def parse_circle(members: Mapping[str, Any], path: str) -> Releasability:
    """members: as `releasable_to` of a label, held against its schema. path: where they stand.

    Raises Refusal(LABEL_INCONSISTENT) where they contradict each other.
    """
    circle = _circle(members)
    faults = _contradictions(circle, path)
    if faults:
        raise Refusal(Reason.LABEL_INCONSISTENT, faults=tuple(faults))
    return circle


def derive(first: Label, *others: Label) -> tuple[Classification, frozenset[Handling], Releasability]:
    """What a product of several items must at least be labelled: the highest rank, every handling, the common circle.

    R19, as far as labels carry it: for every input, no reader is added that the input did not have.
    """
    labels = (first, *others)
    circle = first.releasable_to.met(*(label.releasable_to for label in others))
    handling = frozenset[Handling]().union(*(label.handling for label in labels))
    return max(label.classification for label in labels), handling, circle


def _never_wider(ours: Releasability, theirs: Releasability) -> bool:
    """Whoever theirs excludes, ours excludes too: whatever groups they belong to, now or later."""
    if ours.groups or theirs.groups:
        # A member of a group may be of any country, so codes count as they are written.
        kept = theirs.mode is not Mode.ONLY or (ours.mode is Mode.ONLY and ours.include <= theirs.include)
        return kept and theirs.exclude <= ours.exclude
    if ours.mode is Mode.ONLY:
        return not any(theirs.excludes(country) for country in ours.include - ours.exclude)
    return theirs.mode is not Mode.ONLY and theirs.exclude <= ours.exclude


def _circle(members: Mapping[str, Any]) -> Releasability:
    return Releasability(
        mode=_MODE[members["mode"]],
        include=frozenset(members.get("include", ())),
        exclude=frozenset(members.get("exclude", ())),
        tiers=frozenset(map(_TIER.__getitem__, members["tiers"])) if "tiers" in members else _EVERY_TIER,
    )


def _contradictions(circle: Releasability, path: str) -> list[Fault]:
    faults = []
    if circle.mode is Mode.ALL and (circle.include or circle.exclude):
        faults.append(Fault(path, "mode ALL takes no include and no exclude"))
    if circle.mode is Mode.ALL_MINUS and (circle.include or not circle.exclude):
        faults.append(Fault(path, "mode ALL_MINUS takes exclude and no include"))
    if circle.mode is Mode.ONLY and not circle.include:
        faults.append(Fault(path, "mode ONLY names whom it includes"))
    return faults
