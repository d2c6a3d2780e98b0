"""What acts upon items have left beside the trail: where deliveries lie, what the rows of items name, whom acts told.

A delivery lies at the last act that released its item to its reader, and an item's row names the last act of each kind
upon it. So neither is told by one entry alone, and each is held from two sides: what a row names must be such an act,
and no act may be missing from the rows or lie behind what they name.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from exchange.audit import Entry
from exchange.leaf import Leaf
from exchange.refusal import Refusal
from exchange.store import Store, StoreFault
from exchange.store.kept import KeptDelivery, KeptTouches
from exchange.trail import derived
from exchange.trail.derived import Released

_Row = TypeVar("_Row")
Readable = Callable[[Callable[[Sequence[int]], Iterable[_Row]], Sequence[int]], list[_Row]]
"""Asks of these positions, and leaves out what cannot be read."""


class Acts:
    """stop: the end of what is followed. readable: how rows are asked for. note: takes a position and what is wrong."""

    def __init__(self, store: Store, stop: int, readable: "Readable[Any]", note: Callable[[int, str], None]) -> None:
        self._store, self._stop = store, stop
        self._readable, self._note = readable, note

    def compare(self, first: int, stop: int, entries: Sequence[Entry], leaves: Mapping[int, Leaf]) -> None:
        """The entries from `first` to before `stop`, and the items that were accepted there."""
        released: dict[int, Released] = {}
        for entry in entries:
            if entry.position in leaves:
                act = derived.released(entry, leaves[entry.position])
                if act is None:
                    self._note(entry.position, "to whom it was released is not to be learnt from it")
                else:
                    released[entry.position] = act
        rows: list[KeptDelivery] = self._readable(self._store.delivered, range(first, stop))
        self._deliveries_kept(first, rows, released)
        self._deliveries_made(rows, released)
        self._touches_kept(first, stop)
        for position, stated in leaves.items():
            if derived.rules(stated):
                self._touches_made(position, stated)
                self._told(position, stated, released.get(position))

    def _deliveries_kept(self, first: int, rows: Sequence[KeptDelivery], released: Mapping[int, Released]) -> None:
        """Each row names an act that releases this item to this reader."""
        claimed: defaultdict[int, list[KeptDelivery]] = defaultdict(list)
        for row in rows:
            possible = isinstance(row.item, int) and isinstance(row.released, int) and row.item <= row.released
            if not possible or self._is_beyond(row.released):
                place = row.item if isinstance(row.item, int) else first
                self._note(place, "a delivery of it is kept that cannot have been")
            elif row.released < self._stop:
                claimed[row.released].append(row)
        for position, there in claimed.items():
            act = released.get(position) or self._elsewhere(position)
            for row in there:
                if act is not None and not act.brings(row.item, row.reader, row.at):
                    self._note(row.item, "what is kept as delivery is not what follows from the trail")

    def _deliveries_made(self, rows: Sequence[KeptDelivery], released: Mapping[int, Released]) -> None:
        """Whatever is released has a row, and the row names no earlier act."""
        kept = {(row.item, row.reader): row.released for row in rows}
        for position, act in released.items():
            others = [item for item, readers in act.readers.items() if item != position and readers]
            later = {(r.item, r.reader): r.released for r in self._readable(self._store.delivered_of, others)}
            brought = ((item, reader) for item, readers in act.readers.items() for reader in readers)
            if not all(
                _at_or_behind((kept if item == position else later).get((item, r)), position) for item, r in brought
            ):
                self._note(position, "a delivery that it brought is missing, or is kept at another place")

    def _elsewhere(self, position: int) -> Released | None:
        """What an act outside of this slice releases; None where that is not to be read, which is said there.

        An entry that is missing, or speaks of no release, releases nothing.
        """
        try:
            found = self._store.entries(position - 1, 1)
            entry = next((one for one in found if one.position == position), None)
            return Released({}, 0) if entry is None else derived.released_in(entry)
        except (StoreFault, Refusal, TypeError, ValueError, AttributeError):
            return None

    def _touches_kept(self, first: int, stop: int) -> None:
        """Whatever the row of an item names is an act of that kind upon it."""
        claimed: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        rows: list[KeptTouches] = self._readable(self._store.touched, range(first, stop))
        for row in rows:
            place = row.position if isinstance(row.position, int) else first
            for column, at in zip(row._fields[1:], row[1:], strict=True):
                if at is None:
                    continue
                if not isinstance(at, int) or at <= place or self._is_beyond(at):
                    self._note(place, f"it is said to be {column} where it cannot have been")
                elif at < self._stop:
                    claimed[at].append((place, column))
        for at, raw in self._readable(self._store.leaves, sorted(claimed)):
            stated = derived.read(raw)
            for place, column in claimed.pop(at):
                if stated is not None and not derived.names(stated, place, column):
                    self._note(place, f"it is said to be {column} by what is no such act")
        for place, column in (one for there in claimed.values() for one in there):
            self._note(place, f"it is said to be {column} by an act that is missing")

    def _touches_made(self, position: int, stated: Leaf) -> None:
        """The rows of the items that this acts upon name it, or a later one of its kind."""
        kept = {row.position: row for row in self._readable(self._store.touched_of, stated.items)}
        for item in stated.items:
            row = kept.get(item)
            if row is None or not all(_at_or_behind(getattr(row, c), position) for c in derived.columns(stated)):
                self._note(position, "the row of the item that it acts upon does not say so")

    def _is_beyond(self, position: int) -> bool:
        """Behind the end, wherever that is by now: it was read after the row that names this position."""
        return position >= self._stop and position >= self._store.head().size

    def _told(self, position: int, stated: Leaf, act: Released | None) -> None:
        """A recall and a restriction are told to those who had read the item, to all of them and to nobody else."""
        if act is None or act.told is None:
            return
        rows = self._readable(self._store.readings_of, stated.items)
        had_read = {row.reader for row in rows if isinstance(row.position, int) and row.position < position}
        if act.told != had_read - {stated.actor}:
            self._note(position, "those whom it tells are not those who had read the item")


def _at_or_behind(position: Any, other: int) -> bool:
    return isinstance(position, int) and position >= other
