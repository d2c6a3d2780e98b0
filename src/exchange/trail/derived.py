"""What must lie beside the trail, as it follows from the trail: rows, tiles and policy sets, entry after entry.

A participant reads rows; an auditor reads leaves. This is where the two are held against each other, so that a
delivery that was taken out, a reading that never was, or a date that was moved is found like a changed leaf.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from exchange import jose, leaf, participant, strictjson
from exchange.audit import Entry
from exchange.leaf import Event, Field, Leaf
from exchange.merkle import TILE_WIDTH, Hash, Tile, leaf_hash, root_of
from exchange.participant import CHANGE_LIMIT, ChangeKind
from exchange.policy import Answer
from exchange.refusal import Refusal
from exchange.store import Beside
from exchange.store.held import to_micros

_MALFORMED = (Refusal, KeyError, TypeError, ValueError, AttributeError, IndexError)
_LIMIT = 4 * CHANGE_LIMIT  # bytes of anything that was read back


@dataclass(slots=True)
class Derivation:
    """Takes the entries in order. policies: the sets that were in force so far, by digest."""

    policies: set[str] = field(default_factory=set)
    _items: dict[str, int] = field(default_factory=dict)
    _read: dict[int, set[str]] = field(default_factory=dict)  # by whom, of each item

    def of(self, entry: Entry) -> set[Beside] | None:
        """The rows that follow from this entry and those before it; None where it cannot be read."""
        try:
            stated = leaf.read(entry.leaf)
            return set(self._rows(entry, stated))
        except _MALFORMED:
            return None

    def _rows(self, entry: Entry, stated: Leaf) -> Iterator[Beside]:
        position, at = entry.position, to_micros(stated.at)
        self.policies.add(stated.policy)
        match stated.event:
            case Event.MESSAGE_ACCEPTED:
                yield from self._item(entry, stated, at)
            case Event.ITEMS_READ:
                for item in stated.items:
                    readers = self._read.setdefault(item, set())
                    if stated.actor not in readers:
                        readers.add(stated.actor)
                        yield Beside("reading", (position, item, stated.actor, at))
            case Event.ITEM_ACKNOWLEDGED:
                yield Beside("acknowledgement", (position, self._items[stated.object], stated.actor, at))
            case Event.DIRECTORY_CHANGED:
                yield self._change(entry, position)
            case Event.CHANGE_PROPOSED:
                yield Beside("proposal", (position, _signed(_change_in(entry))["id"]))

    def _item(self, entry: Entry, stated: Leaf, at: int) -> Iterator[Beside]:
        position, sender = entry.position, stated.actor
        self._items[stated.object] = position
        message = _signed(entry.token or b"")
        ulid, label = stated.object.removeprefix(sender + ":"), strictjson.write(message["label"])
        thread = message.get("thread", stated.object)
        yield Beside("item", (position, at, sender, ulid, stated.type, thread, None, label))
        decided = strictjson.parse_object(entry.openings[Field.DECISIONS].text, limit=_LIMIT)
        for asked in decided["read"]:
            if asked["outcome"] == Answer.CONTENT.value:
                for reader in asked["to"]:
                    yield Beside("delivery", (position, reader, position, at))

    def _change(self, entry: Entry, position: int) -> Beside:
        token = _change_in(entry)
        change = _signed(token)
        kind, about = ChangeKind(change["kind"]), change.get("participant", "")
        if kind is ChangeKind.POLICY:
            self.policies.add(participant.policy_digest(change["policy"]))
        digest = participant.digest_of(token)
        return Beside("change", (position, change["id"], digest, kind.value, about, kind.public))


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


def torn(batches: Sequence[tuple[int, int, int]], size: int) -> set[int]:
    """Where the batches remembered do not follow one another up to the trail's end: (first, size, at) of each.

    Which of them are remembered is a matter of age, so the first of them may begin anywhere.
    """
    ends = [first + count for first, count, _ in batches]
    begins = [first for first, _, _ in batches[1:]] + [size] * bool(batches)
    return {min(end, begin, size - 1) for end, begin in zip(ends, begins, strict=True) if end != begin}


def _change_in(entry: Entry) -> bytes:
    committed = strictjson.parse_object(entry.openings[Field.CHANGE].text, limit=_LIMIT)
    token: bytes = committed["change"].encode()
    return token


def _signed(token: bytes) -> dict[str, Any]:
    """What a compact JWS says. Whether its signature fits is the auditor's question."""
    return strictjson.parse_object(jose.decode(token.split(b".")[1]), limit=_LIMIT)
