"""Proofs of what was committed before: any leaf, any two sizes, from the stored tiles and the head.

Nothing is stored for a proof and nothing is signed but the head's checkpoint, which any gateway signs alike.
"""

import asyncio
from dataclasses import dataclass

from exchange import merkle, receipt
from exchange.leaf import Field
from exchange.merkle import Hash, TileReader
from exchange.note import Checkpoint, TrailKey
from exchange.receipt import Committed, Receipt
from exchange.refusal import Reason, Refusal
from exchange.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """store: whose tree it is. key: what signs its checkpoints."""

    store: Store
    key: TrailKey
    origin: str

    def checkpoint(self) -> tuple[Checkpoint, str]:
        """The head as it stands, and as a signed note."""
        head = self.store.head()
        checkpoint = Checkpoint(origin=self.origin, size=head.size, root=head.frontier.root())
        return checkpoint, self.key.sign(checkpoint)

    def inclusion(self, position: int, size: int) -> tuple[Hash, ...]:
        """RFC 9162, 2.1.3. Raises Refusal(RANGE_WRONG)."""
        return merkle.inclusion_proof(position, size, self._tree(size).hash_at)

    def consistency(self, first: int, second: int) -> tuple[Hash, ...]:
        """RFC 9162, 2.1.4. Raises Refusal(RANGE_WRONG)."""
        return merkle.consistency_proof(first, second, self._tree(second).hash_at)

    async def receipt(self, position: int, *openings: Field) -> Receipt:
        """A receipt under the head of now, for an act of any age."""
        return await asyncio.to_thread(self._receipt, position, openings)

    def _receipt(self, position: int, openings: tuple[Field, ...]) -> Receipt:
        checkpoint, signed = self.checkpoint()
        committed = Committed(
            position=position,
            leaf=self.store.leaf(position),
            key=self.store.sealed(position).key,
            hashes=self.inclusion(position, checkpoint.size),
            note=signed,
        )
        return receipt.of(committed, *openings)

    def _tree(self, size: int) -> TileReader:
        if not 1 <= size <= self.store.head().size:
            raise Refusal(Reason.RANGE_WRONG)
        return self.store.tree(size)
