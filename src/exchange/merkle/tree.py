"""Hashes of leaves and nodes, and the frontier: all that a tree needs to remember in order to grow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

Hash = bytes
"""A SHA-256 digest, 32 bytes."""

HASH_SIZE = 32
EMPTY_ROOT: Hash = sha256(b"").digest()

_SIZE_BYTES = 8  # of a tree's size in a stored frontier, big endian


def leaf_hash(leaf: bytes) -> Hash:
    """RFC 9162, 2.1.1: the prefix 0x00 keeps a leaf from ever passing for a node."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """RFC 9162, 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Iterable[Hash]) -> Hash:
    """The root over these hashes in order; of a full row of nodes, too. Keeps O(log n) hashes at a time."""
    peaks: list[Hash] = []
    for n, node in enumerate(leaf_hashes):
        peaks.append(node)
        _merge(peaks, n)
    return _folded(peaks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The roots of a tree's complete subtrees, largest first: one for each bit set in its size."""

    size: int
    peaks: tuple[Hash, ...]

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError("a frontier has one peak for each bit set in its size")

    @classmethod
    def empty(cls) -> "Frontier":
        return cls(size=0, peaks=())

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Frontier":
        """The inverse of `to_bytes`. Raises ValueError: what is stored is ours, anything else is damage."""
        size, rest = int.from_bytes(raw[:_SIZE_BYTES], "big"), raw[_SIZE_BYTES:]
        if len(raw) < _SIZE_BYTES or len(rest) % HASH_SIZE:
            raise ValueError("a frontier is eight bytes of size and whole hashes")
        return cls(size=size, peaks=tuple(rest[i : i + HASH_SIZE] for i in range(0, len(rest), HASH_SIZE)))

    def to_bytes(self) -> bytes:
        """The size in 8 bytes, big endian, and the peaks, largest subtree first."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.peaks)

    def append(self, leaf_hash: Hash) -> "Frontier":
        """The tree with one leaf more. For many leaves `batch_proofs` is cheaper, and proves them."""
        peaks = [*self.peaks, leaf_hash]
        _merge(peaks, self.size)
        return Frontier(size=self.size + 1, peaks=tuple(peaks))

    def root(self) -> Hash:
        """RFC 9162, 2.1.1; `EMPTY_ROOT` for no leaves."""
        return _folded(self.peaks)


def batch_proofs(before: Frontier, leaf_hashes: Sequence[Hash]) -> tuple[Frontier, list[tuple[Hash, ...]]]:
    """Append a batch -> the tree after it, and each leaf's inclusion proof in that tree (RFC 9162, 2.1.3.1).

    Asks for nothing but the frontier: whatever lies left of the batch enters its proofs only as a peak.
    About one hash a leaf, and one tuple a node: leaves under one node share the upper part of their proofs.
    """
    if not leaf_hashes:
        return before, []

    rows = _rows(before, leaf_hashes)
    after = _frontier_over(before.size, before.size + len(leaf_hashes), rows)

    paths: list[tuple[Hash, ...]] = [()]
    for level in reversed(range(len(rows) - 1)):
        row = rows[level]
        last = len(row) - 1
        # A last node without a sibling is its own parent, so it has its parent's proof.
        paths = [(row[k ^ 1], *paths[k >> 1]) if k ^ 1 <= last else paths[k >> 1] for k in range(last + 1)]
        if before.size >> level & 1:
            del paths[0]  # of the left sibling: nothing of the batch stands under it
    return after, paths


def _rows(before: Frontier, leaf_hashes: Sequence[Hash]) -> list[list[Hash]]:
    """For each level up to the root: the nodes from the batch's first leaf to the tree's right edge.

    Where the first of them is a right child its left sibling is put before it: the old peak of that level, since
    there the bit of the old size is set. So every row begins with a left child, the topmost is the root alone.
    The last node of a row may stand for an incomplete subtree; without a sibling it is its parent, unchanged.
    """
    sha, peaks = sha256, list(before.peaks)
    first, row = before.size, list(leaf_hashes)
    rows: list[list[Hash]] = []
    while True:
        if first & 1:
            row.insert(0, peaks.pop())
        rows.append(row)
        if first == 0 and len(row) == 1:
            return rows
        pairs = zip(row[::2], row[1::2], strict=False)
        above = [sha(b"\x01" + left + right).digest() for left, right in pairs]
        if len(row) & 1:
            above.append(row[-1])
        first, row = first >> 1, above


def _frontier_over(before_size: int, size: int, rows: list[list[Hash]]) -> Frontier:
    """The peaks of the tree of this size. Every one stands in a row: an old peak that lasts is a left sibling there."""
    levels = [level for level in reversed(range(len(rows))) if size >> level & 1]
    # A row begins at the even number at or below the place of the batch's first leaf.
    peaks = tuple(rows[level][(size >> level) - 1 - (before_size >> level & ~1)] for level in levels)
    return Frontier(size=size, peaks=peaks)


def _merge(peaks: list[Hash], index: int) -> None:
    """After the leaf at `index` was put on top: each trailing bit set in `index` is a pair of equal subtrees."""
    while index & 1:
        right = peaks.pop()
        peaks[-1] = node_hash(peaks[-1], right)
        index >>= 1


def _folded(peaks: Sequence[Hash]) -> Hash:
    """Peaks, largest first -> the root: from the smallest up, each is the right child of the next larger one."""
    if not peaks:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))
