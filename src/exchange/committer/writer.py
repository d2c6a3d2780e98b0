"""The one writer: takes what is queued, and makes one durable transaction of it. Its steps, as the code numbers them:

    1  begin, holding the head
    2  the head, whose MAC must be right
    3  a batch whose outcome is unknown: if it is there, it was committed
    4  what was decided under something no longer in force, or too long ago, is set aside; and so is what rests on an
       item that was acted upon since
    5  what was here before: the same bytes are a repeat
    6  leaves, rows, tiles, the batch's id, the head with a new MAC, the notice
    7  commit, and wait for the disk
    8  only now sign the checkpoint: nothing that is signed can be rolled back
    9  all who wait are answered by one call into the loop, each with its proof

A member is refused only if that was decided. Where storing fails it is told so and nothing else: it may ask again.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from exchange import merkle
from exchange.act import Act, NewItem, Overtaken
from exchange.committer import identity, standing
from exchange.committer.composing import Composed, Composer, Moment
from exchange.committer.published import Published
from exchange.committer.queue import Member, Queue
from exchange.merkle import Hash, TileReader
from exchange.note import Checkpoint, TrailKey
from exchange.policy import Standing
from exchange.receipt import Committed
from exchange.refusal import Reason, Refusal
from exchange.store import (
    Head,
    HeadBehind,
    OutcomeUnknown,
    Store,
    Transaction,
    Unavailable,
    Unfit,
    Unwritable,
    Written,
)

Answers = list[tuple[Member, Any]]

_LATE = timedelta(seconds=10)
_PATIENCE = 10.0  # seconds to find out what became of a commit
_PAUSE = 0.1
_LOOK = 0.5  # seconds of idleness between two looks at what other gateways have changed
_LOG = logging.getLogger("exchange.committer")


class Ended(Exception):
    """Only a new start can tell what became of the last commit."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The act was decided under what is no longer in force, or too long ago. Nothing was written."""


@dataclass(slots=True)
class _Batch:
    """Members on their way. sent: composed, and committed with an answer that did not come."""

    id: bytes
    members: Sequence[Member]
    answers: Answers = field(default_factory=list)
    sent: Composed | None = None


@dataclass(slots=True, kw_only=True)
class Writer:
    """standing: what is in force, and rights: the last act upon an item; replaced here and nowhere else, the latter
    only when that act is durable. taken: who waits for the batch in hand.

    answer: hands answers to the loop. notify: tells readers that they have something. die: ends the process.
    """

    store: Store
    standing: Standing
    composer: Composer
    key: TrailKey
    published: Published
    queue: Queue
    now: Callable[[], datetime]
    answer: Callable[[Answers], None]
    notify: Callable[[set[Any]], None]
    die: Callable[[], None]
    taken: Sequence[Member] = ()
    rights: int = 0
    _told_late: bool = False

    def run(self) -> None:
        """Until the queue is closed and empty. Raises what ends it before that."""
        shared = self.store.dialect == "postgresql"
        while (batch := self.queue.take(self._patience(_LOOK if shared else None))) is not None:
            waiting = [member for member in batch if not member.answer.cancelled()]
            while waiting:
                self.taken = waiting
                # Of twins the first goes ahead; the others meet in a later batch what it has become.
                members, waiting = identity.without_twins(waiting)
                self._commit(members)
            if shared and not batch:
                self._look()
        self.published.flush()

    def _patience(self, look: float | None) -> float | None:
        """Seconds to wait for acts: until there is something else to do. What was signed last is written while idle."""
        return min((seconds for seconds in (look, self.published.settle()) if seconds is not None), default=None)

    def meet(self) -> None:
        """After every connect: a barrier, and the trail must extend what this gateway has signed.

        Raises StoreFault in all its kinds.
        """
        with self.store.begin() as transaction:
            head = _head_of(transaction)
            _check_extends(self.published, head, transaction.tree(head.size))
            transaction.touch_head()
            transaction.commit()
        self.rights = head.rights

    def _commit(self, members: Sequence[Member]) -> None:
        try:
            answers = self._settled(_Batch(self.composer.entropy(16), members))
        except Unwritable as fault:
            if len(members) > 1:
                # One of them is poison, and the others must not suffer for it.
                for member in members:
                    self._commit([member])
                return
            _LOG.error("an act cannot be written: %s", fault)
            answers = [(members[0], Refusal(Reason.FAULT))]
        except (Unavailable, OutcomeUnknown) as fault:
            _LOG.warning("the store failed %d acts: %s", len(members), fault)
            answers = [(member, Refusal(Reason.STORE_UNAVAILABLE)) for member in members]
        self.answer(answers)  # 9

    def _settled(self, batch: _Batch) -> Answers:
        """Asks again where the outcome is unknown, and once where an idle connection may have ended.

        Raises Unavailable and Unwritable: nothing was written; OutcomeUnknown: it still is.
        """
        deadline = time.monotonic() + _PATIENCE
        attempts = 0
        while True:
            attempts += 1
            try:
                return self._attempt(batch)
            except OutcomeUnknown as fault:
                if self.store.dialect == "sqlite":
                    # A commit that failed to reach the disk may be there after a restart, and not before.
                    self.die()
                    raise Ended("the commit failed, and only a new start can tell whether it did") from fault
                if time.monotonic() > deadline:
                    raise
            except Unavailable as fault:
                if batch.sent is None and attempts > 1:
                    raise
                if time.monotonic() > deadline:
                    raise OutcomeUnknown(f"what became of a commit was not to be learnt: {fault}") from fault
            time.sleep(_PAUSE if attempts > 1 else 0)

    def _attempt(self, batch: _Batch) -> Answers:
        if not self.store.connected:
            self.meet()
        with self.store.begin() as transaction:  # 1
            head = _head_of(transaction)  # 2
            in_force = self.standing
            if batch.sent is None or not transaction.is_committed(batch.id):  # 3
                batch.sent = None
                in_force = standing.follow(transaction, head, in_force, self.composer.schemas)
                composed = self._composed(batch, transaction, head, in_force)
                if composed is not None:
                    transaction.append(composed.batch, composed.head)  # 6
                    batch.sent = composed
                    transaction.commit()  # 7
        if batch.sent is None:
            self.standing, self.rights = in_force, head.rights
            return batch.answers
        return batch.answers + self._proven(batch.sent)

    def _composed(self, batch: _Batch, transaction: Transaction, head: Head, in_force: Standing) -> Composed | None:
        """Puts those aside that will not be written, with their answers."""
        now = self.now()
        at, late = max(now, head.at), head.at - now
        self._told_late = self._told_late and late > timedelta(0)
        moment = Moment(
            batch=batch.id,
            head=head,
            standing=in_force,
            at=at,
            late=int(late.total_seconds()) if late > _LATE and not self._told_late else None,
        )
        # A repeat is one whatever has changed since; so it is looked for first.
        known = identity.known(transaction, batch.members)  # 5
        rest = [member for member in batch.members if member not in known]
        stale = {member: Stale() for member in rest if _is_stale(member.act, head, at)}  # 4
        current = [member for member in rest if member not in stale]
        overtaken = _overtaken(transaction, current, head)
        fresh, unfit = _finished(transaction, [member for member in current if member not in overtaken])

        def tiles(size: int, hashes: Sequence[bytes]) -> list[merkle.Tile]:
            return merkle.new_tiles(size, hashes, transaction.leaf_hashes, transaction.tile_roots)

        composed, refused = self.composer.compose(moment, fresh, tiles)
        batch.answers = [*known.items(), *stale.items(), *overtaken.items(), *unfit.items(), *refused.items()]
        return composed

    def _proven(self, composed: Composed) -> Answers:
        """What is committed takes effect: what is in force, what was signed, who is woken, what each is told."""
        self.standing, self.rights = composed.standing, composed.head.rights
        self._told_late = self._told_late or composed.members[0] is None
        size, root = composed.head.size, composed.head.frontier.root()
        self.published.remember(size, root)
        note = self.key.sign(Checkpoint(origin=composed.standing.directory.origin, size=size, root=root))  # 8
        self.notify(composed.batch.readers)
        return [
            (member, _committed(w, hashes, note))
            for member, w, hashes in zip(composed.members, composed.batch.written, composed.proofs, strict=True)
            if member is not None
        ]

    def _look(self) -> None:
        """Other gateways change what is in force; an idle one must not learn of it only with its next commit."""
        try:
            head = self.store.head()
            self.standing = standing.follow(self.store, head, self.standing, self.composer.schemas)
            self.rights = head.rights
        except Refusal as refusal:
            if refusal.reason is not Reason.STORE_UNAVAILABLE:
                raise


