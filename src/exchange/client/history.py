"""The directory as this client folds it: from the pinned genesis, through signed changes, and from nowhere else.

The exchange only carries the changes. Each is verified with its approvals by the same function that the gateways use,
and bound to the trail: its leaf commits to it and says when it took effect. A key that a sender is believed by is
looked up in the tree as well, so that a change that was shown to us alone would be found out.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange import jose, leaf, merkle, participant
from exchange.client.errors import Unproven
from exchange.client.profile import Pin
from exchange.client.state import State
from exchange.client.watch import Watch, hashes_of
from exchange.client.wire import Wire
from exchange.leaf import Event, Field
from exchange.participant import Directory, Key, SignedChange
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas

_STILL_FRESH = 5.0  # seconds: how long a directory is used before the exchange is asked for newer changes
_PAGE = 500

_MALFORMED = (KeyError, TypeError, AttributeError, ValueError)


@dataclass(slots=True, kw_only=True)
class History:
    """tick: monotonic seconds."""

    wire: Wire
    watch: Watch
    state: State
    pin: Pin
    schemas: Schemas
    tick: Callable[[], float] = time.monotonic
    _directory: Directory | None = None
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _leaves: dict[int, bytes] = field(default_factory=dict)  # of the changes, by position
    _brought: dict[str, int] = field(default_factory=dict)  # kid -> position of the change that brought it
    _in_the_tree: set[int] = field(default_factory=set)  # positions whose inclusion was proven
    _asked: float = float("-inf")
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def directory(self, *, fresh: bool = False) -> Directory:
        """As of the last change that the exchange shows us, at most 5 s ago; of this very moment, if `fresh`.

        Raises Unproven where the changes do not follow from the genesis that was pinned.
        """
        async with self._one_at_a_time:
            if self._directory is None:
                self._recall()
            if fresh or self._directory is None or self.tick() - self._asked > _STILL_FRESH:
                await self._catch_up()
            assert self._directory is not None  # one of the two has set it, or raised
            return self._directory

    async def key(self, owner: str, kid: str) -> Key:
        """A key that `owner` holds or held, and that the trail has. Raises Unproven.

        Whether it was valid at a moment is the next question.
        """
        for fresh in (False, True):
            found = (await self.directory(fresh=fresh)).get(owner)
            if found is not None and kid in found.keys:
                await self._prove(self._brought[kid])
                return found.keys[kid]
        raise Unproven(f"no change of the directory gives {owner} the key {kid}")

    def _recall(self) -> None:
        """What was kept is verified like what comes; whatever does not hold is fetched again."""
        lines = list(self.state.history())
        try:
            for line in lines:
                self._take(line)
        except Unproven:
            self._forget()

    async def _catch_up(self) -> None:
        self._asked = self.tick()
        grown, after = False, max(self._leaves, default=0)
        while True:
            answer = (await self.wire.get("/v1/directory/changes", after=after, limit=_PAGE)).object()
            if self._directory is None:
                self._take({"genesis": answer.get("genesis")})
                grown = True
            for shown in answer.get("changes", ()):
                self._take({"change": shown})
                grown = True
            upto = answer.get("next")
            if type(upto) is not int or upto <= after:
                break
            after = upto
        if grown:
            self.state.keep_history(self._lines)

    def _take(self, line: Mapping[str, Any]) -> None:
        """One line of the history, as it came and as it is kept. Raises Unproven."""
        try:
            if self._directory is None:
                self._begin(line["genesis"])
            else:
                self._fold(self._directory, line["change"])
        except Refusal as refusal:
            raise Unproven.because("the directory's history does not hold", refusal) from None
        except _MALFORMED:
            raise Unproven("the directory's history is not in the protocol's form") from None
        self._lines.append(dict(line))

    def _begin(self, shown: Mapping[str, Any]) -> None:
        raw, document = shown["leaf"].encode(), shown["document"].encode()
        if leaf.digest(raw) != self.pin.genesis:
            raise Unproven("the exchange shows another genesis than the one that was pinned")
        _require_commitment(raw, Event.GENESIS, Field.GENESIS, shown["opening"], document)
        genesis = participant.parse_genesis(document, schemas=self.schemas)
        if genesis.directory.origin != self.pin.origin or genesis.trail_key != self.pin.trail_key:
            raise Unproven("the genesis names another exchange, or another trail key, than the pin")
        self._directory = genesis.directory
        self._leaves[0] = raw
        self._brought |= dict.fromkeys(genesis.directory.owners, 0)
        self._in_the_tree.add(0)  # its hash was pinned

    def _fold(self, directory: Directory, shown: Mapping[str, Any]) -> None:
        position, raw = shown["position"], shown["leaf"].encode()
        if type(position) is not int or position <= directory.version:
            raise Refusal(Reason.HISTORY_WRONG)
        signed = SignedChange(
            change=shown["change"].encode(), approvals=tuple(approval.encode() for approval in shown["approvals"])
        )
        stated = _require_commitment(raw, Event.DIRECTORY_CHANGED, Field.CHANGE, shown["opening"], signed.committed())
        after = participant.fold(directory, signed, position=position, at=stated.at, schemas=self.schemas, partly=True)
        self._brought |= dict.fromkeys(after.owners.keys() - directory.owners.keys(), position)
        self._leaves[position] = raw
        self._directory = after

    async def _prove(self, position: int) -> None:
        """That the leaf of a change stands in the tree whose checkpoints are watched. Once for each."""
        if position in self._in_the_tree:
            return
        checkpoint = await self.watch.fetch()
        answer = await self.wire.get("/v1/trail/inclusion", position=position, size=checkpoint.size)
        try:
            hashed = merkle.leaf_hash(self._leaves[position])
            proof = hashes_of(answer.object().get("hashes"))
            merkle.verify_inclusion(hashed, position, checkpoint.size, proof, checkpoint.root)
        except Refusal as refusal:
            raise Unproven.because(f"the change at position {position} is not in the trail", refusal) from None
        self._in_the_tree.add(position)

    def _forget(self) -> None:
        self._directory = None
        self._lines.clear()
        self._leaves.clear()
        self._brought.clear()


def _require_commitment(raw: bytes, event: Event, name: Field, opening: str, content: bytes) -> leaf.Leaf:
    """The leaf, if it is of this event and commits to this content. Raises Refusal(HISTORY_WRONG) and leaf's own."""
    stated = leaf.read(raw)
    if stated.event is not event or not leaf.opens(stated, name, jose.decode(opening.encode()), content):
        raise Refusal(Reason.HISTORY_WRONG)
    return stated
