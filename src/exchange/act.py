"""Acts: what a door asks to have written, all of it or nothing, in one durable transaction with its leaf."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from exchange.envelope import ItemId
from exchange.leaf import Draft
from exchange.participant import ChangeKind, ParticipantId, SignedChange
from exchange.policy import Standing


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
    """

    draft: Draft
    directory: int
    policy: str
    row: Row | None = None
    valid_until: datetime | None = None
    again: "Callable[[Standing, datetime], Act] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The act was committed before, at `position`; nothing was written now."""

    position: int
