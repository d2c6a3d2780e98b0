"""The trail in a database, handed to an auditor entry by entry: for whoever holds the database and its wrapping key.

Where a row was changed so that it does not even open, its position is named and the reading goes on behind it. What
lies beside the trail is held against what follows from it (`beside`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from exchange import leaf, strictjson
from exchange.audit import Entry, Opening
from exchange.committer.standing import POLICY_LIMIT
from exchange.leaf import Field
from exchange.merkle import HASH_SIZE, TILE_WIDTH
from exchange.refusal import Refusal
from exchange.store import Store, StoredEntry, Tampered
from exchange.trail.beside import Comparison

# A row that was changed by hand may hold values of other types than a gateway writes: SQLite keeps any in any column.
_UNREADABLE = (Tampered, Refusal, TypeError, AttributeError, ValueError)


def stored_entries(store: Store, size: int) -> Iterator[Entry]:
    """All below `size`, in order, each with every opening, with the signed bytes that it speaks of, and with the hash
    that a full tile keeps of its leaf. Then whatever stands beyond the head, where nothing may.
    """
    comparison = Comparison(store, size)
    last: Entry | None = None  # it waits for what is known in the end
    for start in range(0, comparison.stop, TILE_WIDTH):
        stop = min(start + TILE_WIDTH, comparison.stop)
        entries = list(_slice(store, start, stop))
        faults = comparison.faults(start, stop, entries)
        for entry in entries:
            if entry.position < size:
                if last is not None:
                    yield last
                last = replace(entry, faults=(*entry.faults, *faults.get(entry.position, ())))
    if last is not None:
        yield replace(last, faults=(*last.faults, *comparison.of_all()))
    yield from comparison.beyond()


def first_policy(store: Store) -> Mapping[str, Any] | None:
    """The texts of the policy set that the genesis names, as they are kept. Whether they are, the auditor says."""
    try:
        digest = leaf.read(store.leaf(0)).policy
        return strictjson.parse_object(store.policy_texts(digest) or b"", limit=POLICY_LIMIT)
    except _UNREADABLE:
        return None


def _slice(store: Store, start: int, stop: int) -> Iterator[Entry]:
    """As wide as a tile at most, and beginning where one begins."""
    faults: tuple[str, ...] = ()
    kept = b""
    if stop - start == TILE_WIDTH:
        try:
            kept = store.tree(stop).hashes(0, start // TILE_WIDTH)
        except Tampered as tampered:
            faults = (str(tampered),)
    for entry in entries_between(store, start, stop):
        at = (entry.position - start) * HASH_SIZE
        hashed = kept[at : at + HASH_SIZE] or None
        yield replace(entry, hash=hashed, faults=entry.faults + (faults if entry.position == start else ()))


def entries_between(store: Store, start: int, stop: int) -> Iterator[Entry]:
    """From `start` to before `stop`. Where they cannot be read together: in halves, until one that cannot is alone."""
    try:
        tokens = store.messages(start, stop)
        found = [_entry(entry, tokens) for entry in store.entries(start - 1, stop - start) if entry.position < stop]
    except _UNREADABLE as wrong:
        if stop - start > 1:
            middle = (start + stop) // 2
            yield from entries_between(store, start, middle)
            yield from entries_between(store, middle, stop)
        else:
            yield Entry(position=start, leaf=_leaf(store, start), faults=(_says(wrong),))
    else:
        yield from found


def _says(wrong: Exception) -> str:
    return str(wrong) if isinstance(wrong, Tampered) else "a row of it holds what no gateway writes, or cannot be read"


def _entry(entry: StoredEntry, tokens: Mapping[int, bytes]) -> Entry:
    if not isinstance(entry.leaf, bytes):
        raise TypeError("a leaf is bytes")
    openings = {name: Opening(salt=entry.key.salt(name), text=text) for name, text in entry.texts.items()}
    token = tokens.get(entry.position)
    if token is not None:
        signed = token[: token.rfind(b".")]
        openings[Field.MESSAGE] = Opening(salt=entry.key.salt(Field.MESSAGE), text=signed)
    lost = token is None and Field.MESSAGE.value in _commitments(entry.leaf)
    return Entry(
        position=entry.position,
        leaf=entry.leaf,
        openings=openings,
        token=token,
        faults=("the message that the leaf committed to is missing",) if lost else (),
    )


def _leaf(store: Store, position: int) -> bytes:
    try:
        return bytes(store.leaf(position))
    except (Refusal, TypeError):
        return b""


def _commitments(raw: bytes) -> Mapping[str, str]:
    """None, where the bytes are no leaf: the auditor says so."""
    try:
        return leaf.read(raw).commit
    except Refusal:
        return {}