def _head_of(transaction: Transaction) -> Head:
    head = transaction.lock_head()
    if head is None:
        raise Unfit("no exchange was founded in this database: make one with `exchange init`")
    return head


def _is_stale(act: Act, head: Head, at: datetime) -> bool:
    """An act that cannot be decided again holds whatever has changed."""
    if act.again is None:
        return False
    return (
        act.directory != head.directory
        or act.policy != head.policy
        or (act.valid_until is not None and act.valid_until <= at)
    )


def _overtaken(transaction: Transaction, members: Sequence[Member], head: Head) -> dict[Member, Overtaken]:
    """Whoever rests on an item that was acted upon after what it knew of."""
    resting = [member for member in members if member.act.rests_on]
    least = min((member.act.rights for member in resting), default=head.rights)
    if head.rights <= least:
        return {}
    touched = transaction.touched_since(least)
    since = {m: frozenset(i for i in m.act.rests_on if touched.get(i, 0) > m.act.rights) for m in resting}
    return {member: Overtaken(items) for member, items in since.items() if items}


def _finished(transaction: Transaction, members: Sequence[Member]) -> tuple[Sequence[Member], dict[Member, Exception]]:
    """-> (members as they will be written, those that cannot be finished). Only a ruling has anything to finish, and it
    stands alone. The member's own act is left as it came, for another attempt.
    """
    if len(members) != 1 or (finish := members[0].act.finish) is None:
        return members, {}
    member, row = members[0], members[0].act.row
    assert isinstance(row, NewItem)
    assert row.ruling is not None  # nothing else is finished
    readers = transaction.readers(row.ruling.item)
    try:
        return [Member(finish(readers), member.answer)], {}
    except Exception as error:  # a fault of this act alone: who asked is told, and the writer goes on
        return [], {member: error}


def _check_extends(published: Published, head: Head, tree: TileReader) -> None:
    """Raises HeadBehind."""
    if published.size == 0:
        return
    advice = (
        "this is an older copy of the database, or a rewritten one. Nothing is appended. Restore the newest copy; "
        "if it is lost, found a new exchange: this history has been shown to others"
    )
    if published.size > head.size:
        raise HeadBehind(f"the trail has {head.size} entries, and {published.size} were signed: {advice}")
    try:
        proof = merkle.consistency_proof(published.size, head.size, tree.hash_at)
        merkle.verify_consistency(published.size, published.root, head.size, head.frontier.root(), proof)
    except Refusal:
        raise HeadBehind(f"the first {published.size} entries are not those that were signed: {advice}") from None


def _committed(written: Written, hashes: tuple[Hash, ...], note: str) -> Committed:
    return Committed(
        position=written.position,
        leaf=written.leaf,
        key=written.key,
        hashes=hashes,
        note=note,
        sealed=written.act.draft.sealed,
    )
