"""The tree in tiles of height 8 (C2SP tlog-tiles): which of them a batch completes, and how to read the tree from them.

Tile (level, n) holds the 256 nodes (8 * level, 256 * n) up to (8 * level, 256 * n + 255). Its own root is the node
(8 * level + 8, n), one hash of the tile above. Only full tiles are stored, each once and for ever, together with its
root; what is not yet full is read from the leaves and from the roots of the tiles below.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from exchange.merkle.tree import HASH_SIZE, Hash, root_of

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

Leaves = Callable[[int, int], Sequence[Hash]]
"""(start, stop) -> the leaf hashes at these positions, in order."""

Roots = Callable[[int, int, int], Sequence[Hash]]
"""(level, start, stop) -> the roots of the full tiles (level, start) up to (level, stop), stop excluded, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A full tile: hashes are 256 * 32 bytes, as they are served."""

    level: int
    n: int
    hashes: bytes
    root: Hash


def full_tiles(before_size: int, after_size: int) -> list[tuple[int, int]]:
    """(level, n) of each tile that becomes full between these sizes, lower levels first, then by n."""
    tiles: list[tuple[int, int]] = []
    level, full_before, full_after = 0, before_size >> TILE_HEIGHT, after_size >> TILE_HEIGHT
    while full_after:
        tiles.extend((level, n) for n in range(full_before, full_after))
        level, full_before, full_after = level + 1, full_before >> TILE_HEIGHT, full_after >> TILE_HEIGHT
    return tiles


def new_tiles(before_size: int, leaf_hashes: Sequence[Hash], leaves: Leaves, roots: Roots) -> list[Tile]:
    """The tiles that this batch completes, as they are to be stored, in the order of `full_tiles`.

    `leaves` and `roots` are asked once a tile at most, and only for what stands before the batch.
    """
    fresh: dict[int, list[Hash]] = {0: list(leaf_hashes)}  # nodes that the batch adds to the row under tiles of a level
    tiles: list[Tile] = []
    for level, n in full_tiles(before_size, before_size + len(leaf_hashes)):
        start, stop = n * TILE_WIDTH, (n + 1) * TILE_WIDTH
        known = before_size >> TILE_HEIGHT * level
        row: list[Hash] = []
        if start < known:
            row.extend(leaves(start, known) if level == 0 else roots(level - 1, start, known))
        row.extend(fresh[level][max(start - known, 0) : stop - known])
        root = root_of(row)
        fresh.setdefault(level + 1, []).append(root)
        tiles.append(Tile(level=level, n=n, hashes=b"".join(row), root=root))
    return tiles


@dataclass(frozen=True, slots=True, kw_only=True)
class TileReader:
    """A tree of `size` leaves over what is stored; the store may have grown beyond `size` meanwhile.

    tile: (level, n) -> the 256 * 32 bytes of a tile that is full at this size.
    For one proof or one answer: each tile is asked for once, and remembered.
    """

    size: int
    tile: Callable[[int, int], bytes]
    roots: Roots
    leaves: Leaves
    _seen: dict[tuple[int, int], bytes] = field(init=False, default_factory=dict, repr=False, compare=False)

    def hash_at(self, level: int, n: int) -> Hash:
        """The complete node (level, n), for `inclusion_proof` and `consistency_proof`.

        Raises ValueError where this tree has no such node.
        """
        if n < 0 or (n + 1) << level > self.size:
            raise ValueError(f"a tree of {self.size} leaves has no complete node ({level}, {n})")
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile_n, offset = divmod(n << height, TILE_WIDTH)
        hashes = self.hashes(tile_level, tile_n)[offset * HASH_SIZE : (offset + (1 << height)) * HASH_SIZE]
        return root_of(hashes[i : i + HASH_SIZE] for i in range(0, len(hashes), HASH_SIZE))

    def hashes(self, level: int, n: int) -> bytes:
        """Tile (level, n) as C2SP tlog-tiles serves it: 32 bytes a hash, up to 256, fewer where the tree ends.

        Empty beyond the tree's end: such a tile must not be served.
        """
        if (level, n) not in self._seen:
            self._seen[level, n] = self._fetched(level, n)
        return self._seen[level, n]

    def _fetched(self, level: int, n: int) -> bytes:
        start, stop = n * TILE_WIDTH, min((n + 1) * TILE_WIDTH, self.size >> TILE_HEIGHT * level)
        if stop - start == TILE_WIDTH:
            return self.tile(level, n)
        if start >= stop:
            return b""
        return b"".join(self.leaves(start, stop) if level == 0 else self.roots(level - 1, start, stop))
