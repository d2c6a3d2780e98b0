"""The checkpoint kept here, and the watch that every later one extends it.

An exchange that shows two histories to two of its participants must sign both. Whoever keeps a checkpoint and asks
for the proof from it to each newer one sees the fork at the first answer; what is kept then is evidence, and nothing is
signed for that exchange any more until a person has removed it.
"""

import asyncio
import base64
import binascii
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from exchange import merkle, note
from exchange import receipt as receipts
from exchange.client.errors import Forked, Refused, Unproven
from exchange.client.state import State
from exchange.client.wire import Wire
from exchange.merkle import Hash
from exchange.note import Checkpoint, TrailVerifier
from exchange.receipt import VerifiedReceipt
from exchange.refusal import Reason, Refusal

_AT_MOST_EVERY = 1.0  # seconds between questions for consistency


@dataclass(frozen=True, slots=True)
class _Signed:
    """A checkpoint together with the note that says it."""

    checkpoint: Checkpoint
    note: str


@dataclass(slots=True, kw_only=True)
class Watch:
    """tick: monotonic seconds."""

    wire: Wire
    state: State
    trail: TrailVerifier
    tick: Callable[[], float] = time.monotonic
    _seen: dict[int, _Signed] = field(default_factory=dict)  # by size; not yet compared with the one kept
    _asked: float = float("-inf")
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def verify(self, receipt: Any, what: str) -> VerifiedReceipt:
        """A receipt, checked offline; its checkpoint joins those to be compared. what: for whom it is, in words.

        Raises Unproven, and Forked where no question is needed to see it.
        """
        try:
            verified = receipts.verify(receipt, self.trail)
            quoted = note.parse_proof(receipt["proof"]).note
        except Refusal as refusal:
            raise Unproven.because(f"the receipt of {what} does not hold", refusal) from None
        self._add(_Signed(verified.checkpoint, quoted))
        return verified

    def see(self, signed_note: str) -> Checkpoint:
        """A checkpoint that was fetched. Raises Unproven and Forked."""
        try:
            checkpoint = self.trail.open(signed_note)
        except Refusal as refusal:
            raise Unproven.because("the checkpoint does not hold", refusal) from None
        self._add(_Signed(checkpoint, signed_note))
        return checkpoint

    async def fetch(self) -> Checkpoint:
        """The newest checkpoint, as the exchange gives it now."""
        answer = await self.wire.get("/v1/trail/checkpoint")
        return self.see(answer.content.decode("utf-8", "replace"))

    def refuse_if_forked(self) -> None:
        """Before anything is signed. Raises Forked."""
        evidence = self.state.fork
        if evidence is not None:
            raise Forked(f"this exchange has shown two histories; the evidence is in {evidence}")

    async def settle(self, *, now: bool = False) -> None:
        """Compare what was seen with what is kept, and keep the newest: at most once a second, unless `now`.

        Raises Forked, and Unproven where the exchange gives no proof.
        """
        async with self._one_at_a_time:
            if self._seen and (now or self.tick() - self._asked >= _AT_MOST_EVERY):
                await self._settle()

    async def consistency(self, first: int, second: int) -> tuple[Hash, ...]:
        answer = await self.wire.get("/v1/trail/consistency", **{"from": first, "to": second})
        return hashes_of(answer.object().get("hashes"))

    async def _settle(self) -> None:
        self._asked = self.tick()
        kept, seen = self._kept(), dict(self._seen)
        both = [*seen.values(), *([kept] if kept is not None else [])]
        chain = sorted(both, key=lambda signed: signed.checkpoint.size)
        for older, newer in itertools.pairwise(chain):
            await self._compare(older, newer)

        for size in seen:  # others may have come meanwhile: they are next
            del self._seen[size]
        if kept is None or kept.checkpoint.size < chain[-1].checkpoint.size:
            self.state.keep_checkpoint(chain[-1].note)

    def _add(self, signed: _Signed) -> None:
        size = signed.checkpoint.size
        for other in (self._seen.get(size), self._kept()):
            if other is not None and other.checkpoint.size == size and other.checkpoint.root != signed.checkpoint.root:
                self._convict(other, signed, f"two checkpoints of size {size} have different roots")
        self._seen[size] = signed

    def _kept(self) -> _Signed | None:
        kept = self.state.checkpoint
        if kept is None:
            return None
        try:
            return _Signed(self.trail.open(kept), kept)
        except Refusal as refusal:
            raise Unproven.because(f"the checkpoint kept in {self.state.folder} is not as it was", refusal) from None

    async def _compare(self, older: _Signed, newer: _Signed) -> None:
        first, second = older.checkpoint, newer.checkpoint
        if first.size in (0, second.size):
            return  # equal sizes were compared when they were seen
        try:
            proof = await self.consistency(first.size, second.size)
            merkle.verify_consistency(first.size, first.root, second.size, second.root, proof)
        except Refusal:
            self._convict(older, newer, f"no proof leads from size {first.size} to size {second.size}")
        except Refused as refused:
            if refused.reason != Reason.RANGE_WRONG.code:
                raise
            # It signed both sizes, and now says that one of them never was.
            self._convict(older, newer, f"the trail no longer has {second.size} entries")

    def _convict(self, kept: _Signed, offered: _Signed, why: str) -> None:
        evidence = self.state.keep_fork(kept=kept.note, offered=offered.note, why=why)
        raise Forked(f"{why}: both signed notes are saved in {evidence}")


def hashes_of(texts: object) -> tuple[Hash, ...]:
    """Standard base64, as C2SP writes hashes. Raises Refusal(PROOF_WRONG)."""
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(Reason.PROOF_WRONG)
    try:
        return tuple(base64.b64decode(text, validate=True) for text in texts)
    except (binascii.Error, ValueError):
        raise Refusal(Reason.PROOF_WRONG) from None
