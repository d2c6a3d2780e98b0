"""A batch before it is written: the leaves of its acts, their tree, their proofs, and what is in force afterwards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from exchange import leaf as leaves
from exchange import merkle, participant
from exchange.act import Act, NewChange, NewItem
from exchange.committer.queue import Member
from exchange.committer.standing import load_policy
from exchange.leaf import Draft, Event, ItemKey
from exchange.merkle import Hash, Tile
from exchange.policy import PolicySet, Standing
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas
from exchange.store import Head, NewBatch, Written

_KEY, _BLIND = 32, 16  # bytes

Tiles = Callable[[int, Sequence[Hash]], list[Tile]]
"""(size, leaf hashes of the batch) -> the tiles that it completes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a batch is committed: upon which head, under what, at what time. late: how far the clock lay behind, in
    seconds, where that is to be said.
    """

    batch: bytes
    head: Head
    standing: Standing
    at: datetime
    late: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A batch ready to be written. head, standing: after it. members: who waits for each leaf; nobody for our own."""

    batch: NewBatch
    head: Head
    standing: Standing
    proofs: Sequence[tuple[Hash, ...]]
    members: Sequence[Member | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Composer:
    """entropy: n -> n random bytes."""

    schemas: Schemas
    entropy: Callable[[int], bytes]

    def compose(
        self, moment: Moment, members: Sequence[Member], tiles: Tiles
    ) -> tuple[Composed | None, dict[Member, Exception]]:
        """-> the batch, if anything is left to write, and those whose act cannot stand after all.

        A change stands alone among the members, and is judged here once more: at its own position and time. So does a
        ruling, and the head names it.
        """
        written, waiting, refused = self._leaves(moment, members)
        standing, policies = moment.standing, {}
        if len(waiting) == 1 and isinstance(waiting[0].act.row, NewChange):
            try:
                standing = self._enacted(waiting[0].act.row, written[-1].position, moment)
            except Refusal as refusal:
                return None, {waiting[0]: refusal}
            policies = _texts_of(waiting[0].act.row, standing.policy)
        if not waiting:
            return None, refused

        hashes = [merkle.leaf_hash(w.leaf) for w in written]
        after, proofs = merkle.batch_proofs(moment.head.frontier, hashes)
        batch = NewBatch(
            id=moment.batch,
            at=moment.at,
            written=written,
            tiles=tiles(moment.head.size, hashes),
            policies=policies,
        )
        head = Head(
            frontier=after,
            at=moment.at,
            directory=standing.directory.version,
            policy=standing.directory.policy,
            rights=written[-1].position if _rules(written[-1].act) else moment.head.rights,
        )
        ours: list[Member | None] = [None] * (len(written) - len(waiting))
        composed = Composed(batch=batch, head=head, standing=standing, proofs=proofs, members=[*ours, *waiting])
        return composed, refused

    def _leaves(
        self, moment: Moment, members: Sequence[Member]
    ) -> tuple[list[Written], list[Member], dict[Member, Exception]]:
        """One for each act that fits in a leaf, and before them our own word where the clock was late."""
        written: list[Written] = []
        waiting: list[Member] = []
        refused: dict[Member, Exception] = {}
        if moment.late is not None:
            self._write(_anomaly(moment), moment, written)
        for member in members:
            try:
                self._write(member.act, moment, written)
            except ValueError as error:
                refused[member] = error
            else:
                waiting.append(member)
        return written, waiting, refused

    def _write(self, act: Act, moment: Moment, written: list[Written]) -> None:
        head, random = moment.head, self.entropy(_KEY + _BLIND)
        key = ItemKey(random[:_KEY])
        leaf = leaves.write(
            act.draft, at=moment.at, directory=head.directory, policy=head.policy, key=key, blind=random[_KEY:]
        )
        written.append(Written(position=head.size + len(written), act=act, leaf=leaf, key=key))

    def _enacted(self, change: NewChange, position: int, moment: Moment) -> Standing:
        """Raises Refusal."""
        before = moment.standing
        judged = participant.judge(
            before.directory, change.signed, position=position, at=moment.at, schemas=self.schemas
        )
        if judged.missing:
            raise Refusal(Reason.CHANGE_WRONG)
        policy = before.policy
        if judged.result.policy != before.policy.digest:
            if change.policy is None:
                raise Refusal(Reason.CHANGE_WRONG)
            policy = load_policy(change.policy, judged.result.policy)
        return replace(before, directory=judged.result, policy=policy)


def _rules(act: Act) -> bool:
    return isinstance(act.row, NewItem) and act.row.ruling is not None


def _texts_of(change: NewChange, policy: PolicySet) -> dict[str, bytes]:
    return {} if change.policy is None else {policy.digest: change.policy}


def _anomaly(moment: Moment) -> Act:
    directory = moment.standing.directory
    draft = Draft(event=Event.CLOCK_ANOMALY, actor=directory.operator, object=directory.origin, count=moment.late)
    return Act(draft=draft, directory=moment.head.directory, policy=moment.head.policy)
