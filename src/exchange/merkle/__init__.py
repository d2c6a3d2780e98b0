"""The tree under the trail: RFC 6962 (RFC 9162, 2.1) with SHA-256. Pure functions, no storage and no signatures.

`tree` hashes leaves and grows a tree from its frontier; `proofs` makes and verifies the two kinds of proof;
`tiles` cuts the tree into C2SP tlog-tiles and reads it back from them.

Words: a *node* (level, n) is the root of the complete subtree over the leaves n * 2**level up to (n + 1) * 2**level;
level 0 holds the leaf hashes. A tree of `size` leaves has no other stored parts than its complete nodes.
"""

from exchange.merkle.proofs import HashAt, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from exchange.merkle.tiles import TILE_WIDTH, Tile, TileReader, full_tiles, new_tiles
from exchange.merkle.tree import EMPTY_ROOT, HASH_SIZE, Frontier, Hash, batch_proofs, leaf_hash, node_hash, root_of

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "TILE_WIDTH",
    "Frontier",
    "Hash",
    "HashAt",
    "Tile",
    "TileReader",
    "batch_proofs",
    "consistency_proof",
    "full_tiles",
    "inclusion_proof",
    "leaf_hash",
    "new_tiles",
    "node_hash",
    "root_of",
    "verify_consistency",
    "verify_inclusion",
]
