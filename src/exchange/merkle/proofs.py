"""Inclusion and consistency: made from the complete nodes of a tree, verified as RFC 9162 says, step by step."""

from collections.abc import Callable, Sequence

from exchange.merkle.tree import EMPTY_ROOT, HASH_SIZE, Hash, node_hash
from exchange.refusal import Reason, Refusal

HashAt = Callable[[int, int], Hash]
"""(level, n) -> the hash of that complete node."""


def inclusion_proof(index: int, size: int, hash_at: HashAt) -> tuple[Hash, ...]:
    """PATH(index, D_size) of RFC 9162, 2.1.3.1, the leaf's sibling first. At most 2 log2(size) hashes are asked for.

    Raises Refusal(RANGE_WRONG) unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise Refusal(Reason.RANGE_WRONG)

    path: list[Hash] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_range_root(middle, stop, hash_at))
            stop = middle
        else:
            path.append(_range_root(start, middle, hash_at))
            start = middle
    return tuple(reversed(path))


def consistency_proof(first: int, second: int, hash_at: HashAt) -> tuple[Hash, ...]:
    """PROOF(first, D_second) of RFC 9162, 2.1.4.1. At most 2 log2(second) hashes are asked for.

    Empty where nothing needs proof: both sizes equal, or first = 0.
    Raises Refusal(RANGE_WRONG) unless 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise Refusal(Reason.RANGE_WRONG)
    if first in (0, second):
        return ()

    path: list[Hash] = []
    start, stop = 0, second
    while stop != first:
        middle = start + _split(stop - start)
        if first <= middle:
            path.append(_range_root(middle, stop, hash_at))
            stop = middle
        else:
            path.append(_range_root(start, middle, hash_at))
            start = middle
    if start:  # SUBPROOF's b is false: the old root is not this subtree alone, so the verifier needs it.
        path.append(_range_root(start, stop, hash_at))
    return tuple(reversed(path))


def verify_inclusion(leaf_hash: Hash, index: int, size: int, proof: Sequence[Hash], root: Hash) -> None:
    """RFC 9162, 2.1.3.2. Returns if this leaf is number `index` of the `size` leaves under `root`.

    Raises Refusal(PROOF_WRONG).
    """
    _require(_are_hashes(leaf_hash, *proof))

    _require(0 <= index < size)  # 1
    fn, sn = index, size - 1  # 2
    r = leaf_hash  # 3
    for p in proof:  # 4
        _require(sn != 0)  # 4a
        if fn & 1 or fn == sn:  # 4b
            r = node_hash(p, r)  # 4b i
            while not fn & 1 and fn:  # 4b ii
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1  # 4c
    _require(sn == 0 and r == root)  # 5


def verify_consistency(
    first_size: int, first_root: Hash, second_size: int, second_root: Hash, proof: Sequence[Hash]
) -> None:
    """RFC 9162, 2.1.4.2. Returns if the first tree is a prefix of the second.

    The RFC leaves two cases out, which need no hashes: equal sizes have equal roots, and the empty tree is a prefix
    of every tree. Raises Refusal(PROOF_WRONG).
    """
    _require(_are_hashes(first_root, second_root, *proof))
    _require(0 <= first_size <= second_size)
    if first_size in (0, second_size):
        _require(not proof and first_root == (second_root if first_size else EMPTY_ROOT))
        return

    _require(len(proof) > 0)  # 1
    path = list(proof)
    if first_size & (first_size - 1) == 0:  # 2
        path.insert(0, first_root)
    fn, sn = first_size - 1, second_size - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]  # 5
    for c in path[1:]:  # 6
        _require(sn != 0)  # 6a
        if fn & 1 or fn == sn:  # 6b
            fr = node_hash(c, fr)  # 6b i
            sr = node_hash(c, sr)  # 6b ii
            while not fn & 1 and fn:  # 6b iii
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1  # 6c
    _require(fr == first_root and sr == second_root and sn == 0)  # 7


def _split(width: int) -> int:
    """The largest power of two below `width`, for width > 1 (RFC 9162, 2.1.1)."""
    return 1 << (width - 1).bit_length() - 1


def _range_root(start: int, stop: int, hash_at: HashAt) -> Hash:
    """MTH(D[start:stop]) from complete nodes. `start` is a multiple of the range's width, rounded up to a power of two.

    In a proof at most one range is not a single node: the one that reaches the ragged right edge.
    """
    width = stop - start
    level = width.bit_length() - 1
    node = hash_at(level, start >> level)
    rest = start + (1 << level)
    return node if rest == stop else node_hash(node, _range_root(rest, stop, hash_at))


def _are_hashes(*values: bytes) -> bool:
    """Whole hashes only: the border between two children of other lengths could be moved."""
    return all(len(value) == HASH_SIZE for value in values)


def _require(holds: bool) -> None:
    if not holds:
        raise Refusal(Reason.PROOF_WRONG)
