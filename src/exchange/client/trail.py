"""The trail from outside: checkpoints and proofs for every participant, all entries for auditors."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from exchange import leaf, merkle
from exchange.audit import Auditor, Deciding, Entry, Report
from exchange.client.entries import entry_of
from exchange.client.errors import Refused, Unproven
from exchange.client.watch import Watch, hashes_of
from exchange.client.wire import Wire
from exchange.note import Checkpoint
from exchange.refusal import Refusal
from exchange.schema import Schemas

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """Every checkpoint that passes here is compared with the one kept."""

    wire: Wire
    watch: Watch

    async def checkpoint(self) -> tuple[Checkpoint, str]:
        """The head of now, verified, and the signed note that says it."""
        note = (await self.wire.get("/v1/trail/checkpoint")).content.decode("utf-8", "replace")
        checkpoint = self.watch.see(note)
        await self.watch.settle()
        return checkpoint, note

    async def prove_inclusion(self, raw: bytes, position: int) -> Checkpoint:
        """raw: a leaf -> a signed checkpoint whose tree has it at this position. Raises Unproven."""
        checkpoint, _ = await self.checkpoint()
        answer = await self.wire.get("/v1/trail/inclusion", position=position, size=checkpoint.size)
        try:
            proof = hashes_of(answer.object().get("hashes"))
            hashed = merkle.leaf_hash(raw)
            merkle.verify_inclusion(hashed, position, checkpoint.size, proof, checkpoint.root)
        except Refusal as refusal:
            raise Unproven.because(f"the leaf is not at position {position}", refusal) from None
        return checkpoint

    async def prove_consistency(self, older: Checkpoint) -> Checkpoint:
        """-> the checkpoint of now, proven to extend an older one that somebody kept. Raises Unproven."""
        checkpoint, _ = await self.checkpoint()
        try:
            proof = await self.watch.consistency(older.size, checkpoint.size)
            merkle.verify_consistency(older.size, older.root, checkpoint.size, checkpoint.root, proof)
        except Refusal as refusal:
            raise Unproven.because(f"the trail does not extend the checkpoint of size {older.size}", refusal) from None
        return checkpoint

    async def entries(self, upto: int, after: int = -1) -> AsyncIterator[Entry]:
        """The entries beyond position `after` and below `upto`, in order, with what an auditor may open of each.

        For auditors; each page is a question that the trail records. Nothing of it is verified: see `audit`.
        """
        while after + 1 < upto:
            page = await self.wire.get("/v1/trail/entries", after=after, limit=min(_PAGE, upto - after - 1))
            members = page.object()
            self.watch.verify(members.get("receipt"), "the question")
            shown = members.get("entries")
            if not isinstance(shown, list) or not shown:
                return
            for n, one in enumerate(shown, after + 1):
                yield entry_of(one, n)
            after += len(shown)

    async def first_policy(self) -> Mapping[str, Any] | None:
        """The texts of the policy set that the genesis names, as the exchange shows them; None where it does not.

        Later sets are in the trail itself. Nothing of it is verified: see `audit`.
        """
        shown = (await self.wire.get("/v1/directory/changes", after=0, limit=1)).object()
        try:
            digest = leaf.read(shown["genesis"]["leaf"].encode()).policy
            texts = (await self.wire.get(f"/v1/policies/{quote(digest, safe='')}")).object()
            return {name: texts[name] for name in ("schema", "policies", "cases")}
        except (Refusal, KeyError, TypeError, AttributeError, Refused):
            return None

    async def audit(
        self,
        schemas: Schemas,
        *,
        genesis: str,
        earlier: Sequence[Checkpoint] = (),
        deciding: Deciding | None = None,
    ) -> Report:
        """Check everything, from the first entry to the checkpoint of now.

        deciding: `exchange.replay.under`, where the server's modules are installed, to have every decision made again.
        """
        checkpoint, _ = await self.checkpoint()
        auditor = Auditor(
            checkpoint,
            trail_key=self.watch.trail.vkey(),
            schemas=schemas,
            genesis=genesis,
            earlier=earlier,
            deciding=deciding,
            policy=await self.first_policy() if deciding else None,
        )
        async for entry in self.entries(checkpoint.size):
            auditor.examine(entry)
        return auditor.conclude()
