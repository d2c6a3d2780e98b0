"""Inclusion and consistency: each proof shows what it is for, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.merkle import (
    EMPTY_ROOT,
    Hash,
    HashAt,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from exchange.refusal import Reason, Refusal
from tests.merkle.reference import LEAVES, NAIVE, PUBLISHED_LEAVES, PUBLISHED_ROOTS, Naive

# Of each published proof the first four bytes of every hash.
PUBLISHED_INCLUSIONS = [
    (0, 8, "96a296d2 5f083f0a 6b47aaf2"),
    (5, 8, "bc1a0643 ca854ea1 d37ee418"),
    (2, 3, "fac54203"),
    (1, 5, "6e340b9c 5f083f0a bc1a0643"),
]
PUBLISHED_CONSISTENCIES = [
    (1, 8, "96a296d2 5f083f0a 6b47aaf2"),
    (6, 8, "0ebc5d34 ca854ea1 d37ee418"),
    (2, 5, "5f083f0a bc1a0643"),
]

sizes = st.integers(1, len(LEAVES))


def counting(hash_at: HashAt) -> tuple[HashAt, list[tuple[int, int]]]:
    asked: list[tuple[int, int]] = []

    def counted(level: int, n: int) -> Hash:
        asked.append((level, n))
        return hash_at(level, n)

    return counted, asked


def refused(reason: Reason) -> pytest.RaisesExc[Refusal]:
    return pytest.RaisesExc(Refusal, check=lambda refusal: refusal.reason is reason)


# Inclusion


@pytest.mark.parametrize(("index", "size", "begins"), PUBLISHED_INCLUSIONS)
def test_the_published_inclusion_proofs_are_ours(index: int, size: int, begins: str) -> None:
    hashes = [leaf_hash(leaf) for leaf in PUBLISHED_LEAVES]

    proof = inclusion_proof(index, size, Naive(hashes).hash_at)

    assert " ".join(node.hex()[:8] for node in proof) == begins
    verify_inclusion(hashes[index], index, size, proof, bytes.fromhex(PUBLISHED_ROOTS[size]))


@given(size=sizes, data=st.data())
def test_a_leaf_proves_itself_and_no_other(size: int, data: st.DataObject) -> None:
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, len(LEAVES) - 1))
    root = NAIVE.mth(0, size)

    hash_at, asked = counting(NAIVE.hash_at)
    proof = inclusion_proof(index, size, hash_at)

    assert proof == NAIVE.path(index, 0, size)
    assert len(asked) <= 2 * size.bit_length()
    verify_inclusion(LEAVES[index], index, size, proof, root)
    if other != index:
        with refused(Reason.PROOF_WRONG):
            verify_inclusion(LEAVES[other], index, size, proof, root)
        with refused(Reason.PROOF_WRONG):
            verify_inclusion(LEAVES[index], other, size, proof, root)


@given(size=sizes, data=st.data())
def test_a_proof_with_a_byte_changed_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    parts = [LEAVES[index], NAIVE.mth(0, size), *NAIVE.path(index, 0, size)]
    part, byte, mask = data.draw(st.tuples(st.integers(0, len(parts) - 1), st.integers(0, 31), st.integers(1, 255)))

    parts[part] = parts[part][:byte] + bytes([parts[part][byte] ^ mask]) + parts[part][byte + 1 :]

    with refused(Reason.PROOF_WRONG):
        verify_inclusion(parts[0], index, size, parts[2:], parts[1])


@given(size=sizes, data=st.data())
def test_a_proof_longer_or_shorter_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root = NAIVE.path(index, 0, size), NAIVE.mth(0, size)

    for wrong in (proof[:-1] if proof else (root,), (*proof, root), (root, *proof), (*proof, b"")):
        with refused(Reason.PROOF_WRONG):
            verify_inclusion(LEAVES[index], index, size, wrong, root)


def test_the_border_between_two_children_cannot_be_moved() -> None:
    left, right = LEAVES[0], LEAVES[1]
    root = node_hash(left, right)

    with refused(Reason.PROOF_WRONG):
        verify_inclusion(left + right[:1], 0, 2, [right[1:]], root)


def test_a_proof_says_how_large_the_tree_is_as_far_as_its_length_tells() -> None:
    inner, outer = NAIVE.mth(0, 4), NAIVE.mth(0, 8)

    with refused(Reason.PROOF_WRONG):
        verify_inclusion(LEAVES[0], 0, 8, NAIVE.path(0, 0, 4), inner)
    with refused(Reason.PROOF_WRONG):
        verify_inclusion(LEAVES[4], 0, 4, NAIVE.path(4, 0, 8), outer)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 5), (5, 5), (6, 5)])
def test_what_is_not_in_the_tree_has_no_proof(index: int, size: int) -> None:
    with refused(Reason.RANGE_WRONG):
        inclusion_proof(index, size, NAIVE.hash_at)
    with refused(Reason.PROOF_WRONG):
        verify_inclusion(LEAVES[0], index, size, [], LEAVES[0])


# Consistency


@pytest.mark.parametrize(("first", "second", "begins"), PUBLISHED_CONSISTENCIES)
def test_the_published_consistency_proofs_are_ours(first: int, second: int, begins: str) -> None:
    hashes = [leaf_hash(leaf) for leaf in PUBLISHED_LEAVES]

    proof = consistency_proof(first, second, Naive(hashes).hash_at)

    assert " ".join(node.hex()[:8] for node in proof) == begins
    roots = [bytes.fromhex(root) for root in PUBLISHED_ROOTS]
    verify_consistency(first, roots[first], second, roots[second], proof)


@given(second=sizes, data=st.data())
def test_every_old_head_is_a_prefix(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, second))

    hash_at, asked = counting(NAIVE.hash_at)
    proof = consistency_proof(first, second, hash_at)

    assert proof == (NAIVE.subproof(first, 0, second, True) if first else ())
    assert len(asked) <= 2 * second.bit_length()
    verify_consistency(first, NAIVE.mth(0, first), second, NAIVE.mth(0, second), proof)


@given(second=sizes, data=st.data())
def test_a_rewritten_history_is_no_prefix(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, second))
    rewritten = list(LEAVES[:second])
    rewritten[data.draw(st.integers(0, first - 1))] = leaf_hash(b"another act")
    fork = Naive(rewritten)

    for proof in (consistency_proof(first, second, fork.hash_at), consistency_proof(first, second, NAIVE.hash_at)):
        with refused(Reason.PROOF_WRONG):
            verify_consistency(first, NAIVE.mth(0, first), second, fork.mth(0, second), proof)


@given(second=sizes, data=st.data())
def test_a_consistency_proof_longer_or_shorter_is_refused(second: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, second))
    old, new = NAIVE.mth(0, first), NAIVE.mth(0, second)
    proof = consistency_proof(first, second, NAIVE.hash_at)

    for wrong in (proof[:-1] if proof else (new,), (*proof, new), (*proof, b"")):
        with refused(Reason.PROOF_WRONG):
            verify_consistency(first, old, second, new, wrong)


def test_a_tree_does_not_shrink() -> None:
    with refused(Reason.PROOF_WRONG):
        verify_consistency(5, NAIVE.mth(0, 5), 4, NAIVE.mth(0, 4), ())
    with refused(Reason.PROOF_WRONG):
        verify_consistency(6, NAIVE.mth(0, 6), 5, NAIVE.mth(0, 6), (NAIVE.mth(4, 6), NAIVE.mth(0, 4)))
    with refused(Reason.RANGE_WRONG):
        consistency_proof(5, 4, NAIVE.hash_at)


def test_a_consistency_proof_of_one_pair_of_sizes_is_none_of_another() -> None:
    def verify(sizes_claimed: tuple[int, int], sizes_proven: tuple[int, int]) -> None:
        proof = consistency_proof(*sizes_proven, NAIVE.hash_at)
        old, new = (NAIVE.mth(0, size) for size in sizes_proven)
        verify_consistency(sizes_claimed[0], old, sizes_claimed[1], new, proof)

    verify((11, 16), (11, 16))
    for claimed in [(3, 8), (11, 32)]:
        with refused(Reason.PROOF_WRONG):
            verify(claimed, (11, 16))


def test_heads_of_one_size_with_two_roots_are_a_fork() -> None:
    with refused(Reason.PROOF_WRONG):
        verify_consistency(5, NAIVE.mth(0, 5), 5, NAIVE.mth(1, 6), ())


def test_only_the_empty_root_stands_for_the_empty_tree() -> None:
    verify_consistency(0, EMPTY_ROOT, 5, NAIVE.mth(0, 5), ())

    with refused(Reason.PROOF_WRONG):
        verify_consistency(0, LEAVES[0], 5, NAIVE.mth(0, 5), ())
