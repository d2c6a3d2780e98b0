"""Acts: what a door asks to have written, all of it or nothing, in one durable transaction with its leaf."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exchange.envelope import ItemId
from exchange.leaf import Draft
from exchange.participant import ChangeKind, ParticipantId, SignedChange
from exchange.policy import Standing


class Effect(StrEnum):
    """What a message can do to an item that was accepted before. The values are the types on the wire."""

    RECALL = "recall"
    RESTRICTION = "restriction"
    CORRECTION = "correction"
    FORWARD = "forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What an accepted message does to another item, by position. anew: to whom that item is released by this act."""

    item: int
    effect: Effect
    anew: tuple[ParticipantId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """A message accepted, and whom it is delivered to. label: its members as signed, in our one serialisation."""

    item: ItemId
    sender: ParticipantId
    ulid: str
    type: str
    thread: str
    label: bytes
    token: bytes
    readers: tuple[ParticipantId, ...]
    ruling: Ruling | None = None

    @property
    def signed(self) -> bytes:
        """The bytes that make it this message; the signature behind them is malleable."""
        return self.token[: self.token.rindex(b".")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageShown:
    """These items (by position) were shown to this reader."""

    reader: ParticipantId
    items: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAcknowledgement:
    """A reader has acknowledged an item (by position) with a signed statement. Once for each reader and item."""

    reader: ParticipantId
    item: int
    token: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProposal:
    """A change that waits for more officers."""

    change: str
    signed: SignedChange


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """A change of the directory that takes effect with its leaf. policy: the texts of a set, where it activates one."""

    change: str
    kind: ChangeKind
    participant: str
    signed: SignedChange
    policy: bytes | None = None


Row = NewItem | PageShown | NewAcknowledgement | NewProposal | NewChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One leaf and the row it brings, decided under `directory` (version) and `policy` (digest).

    The commit writes it only if these are still in force and `valid_until` has not passed; otherwise it asks `again`
    for the act as it would be decided now, which may raise a Refusal. An act without `again` holds whatever changes.

    rests_on: the items, by position, whose state decided this act, as it was read when `rights` (of the committer) were
    known: read before the items, or what happened in between is missed. Where one of them was acted upon since, the
    commit writes nothing and answers Overtaken.

    finish: of an act with a ruling, what is known in the commit alone: given those who have read the item that it rules
    upon, in the order of their ids, the act that tells them. It decides nothing, asks nothing, and may be asked twice.
    """

    draft: Draft
    directory: int
    policy: str
    row: Row | None = None
    valid_until: datetime | None = None
    again: "Callable[[Standing, datetime], Act] | None" = None
    rests_on: tuple[int, ...] = ()
    rights: int = 0
    finish: "Callable[[tuple[ParticipantId, ...]], Act] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The act was committed before, at `position`; nothing was written now."""

    position: int


@dataclass(frozen=True, slots=True)
class Overtaken:
    """These items, that the act rests on, were acted upon since it was decided. Nothing was written."""

    items: frozenset[int]
