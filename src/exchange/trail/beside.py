"""What lies beside the trail in a database, held against what follows from the trail: what differs is a fault of its
position.

It is done in slices, and nothing is remembered of a slice but what was found wrong. The database may be in use: what
is wrong is told from what was committed meanwhile by the head, which only a gateway can write. So whatever is looked
for outside the trail is read before the head, and whatever follows from the trail is followed up to that head.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from exchange import merkle, participant, strictjson
from exchange.audit import Entry
from exchange.committer.standing import POLICY_LIMIT
from exchange.leaf import Event, Leaf
from exchange.merkle import TILE_WIDTH, Frontier, Tile
from exchange.refusal import Refusal
from exchange.store import Beside, Store
from exchange.store.held import to_micros
from exchange.store.kept import KeptBatch, KeptReading
from exchange.trail import derived
from exchange.trail.acts import Acts

_UNREADABLE = (Refusal, TypeError, ValueError, AttributeError)
_SPAN = 64 * TILE_WIDTH  # positions
_Row = TypeVar("_Row")
Faults = Mapping[int, Sequence[str]]
"""By position."""


class Comparison:
    """Takes the entries of a database in slices, in order, up to `stop`: the size that is verified, or more."""

    def __init__(self, store: Store, size: int) -> None:
        self._store, self._size = store, size
        self._of_all: list[str] = []
        self._faults: defaultdict[int, list[str]] = defaultdict(list)  # ahead of the slice that is looked at
        outside = [0]  # what cannot be read of all that is read before the head is told at the beginning
        strays = self._readable(lambda _: store.strays(size), outside)
        batches = self._readable(lambda _: store.torn_batches(), outside)
        self._stray_tiles = self._readable(lambda _: store.stray_tiles(size), outside)
        self._digests = set(self._readable(lambda _: store.policy_digests(), outside))
        self._head = store.head()
        self.stop = max(size, self._head.size)
        self._tiles, self._policies = derived.Tiles(), set[str]()
        self._tree, self._at, self._in_force, self._rights = Frontier.empty(), 0, (0, ""), 0
        self._acts = Acts(store, self.stop, self._readable, lambda place, says: self._faults[place].append(says))
        self._begun: list[tuple[Any, Any]] = []
        self._beyond = [(table, at) for table, at in strays if isinstance(at, int) and at >= self.stop]
        self._nowhere(strays)
        self._batches(batches)

    def faults(self, first: int, stop: int, entries: Sequence[Entry]) -> Faults:
        """What is wrong from `first` to before `stop`. entries: those that are there."""
        leaves = {entry.position: stated for entry in entries if (stated := derived.read(entry.leaf)) is not None}
        self._rows(first, stop, entries, leaves)
        self._acts.compare(first, stop, entries, leaves)
        self._readings_kept(first, stop)
        self._readings_shown(leaves)
        self._times_of_batches(first, leaves)
        for entry in entries:
            self._follow(entry, leaves.get(entry.position))
        return {position: self._faults.pop(position) for position in range(first, stop) if position in self._faults}

    def of_all(self) -> Sequence[str]:
        """What is wrong and has no place of its own; asked in the end."""
        for level, n in self._stray_tiles:
            if not _has_tile(level, n, self._head.size):
                self._of_all.append(f"tile {n} of level {level} is kept, and this trail has no such tile")
        for digest in sorted(self._digests - self._policies, key=str):
            self._of_all.append(f"policy set {digest} is kept, and was never in force")
        head = self._head
        if self._tree.size == head.size:
            kept = (head.frontier, to_micros(head.at), (head.directory, head.policy), head.rights)
            if kept != (self._tree, self._at, self._in_force, self._rights):
                self._of_all.append("the head is not what follows from the trail")
        return self._of_all

    def beyond(self) -> Iterator[Entry]:
        """What stands behind the end."""
        for table, position in self._beyond:
            yield Entry(position=position, leaf=b"", faults=(f"a row of {table} stands beyond the end",))

    def _nowhere(self, strays: Sequence[tuple[str, Any]]) -> None:
        for table, position in strays:
            if not isinstance(position, int):
                self._of_all.append(f"a row of {table} stands at no position of the trail")
            elif position < 0:
                self._faults[0].append(f"a row of {table} stands before the beginning")

    def _rows(self, first: int, stop: int, entries: Sequence[Entry], leaves: Mapping[int, Leaf]) -> None:
        wanted: set[Beside] = set()
        unknown = set(range(first, stop)) - leaves.keys()
        for entry in entries:
            if entry.position not in unknown:
                brought = derived.rows(entry, leaves[entry.position])
                if brought is None:
                    unknown.add(entry.position)
                    self._faults[entry.position].append("what must lie beside it is not to be learnt from it")
                else:
                    wanted |= brought
        kept = self._named(self._readable(self._store.beside, range(first, stop)))
        differing = {(row.values[0], row.table) for row in wanted ^ kept}
        for position, table in sorted(differing, key=str):
            place = position if isinstance(position, int) else first
            if place not in unknown:
                self._faults[place].append(f"what is kept as {table} is not what follows from the trail")

    def _named(self, rows: Sequence[Beside]) -> set[Beside]:
        """Rows of acknowledgements speak of an item's position, and leaves of its id: here its id, where it has one."""
        positions = {row.values[1] for row in rows if row.table == "acknowledgement" and isinstance(row.values[1], int)}
        found = (
            (position, derived.read(raw)) for position, raw in self._readable(self._store.leaves, sorted(positions))
        )
        items = {at: stated.object for at, stated in found if stated and stated.event is Event.MESSAGE_ACCEPTED}
        return {
            Beside(row.table, (row.values[0], items.get(row.values[1]), *row.values[2:]))
            if row.table == "acknowledgement"
            else row
            for row in rows
        }

    def _readable(self, ask: Callable[[Sequence[int]], Iterable[_Row]], places: Sequence[int]) -> list[_Row]:
        """What it answers of these places, but for what cannot be read: in halves, until its place is known."""
        try:
            return list(ask(places)) if places else []
        except Refusal:
            self._store.head()  # where nothing answers at all, that says so
        if len(places) == 1:
            self._faults[places[0]].append("what is kept beside it cannot be read")
            return []
        middle = len(places) // 2
        return self._readable(ask, places[:middle]) + self._readable(ask, places[middle:])

    def _readings_kept(self, first: int, stop: int) -> None:
        """Each row says what the leaf that it names says. Leaves lie behind the items that they show."""
        claimed: defaultdict[int, list[KeptReading]] = defaultdict(list)
        for row in self._readable(self._store.readings, range(first, stop)):
            if not isinstance(row.position, int) or row.position < first:
                place = row.item if isinstance(row.item, int) else first
                self._faults[place].append("a reading of it is kept that cannot have been")
            elif row.position < self.stop:
                claimed[row.position].append(row)
        for position, raw in self._readable(self._store.leaves, sorted(claimed)):
            stated = derived.read(raw)
            rows = claimed.pop(position)
            if stated is not None and not all(derived.shows(stated, row.item, row.reader, row.at) for row in rows):
                self._faults[position].append("what is kept as reading is not what follows from the trail")

    def _readings_shown(self, leaves: Mapping[int, Leaf]) -> None:
        """Whatever is shown has a row, and the row names no later leaf."""
        shown: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for position, stated in leaves.items():
            if stated.event is Event.ITEMS_READ:
                for item in stated.items:
                    shown[stated.actor].setdefault(item, position)
        for reader, items in shown.items():
            kept = dict(self._readable(partial(self._store.first_readings, reader), sorted(items)))
            late = {at for item, at in items.items() if not _at_or_before(kept.get(item), at)}
            for position in sorted(late):
                self._faults[position].append("a reading of what it shows is missing, or is kept at another place")

    def _batches(self, torn: Sequence[KeptBatch]) -> None:
        """Those remembered follow one another to the end. Which they are is a matter of age, and they end with a commit
        that was durable when the head was read.
        """
        if not torn:
            self._of_all.append("the batches of the last hour are missing")
        for first, count, following in torn:
            sound = isinstance(first, int) and isinstance(count, int) and count > 0
            end = first + count if sound else self.stop
            if sound and following is None and self._size <= end <= self._head.size:
                continue
            place = max(0, min(end, following) if isinstance(following, int) else end)
            says = "a batch that begins or ends here is not as it was committed"
            (self._faults[place] if place < self._size else self._of_all).append(says)

    def _times_of_batches(self, first: int, leaves: Mapping[int, Leaf]) -> None:
        """They have no index by position: their table is read once for many slices."""
        if first % _SPAN == 0:
            self._begun = self._readable(self._store.batches, range(first, min(first + _SPAN, self.stop)))
        for position, at in self._begun:
            stated = leaves.get(position)
            if stated is not None and to_micros(stated.at) != at:
                self._faults[position].append("the batch that begins here has another time than its leaves")

    def _follow(self, entry: Entry, stated: Leaf | None) -> None:
        """Tiles, policy sets, and what the head must come to."""
        position = entry.position
        if position == self._tree.size:  # of a broken row of leaves nothing is to be told
            self._tree = self._tree.append(merkle.leaf_hash(entry.leaf))
            for tile in self._tiles.add(entry.leaf):
                if not self._is_kept(tile):
                    says = f"tile {tile.n} of level {tile.level}, which is full from here on, is not that of its leaves"
                    self._faults[position].append(says)
        if stated is None:
            return
        digests = list(derived.policies(entry, stated))
        version = position if stated.event is Event.DIRECTORY_CHANGED else stated.directory
        self._at, self._in_force = to_micros(stated.at), (version, digests[-1])
        self._rights = position if derived.rules(stated) else self._rights
        for digest in digests:
            if digest not in self._policies and not self._has_texts(digest):
                says = f"the texts of policy set {digest}, in force from here on, are missing or changed"
                self._faults[position].append(says)
            self._policies.add(digest)

    def _is_kept(self, tile: Tile) -> bool:
        try:
            return self._store.full_tile(tile.level, tile.n) == tile
        except _UNREADABLE:
            return False

    def _has_texts(self, digest: str) -> bool:
        try:
            texts = strictjson.parse_object(self._store.policy_texts(digest) or b"", limit=POLICY_LIMIT)
            return participant.policy_digest(texts) == digest
        except _UNREADABLE:
            return False


def _at_or_before(position: Any, other: int) -> bool:
    return isinstance(position, int) and position <= other


def _has_tile(level: Any, n: Any, size: int) -> bool:
    return isinstance(level, int) and isinstance(n, int) and level >= 0 and 0 <= n < size >> 8 * (level + 1)
