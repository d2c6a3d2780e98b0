"""Tiles: cut when they are full, and read back as the tree that they were cut from."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.merkle import (
    TILE_WIDTH,
    Hash,
    Tile,
    TileReader,
    consistency_proof,
    full_tiles,
    inclusion_proof,
    new_tiles,
    root_of,
)
from tests.merkle.reference import LEAVES, NAIVE, Naive, numbered


class Shelf:
    """Full tiles and leaves, as a store keeps them."""

    def __init__(self) -> None:
        self.leaf_hashes: list[Hash] = []
        self.shelved: dict[tuple[int, int], Tile] = {}

    def append(self, batch: Sequence[Hash]) -> list[Tile]:
        fresh = new_tiles(len(self.leaf_hashes), batch, self.leaves, self.roots)
        self.leaf_hashes.extend(batch)
        self.shelved.update({(tile.level, tile.n): tile for tile in fresh})
        return fresh

    def leaves(self, start: int, stop: int) -> list[Hash]:
        assert 0 <= start < stop <= len(self.leaf_hashes), "asked for leaves that are not there"
        return self.leaf_hashes[start:stop]

    def roots(self, level: int, start: int, stop: int) -> list[Hash]:
        assert start < stop
        return [self.shelved[level, n].root for n in range(start, stop)]

    def reader(self, size: int) -> TileReader:
        return TileReader(
            size=size, tile=lambda level, n: self.shelved[level, n].hashes, roots=self.roots, leaves=self.leaves
        )


@given(before=st.integers(0, 300_000), added=st.integers(0, 70_000))
def test_a_tile_is_completed_exactly_once(before: int, added: int) -> None:
    def standing(size: int) -> set[tuple[int, int]]:
        return {(level, n) for level in range(4) for n in range(size // TILE_WIDTH ** (level + 1))}

    completed = full_tiles(before, before + added)

    assert set(completed) == standing(before + added) - standing(before)
    assert completed == sorted(set(completed))


@given(batches=st.lists(st.integers(0, 256), max_size=6))
def test_a_batch_makes_the_tiles_that_it_completes(batches: list[int]) -> None:
    shelf, leaves, size = Shelf(), numbered(sum(batches)), 0

    for added in batches:
        fresh = shelf.append(leaves[size : size + added])

        assert [(tile.level, tile.n) for tile in fresh] == full_tiles(size, size + added)
        for tile in fresh:
            below = leaves[tile.n * TILE_WIDTH : (tile.n + 1) * TILE_WIDTH]
            assert (tile.hashes, tile.root) == (b"".join(below), root_of(below))
        size += added


def test_the_tree_read_from_tiles_is_the_tree_at_every_size() -> None:
    shelf = Shelf()
    shelf.append(LEAVES)

    for size in range(len(LEAVES) + 1):
        reader = shelf.reader(size)
        assert reader.hashes(0, size // TILE_WIDTH) == b"".join(LEAVES[size - size % TILE_WIDTH : size])
        for at in {n for n in (0, 255, 256, 511, 512, size - 1) if 0 <= n < size}:
            assert inclusion_proof(at, size, reader.hash_at) == NAIVE.path(at, 0, size)
            assert consistency_proof(at + 1, size, reader.hash_at) == NAIVE.subproof(at + 1, 0, size, True)


def test_the_tree_read_from_tiles_of_tiles_is_the_tree() -> None:
    leaves = numbered(65_536 + 256 * 3 + 7)
    shelf, naive = Shelf(), Naive(leaves)
    for start in range(0, len(leaves), 256):
        shelf.append(leaves[start : start + 256])

    assert {level for level, _ in shelf.shelved} == {0, 1}
    for size in (65_535, 65_536, 65_537, 66_000, len(leaves)):
        reader = shelf.reader(size)
        assert reader.hashes(2, 0) == (naive.mth(0, 65_536) if size >= 65_536 else b"")
        for at in (0, 300, 65_279, 65_280, size - 1):
            assert inclusion_proof(at, size, reader.hash_at) == naive.path(at, 0, size)
            assert consistency_proof(at + 1, size, reader.hash_at) == naive.subproof(at + 1, 0, size, True)


def test_one_proof_fetches_each_tile_once() -> None:
    shelf, fetched = Shelf(), []
    shelf.append(LEAVES)

    def tile(level: int, n: int) -> bytes:
        fetched.append((level, n))
        return shelf.shelved[level, n].hashes

    reader = TileReader(size=700, tile=tile, roots=shelf.roots, leaves=shelf.leaves)
    inclusion_proof(300, 700, reader.hash_at)

    assert fetched == [(0, 1)]


@pytest.mark.parametrize(("level", "n"), [(0, 700), (9, 1), (3, -1)])
def test_a_node_that_is_not_complete_is_not_read(level: int, n: int) -> None:
    shelf = Shelf()
    shelf.append(LEAVES)

    with pytest.raises(ValueError, match="no complete node"):
        shelf.reader(700).hash_at(level, n)
