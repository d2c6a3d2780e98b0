"""What lies beside the trail in a database, held against what follows from the trail: what differs is a fault of its
position.

The database may be in use: what is committed while it is read stands at positions beyond the size that is verified,
and is told from what was slipped in by the head, which only a gateway can write.
"""

from collections.abc import Iterator, Mapping

from exchange import leaf, participant, strictjson
from exchange.audit import Entry
from exchange.committer.standing import POLICY_LIMIT
from exchange.merkle import TILE_WIDTH, Tile
from exchange.refusal import Refusal
from exchange.store import Beside, Store
from exchange.store.held import to_micros
from exchange.trail.derived import Derivation, Tiles, torn

_AT_ONCE = 64 * TILE_WIDTH  # positions
_UNREADABLE = (Refusal, TypeError, ValueError, AttributeError)


class Comparison:
    """Takes the entries of a database in order, up to the size that is verified."""

    def __init__(self, store: Store, size: int) -> None:
        self._store, self._size = store, size
        self._derived, self._tiles = Derivation(), Tiles()
        self._strays = list(store.strays(size))
        batches = [batch for batch in store.batches() if batch[0] < size]
        self._torn = torn(batches, size)
        self._batches = {first: at for first, _, at in batches}
        self._rows: Mapping[int, set[Beside]] = {}
        self._stop = 0  # of the positions whose rows were read
        self._policies: set[str] = set()  # that were checked

    def faults(self, entry: Entry) -> Iterator[str]:
        position = entry.position
        if position == 0:
            yield from (f"a row of {table} stands before the beginning" for table, at in self._strays if at < 0)
        yield from self._rows_of(entry)
        begun = self._batches.get(position)
        if position in self._torn or (begun is not None and begun != _time_of(entry)):
            yield "a batch that begins or ends here is not as it was committed"
        for tile in self._tiles.add(entry.leaf):
            if not self._is_kept(tile):
                yield f"tile {tile.n} of level {tile.level}, which is full from here on, is not that of its leaves"
        for digest in self._derived.policies - self._policies:
            self._policies.add(digest)
            if not self._has_texts(digest):
                yield f"the texts of policy set {digest}, in force from here on, are missing or changed"
        if position == self._size - 1:
            yield from self._surplus()

    def beyond(self) -> Iterator[Entry]:
        """What stands behind the end, and is not there by a commit of meanwhile."""
        size = self._store.head().size
        for table, position in sorted(self._strays, key=lambda stray: stray[1]):
            if position >= size:
                yield Entry(position=position, leaf=b"", faults=(f"a row of {table} stands beyond the end",))

    def _rows_of(self, entry: Entry) -> Iterator[str]:
        position = entry.position
        if position >= self._stop:
            start = position - position % _AT_ONCE
            self._stop = start + _AT_ONCE
            self._rows = self._store.beside(start, min(self._stop, self._size))
        wanted = self._derived.of(entry)
        if wanted is not None:
            for table in sorted({row.table for row in wanted ^ self._rows.get(position, set())}):
                yield f"what is kept as {table} is not what follows from the trail"

    def _surplus(self) -> Iterator[str]:
        head = self._store.head()
        for level, n in sorted(self._store.tile_names()):
            if level < 0 or n < 0 or (n + 1) * TILE_WIDTH ** (level + 1) > head.size:
                yield f"tile {n} of level {level} is kept, and this trail has no such tile"
        for digest in sorted(self._store.policy_digests() - self._policies - {head.policy}):
            yield f"policy set {digest} is kept, and was never in force"

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


def _time_of(entry: Entry) -> int | None:
    try:
        return to_micros(leaf.read(entry.leaf).at)
    except Refusal:
        return None
