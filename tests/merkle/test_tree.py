"""Roots, the frontier and a batch's proofs, against the definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.merkle import Frontier, batch_proofs, leaf_hash, node_hash, root_of, verify_inclusion
from tests.merkle.reference import LEAVES, NAIVE, PUBLISHED_LEAVES, PUBLISHED_ROOTS


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_are_ours(size: int) -> None:
    hashes = [leaf_hash(leaf) for leaf in PUBLISHED_LEAVES[:size]]

    assert root_of(hashes).hex() == PUBLISHED_ROOTS[size]
    assert batch_proofs(Frontier.empty(), hashes)[0].root().hex() == PUBLISHED_ROOTS[size]


def test_a_leaf_never_passes_for_a_node() -> None:
    left, right = LEAVES[0], LEAVES[1]

    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_tree_grown_leaf_by_leaf_has_every_root_of_the_definition() -> None:
    tree = Frontier.empty()

    for size, leaf in enumerate(LEAVES):
        assert tree.root() == NAIVE.mth(0, size) == root_of(LEAVES[:size])
        tree = tree.append(leaf)


@given(size=st.integers(0, 700))
def test_a_frontier_comes_back_from_its_bytes(size: int) -> None:
    tree, _ = batch_proofs(Frontier.empty(), LEAVES[:size])

    assert Frontier.from_bytes(tree.to_bytes()) == tree


@pytest.mark.parametrize("raw", [b"", b"\x00" * 7, b"\x00" * 8 + b"x", b"\x00" * 7 + b"\x01", b"\x00" * 40])
def test_damaged_bytes_are_no_frontier(raw: bytes) -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier.from_bytes(raw)


@given(old=st.integers(0, 600), added=st.integers(0, 100))
def test_the_proofs_of_a_batch_are_those_of_the_definition(old: int, added: int) -> None:
    before, _ = batch_proofs(Frontier.empty(), LEAVES[:old])

    after, proofs = batch_proofs(before, LEAVES[old : old + added])

    assert after.root() == NAIVE.mth(0, old + added)
    assert proofs == [NAIVE.path(index, 0, old + added) for index in range(old, old + added)]


@given(bits=st.lists(st.integers(0, 40), max_size=12, unique=True), added=st.integers(1, 256))
def test_the_proofs_of_a_batch_hold_in_a_tree_of_millions(bits: list[int], added: int) -> None:
    size = sum(1 << bit for bit in bits)
    before = Frontier(size=size, peaks=tuple(LEAVES[300 + bit] for bit in sorted(bits, reverse=True)))
    batch = LEAVES[:added]

    after, proofs = batch_proofs(before, batch)

    one_by_one = before
    for leaf in batch:
        one_by_one = one_by_one.append(leaf)
    assert after == one_by_one
    for offset, (leaf, proof) in enumerate(zip(batch, proofs, strict=True)):
        verify_inclusion(leaf, size + offset, after.size, proof, after.root())
