"""What the store gives back: the domain's types, no rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from exchange.envelope import ItemId
from exchange.label import Label, Releasability
from exchange.leaf import Field, ItemKey
from exchange.participant import ChangeKind, ParticipantId, SignedChange
from exchange.store.vault import SealedText

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Place(Protocol):
    """How far a reader has come: the position of the act that released an item, and the item's own."""

    @property
    def released(self) -> int: ...

    @property
    def item(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredItem:
    """A message as one participant holds it. position: of the message; released: of the act that released it.

    first_read and acknowledged: positions of this participant's own acts, where it is a reader. limits: the circle that
    its source has restricted it to since, beside the label's own. newer: its last correction, where this participant
    has that, too.
    """

    position: int
    released: int
    released_at: datetime
    accepted_at: datetime
    item: ItemId
    sender: ParticipantId
    type: str
    thread: str
    label: Label
    sealed: SealedText
    first_read: int | None = None
    acknowledged: int | None = None
    recalled: bool = False
    limits: Releasability | None = None
    newer: ItemId | None = None

    @property
    def token(self) -> bytes:
        """Opened only now: to decide, the label is enough, and a denial shall not take longer for a long message."""
        return self.sealed.open()

    @property
    def signed(self) -> bytes:
        """The bytes that the signature covers, and the commitment."""
        return self.token[: self.token.rindex(b".")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How far an item has come with one reader, and when it came there. released_at: to this reader, last. by: who
    passed it on to that reader last, if it was not its source that released it.
    """

    reader: ParticipantId
    state: Literal["released", "read", "acknowledged"]
    at: datetime
    released_at: datetime
    by: ParticipantId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """An item that a participant sent or was given. position, at: of the act that did so. leaf: of the item.

    peers: to whom it was given, or by whom it was sent.
    """

    position: int
    at: datetime
    item: ItemId
    sent: bool
    type: str
    leaf: bytes
    peers: tuple[ParticipantId, ...]

    def among(self, peers: Iterable[ParticipantId]) -> "Movement":
        return replace(self, peers=tuple(peers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The key that opens a leaf's commitments, and the texts behind them that are kept with the leaf itself.

    The message of an item or an acknowledgement is not among them, nor is a change.
    """

    key: ItemKey
    texts: Mapping[Field, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """A leaf, the key that opens it, and what it commits to: all but the message itself."""

    position: int
    leaf: bytes
    key: ItemKey
    texts: Mapping[Field, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChange:
    """A change in force, with its leaf and the key that opens it. public: whether every participant may see it."""

    position: int
    id: str
    kind: ChangeKind
    participant: str
    public: bool
    signed: SignedChange
    leaf: bytes
    key: ItemKey


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProposal:
    """A change that waits for more officers."""

    position: int
    id: str
    signed: SignedChange


@dataclass(frozen=True, slots=True)
class Beside:
    """A row that follows from the trail, as it stands: the table, and the columns that `kept` reads of it, in order."""

    table: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What already stands under an identity: where, its leaf, and the key that opens it. key: None once erased."""

    position: int
    leaf: bytes
    key: ItemKey | None


def to_micros(moment: datetime) -> int:
    """An instant as it stands in a row: microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND
