"""Receipts: a leaf, its proof under a signed checkpoint, and the openings that its owner may have.

A receipt is checked offline, with the trail's key alone, for as long as anybody keeps it. Nothing is signed for it
but the checkpoint, once for a whole batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange import jose, leaf, merkle, note
from exchange.leaf import Field, ItemKey, Leaf
from exchange.merkle import Hash
from exchange.note import Checkpoint, Proof, TrailVerifier
from exchange.refusal import Reason, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What the commit made of an act: its place in the trail, for good. `note`: the signed checkpoint of the batch.

    sealed: what the leaf commits to. It may differ from what was submitted: an act can be decided again meanwhile.
    """

    position: int
    leaf: bytes
    key: ItemKey
    hashes: tuple[Hash, ...]
    note: str
    sealed: Mapping[Field, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a caller gets for an act, as it stands on the wire."""

    position: int
    leaf: str
    proof: str
    openings: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        return {
            "position": self.position,
            "leaf": self.leaf,
            "proof": self.proof,
            "openings": dict(self.openings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedReceipt:
    """A receipt whose proof leads to a checkpoint that the trail's key signed."""

    position: int
    leaf: Leaf
    checkpoint: Checkpoint
    salts: Mapping[Field, bytes]

    def opens(self, name: Field, content: bytes) -> bool:
        """Whether the leaf committed to this content. False, too, where the receipt has no opening for it."""
        salt = self.salts.get(name)
        return salt is not None and leaf.opens(self.leaf, name, salt, content)


def of(committed: Committed, *openings: Field) -> Receipt:
    """openings: the fields that whoever gets this receipt may check."""
    proof = Proof(index=committed.position, hashes=committed.hashes, note=committed.note)
    return Receipt(
        position=committed.position,
        leaf=committed.leaf.decode(),
        proof=note.print_proof(proof),
        openings={name.value: jose.encode(committed.key.salt(name)) for name in openings},
    )


def verify(receipt: Mapping[str, Any], trail: TrailVerifier) -> VerifiedReceipt:
    """receipt: as it came over the wire. Raises Refusal(PROOF_WRONG | CHECKPOINT_WRONG | LEAF_MALFORMED)."""
    # 1  The form: nothing is believed that could not have been written by `of`.
    try:
        position, text, proof_text = receipt["position"], receipt["leaf"], receipt["proof"]
        salts = {Field(name): jose.decode(salt.encode()) for name, salt in receipt["openings"].items()}
        raw = text.encode()
        if type(position) is not int or type(proof_text) is not str:
            raise TypeError("a position is a number, a proof is a text")
    except (KeyError, TypeError, ValueError, AttributeError, Refusal):
        raise Refusal(Reason.PROOF_WRONG) from None

    # 2  The checkpoint is signed by the trail's key.
    proof = note.parse_proof(proof_text)
    checkpoint = trail.open(proof.note)

    # 3  The leaf stands at its position under that checkpoint's root.
    if proof.index != position:
        raise Refusal(Reason.PROOF_WRONG)
    merkle.verify_inclusion(merkle.leaf_hash(raw), position, checkpoint.size, proof.hashes, checkpoint.root)

    # 4  The leaf is one.
    return VerifiedReceipt(position=position, leaf=leaf.read(raw), checkpoint=checkpoint, salts=salts)
