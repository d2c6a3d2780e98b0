"""What must lie beside the trail, as it follows from the trail: rows and tiles, entry after entry.

A participant reads rows; an auditor reads leaves. This is where the two are held against each other, so that a
delivery that was taken out, a reading that never was, or a date that was moved is found like a changed leaf.
Nothing here remembers more than the last tile of each level, however long the trail is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange import jose, leaf, participant, strictjson
from exchange.act import Effect
from exchange.audit import Entry
from exchange.leaf import Event, Field, Leaf
from exchange.merkle import TILE_WIDTH, Hash, Tile, leaf_hash, root_of
from exchange.participant import CHANGE_LIMIT, ChangeKind
from exchange.policy import Answer
from exchange.refusal import Refusal
from exchange.store import Beside, StoredEntry
from exchange.store.held import to_micros

_MALFORMED = (Refusal, KeyError, TypeError, ValueError, AttributeError, IndexError)
_LIMIT = 4 * CHANGE_LIMIT  # bytes of anything that was read back

_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    Effect.RECALL: ("recalled", "touched"),
    Effect.RESTRICTION: ("restricted", "touched"),
    Effect.CORRECTION: ("newer", "touched"),
    Effect.FORWARD: ("touched",),
}
_TOLD = frozenset({Effect.RECALL, Effect.RESTRICTION})


def rows(entry: Entry, stated: Leaf) -> set[Beside] | None:
    """The rows that this entry alone brings; None where it cannot be read, which is the auditor's to say.

    A reading is not among them: of what a page showed, only what was never shown before is one. Nor is a delivery,
    which a later entry may have moved.
    """
    try:
        return set(_rows(entry, stated))
    except _MALFORMED:
        return None


def policies(entry: Entry, stated: Leaf) -> Iterator[str]:
    """The policy sets, by digest, that are in force at this entry, or from it on."""
    yield stated.policy
    if stated.event is Event.DIRECTORY_CHANGED and stated.type == ChangeKind.POLICY.value:
        try:
            yield participant.policy_digest(_signed(_change_in(entry))["policy"])
        except _MALFORMED:
            return


def read(raw: Any) -> Leaf | None:
    """None where these bytes are no leaf: that is the auditor's to say."""
    try:
        return leaf.read(raw)
    except _MALFORMED:
        return None


def rules(stated: Leaf) -> bool:
    """Whether what was accepted here acts upon another item."""
    return stated.event is Event.MESSAGE_ACCEPTED and stated.type in _NAMED_BY and bool(stated.items)


def columns(stated: Leaf) -> tuple[str, ...]:
    """Of the row of the item that this acts upon, what names it."""
    return _NAMED_BY[stated.type]


def names(stated: Leaf, item: int, column: str) -> bool:
    """Whether this acts upon the item, in a way that this column of its row names."""
    return rules(stated) and item in stated.items and column in columns(stated)


@dataclass(frozen=True, slots=True)
class Released:
    """To whom an act releases what: by the position of the item, its own among them. at: the act's own time.

    told: of an act that is told to those who have read the item, to whom.
    """

    readers: Mapping[int, frozenset[str]]
    at: int
    told: frozenset[str] | None = None

    def brings(self, item: object, reader: object, at: object) -> bool:
        """Whether this is a delivery by this act."""
        return at == self.at and any(item == known and reader in to for known, to in self.readers.items())


def released(entry: Entry, stated: Leaf) -> Released | None:
    """What this entry releases; None where it cannot be read, which is the auditor's to say."""
    opening = entry.openings.get(Field.DECISIONS)
    return _released(entry.position, stated, None if opening is None else opening.text)


def released_in(entry: StoredEntry) -> Released | None:
    """The same of an entry as it is stored."""
    stated = read(entry.leaf)
    return None if stated is None else _released(entry.position, stated, entry.texts.get(Field.DECISIONS))


def _released(position: int, stated: Leaf, decisions: bytes | None) -> Released | None:
    at = to_micros(stated.at)
    if stated.event is not Event.MESSAGE_ACCEPTED:
        return Released({}, at)
    try:
        decided = strictjson.parse_object(decisions or b"", limit=_LIMIT)
        given = (asked["to"] for asked in decided["read"] if asked["outcome"] == Answer.CONTENT.value)
        told, anew = (frozenset(map(str, decided.get(name, ()))) for name in ("told", "anew"))
        readers = {position: told.union(*given)} | dict.fromkeys(stated.items if rules(stated) else (), anew)
        return Released(readers, at, told if stated.type in _TOLD else None)
    except _MALFORMED:
        return None


def shows(stated: Leaf, item: object, reader: object, at: object) -> bool:
    """Whether this leaf shows the item to the reader at this time."""
    return (
        stated.event is Event.ITEMS_READ
        and stated.actor == reader
        and to_micros(stated.at) == at
        and item in stated.items
    )


@dataclass(slots=True)
class Tiles:
    """The full tiles over leaves as they come."""

    _rows: dict[int, list[Hash]] = field(default_factory=dict)
    _full: dict[int, int] = field(default_factory=dict)

    def add(self, raw: bytes) -> list[Tile]:
        """The tiles that this leaf completes, the lowest first."""
        completed: list[Tile] = []
        level, hashed = 0, leaf_hash(raw)
        while True:
            row = self._rows.setdefault(level, [])
            row.append(hashed)
            if len(row) < TILE_WIDTH:
                return completed
            n = self._full[level] = self._full.get(level, -1) + 1
            hashed = root_of(row)
            completed.append(Tile(level=level, n=n, hashes=b"".join(row), root=hashed))
            self._rows[level] = []
            level += 1


def _rows(entry: Entry, stated: Leaf) -> Iterator[Beside]:
    position, at = entry.position, to_micros(stated.at)
    match stated.event:
        case Event.MESSAGE_ACCEPTED:
            yield from _item(entry, stated, at)
        case Event.ITEM_ACKNOWLEDGED:
            yield Beside("acknowledgement", (position, stated.object, stated.actor, at))
        case Event.DIRECTORY_CHANGED:
            token = _change_in(entry)
            change, digest = _signed(token), participant.digest_of(token)
            kind, about = ChangeKind(change["kind"]), change.get("participant", "")
            yield Beside("change", (position, change["id"], digest, kind.value, about, kind.public))
        case Event.CHANGE_PROPOSED:
            yield Beside("proposal", (position, _signed(_change_in(entry))["id"]))


def _item(entry: Entry, stated: Leaf, at: int) -> Iterator[Beside]:
    position, sender = entry.position, stated.actor
    message = _signed(entry.token or b"")
    ulid, label = stated.object.removeprefix(sender + ":"), strictjson.write(message["label"])
    thread = message.get("thread", stated.object)
    yield Beside("item", (position, at, sender, ulid, stated.type, thread, None, label))


def _change_in(entry: Entry) -> bytes:
    committed = strictjson.parse_object(entry.openings[Field.CHANGE].text, limit=_LIMIT)
    token: bytes = committed["change"].encode()
    return token


def _signed(token: bytes) -> dict[str, Any]:
    """What a compact JWS says. Whether its signature fits is the auditor's question."""
    return strictjson.parse_object(jose.decode(token.split(b".")[1]), limit=_LIMIT)
