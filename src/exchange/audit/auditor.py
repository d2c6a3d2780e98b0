"""The whole trail, checked entry by entry against a signed checkpoint, wherever the entries come from.

Entries may come from a living exchange, from a database or from a file. Nothing of their source is believed but the
trail's key and, if it is given, the hash of the genesis leaf. The numbers in the code are these checks:

    1  positions follow one another, and there are as many as the checkpoint says
    2  a leaf is as its writer writes leaves, and as its source remembers its hash
    3  time never goes back
    4  every opening fits its commitment, and whatever an auditor may open is there
    5  the directory folds from genesis, and each leaf names what was in force
    6  what was signed was signed with a key that was valid, there and then, for its actor; where the source has the
       signed bytes themselves, the signature verifies
    7  what was read or acknowledged had been accepted before, and was released to whoever did it or is its own;
       nothing was accepted twice
    8  an act upon an item is its source's, or a forward by somebody who has it; a recall and a restriction are told to
       exactly those who had been shown the item; behind a recall nobody is shown it but its source, and nothing acts
       upon it
    9  what was decided about each message is what the policy set in force decides of what is asked there, of the
       participants as the directory has them and of the label as the leaf has it; its sender was told the same
   10  the root over all leaves is the signed one, and every earlier signed root is a prefix of it

Check 9 takes an engine for policies, which a client alone does not have: it is handed in, or the report says that it
was not done.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from exchange import jose, leaf, merkle, participant, strictjson
from exchange.audit.decided import Decided, Deciding, DecidingAgain, Items
from exchange.audit.entry import Entry, Finding, Opening, Report
from exchange.jose import Kind, VerifyingKey
from exchange.leaf import Event, Field, Leaf
from exchange.merkle import Frontier
from exchange.note import Checkpoint
from exchange.participant import CHANGE_LIMIT, Directory, SignedChange, Use
from exchange.refusal import Refusal
from exchange.schema import Schemas

_TEXT_LIMIT = 2 * CHANGE_LIMIT  # bytes of a change with its approvals
_NOT_FOR_AUDITORS = frozenset({Field.MESSAGE.value})
_SIGNED = {Event.MESSAGE_ACCEPTED: Kind.MESSAGE, Event.ITEM_ACKNOWLEDGED: Kind.ACKNOWLEDGEMENT}
_MALFORMED = (Refusal, KeyError, TypeError, AttributeError, ValueError)


class Auditor:
    """Takes the entries in order, then says what it found.

    checkpoint: signed, of the size that is checked; entries beyond it are not asked for. genesis: the hash of the
    genesis leaf in hex, where it is known. earlier: other signed checkpoints of this trail; what the largest of them
    signs must be there, or the trail was cut off since. deciding: how to decide again. policy: the texts of the first
    policy set, which the genesis names only by its digest; from wherever, they are believed for that digest alone.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        trail_key: str,
        schemas: Schemas,
        genesis: str | None = None,
        earlier: Sequence[Checkpoint] = (),
        deciding: Deciding | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        self._checkpoint = checkpoint
        self._trail_key = trail_key
        self._schemas = schemas
        self._genesis = genesis
        self._roots = {other.size: other.root for other in earlier}
        self._signed_before = max(self._roots, default=0)
        self._findings: list[Finding] = []
        self._tree = Frontier.empty()
        self._next = 0
        self._last: datetime | None = None
        self._directory: Directory | None = None
        self._history_holds = True
        self._deciding = deciding
        self._first_policy = policy
        self._decides: DecidingAgain | None = None
        self._items = Items()
        self._events: Counter[str] = Counter()
        self._checked: Counter[str] = Counter()

    @property
    def next(self) -> int:
        """The position that is examined next; done when it has reached the checkpoint's size."""
        return self._next

    def examine(self, entry: Entry) -> None:
        """The next entry. Never raises for what is wrong with it: that is noted."""
        position = entry.position
        if position != self._next:  # 1
            says = "is missing" if position > self._next else f"comes where {self._next} is expected"
            self._note(min(position, self._next), says)
        self._next = position + 1
        for fault in entry.faults:
            self._note(position, fault)

        hashed = merkle.leaf_hash(entry.leaf)
        if entry.hash is not None and entry.hash != hashed:  # 2
            self._note(position, "the leaf is not the one whose hash was kept")
        self._tree = self._tree.append(hashed)
        self._compare_root(self._tree.size)

        try:
            stated = leaf.read(entry.leaf)  # 2
        except Refusal:
            self._break(position, "the bytes are no leaf of a trail")
            return
        self._events[stated.event.value] += 1
        self._check_time(position, stated)
        self._check_openings(position, stated, entry.openings)
        self._check_in_force(position, stated, entry)
        self._check_key(position, stated, entry)
        self._check_items(position, stated, entry)

    def conclude(self) -> Report:
        size, found = self._checkpoint.size, self._tree.size
        if self._next < size:  # 1
            self._note(self._next, f"is missing: the trail ends here, and the checkpoint signs {size} entries")
        if self._signed_before > size:
            self._note(size, f"is missing: a checkpoint of {self._signed_before} entries was signed before")
        if self._next > size:
            self._note(size, f"is beyond the checkpoint, which signs {size} entries")
        return Report(
            origin=self._checkpoint.origin,
            size=size,
            entries=found,
            findings=tuple(self._findings),
            events=dict(sorted(self._events.items())),
            checked=dict(sorted(self._checked.items())),
            decided_again=self._deciding is not None,
        )

    def _check_time(self, position: int, stated: Leaf) -> None:
        if self._last is not None and stated.at < self._last:  # 3
            self._note(position, "its time lies before that of the entry before it")
        self._last = stated.at

    def _check_openings(self, position: int, stated: Leaf, openings: Mapping[Field, Opening]) -> None:
        for kind, opening in openings.items():  # 4
            if leaf.opens(stated, kind, opening.salt, opening.text):
                self._checked["openings"] += 1
            else:
                self._note(position, f"the {kind.value} is not what the leaf committed to")
        for name in sorted(stated.commit.keys() - {n.value for n in openings} - _NOT_FOR_AUDITORS):
            self._note(position, f"the {name} that the leaf committed to is missing")

    def _check_in_force(self, position: int, stated: Leaf, entry: Entry) -> None:
        if position == 0:
            self._begin(stated, entry)
        elif stated.event is Event.GENESIS:
            self._note(position, "a trail begins once")
        if self._directory is None or not self._history_holds:
            return
        if (stated.directory, stated.policy) != (self._directory.version, self._directory.policy):  # 5
            self._note(position, "it names a directory or a policy that was not in force")
        if stated.event is Event.DIRECTORY_CHANGED:
            self._fold(position, stated, entry)

    def _begin(self, stated: Leaf, entry: Entry) -> None:
        try:
            if stated.event is not Event.GENESIS or Field.GENESIS not in entry.openings:
                raise ValueError("no genesis")
            genesis = participant.parse_genesis(entry.openings[Field.GENESIS].text, schemas=self._schemas)
        except (Refusal, ValueError):
            self._break(0, "the trail does not begin with a genesis")
            return
        if self._genesis is not None and leaf.digest(entry.leaf) != self._genesis:
            self._note(0, "this is not the genesis that was pinned")
        if genesis.directory.origin != self._checkpoint.origin or genesis.trail_key != self._trail_key:
            self._note(0, "the genesis is of another exchange, or names another trail key")
        self._directory = genesis.directory
        self._enforce(0, self._directory.policy, self._first_policy)

    def _fold(self, position: int, stated: Leaf, entry: Entry) -> None:
        assert self._directory is not None  # asked by the caller
        before = self._directory.policy
        try:
            opening = entry.openings[Field.CHANGE]
            signed = _signed_change(opening.text)
            self._directory = participant.fold(
                self._directory, signed, position=position, at=stated.at, schemas=self._schemas
            )
        except (Refusal, KeyError, TypeError, AttributeError, UnicodeEncodeError):
            self._break(position, "the change does not follow from the directory before it")
            return
        self._checked["changes"] += 1
        if self._directory.policy != before:
            self._enforce(position, self._directory.policy, _texts_in(signed))

    def _enforce(self, position: int, digest: str, texts: Mapping[str, Any] | None) -> None:
        """This policy set is in force behind this position."""
        if self._deciding is None:
            return
        self._decides = None
        try:
            if texts is None or participant.policy_digest(texts) != digest:
                raise ValueError("other texts")
            self._decides = self._deciding(texts)
        except _MALFORMED:
            says = "the policy set in force from here on is missing or wrong: what it decides cannot be decided again"
            self._note(position, says)

    def _check_key(self, position: int, stated: Leaf, entry: Entry) -> None:
        if stated.event not in _SIGNED or self._directory is None or not self._history_holds:
            return
        owner = self._directory.get(stated.actor)
        key = None if owner is None else owner.keys.get(stated.key)
        if key is None or key.use is not Use.MESSAGE or not key.valid_at(stated.at):  # 6
            self._note(position, f"{stated.actor} had no such key to sign messages with")
            return
        self._checked["keys"] += 1
        if entry.token is not None:
            self._check_token(position, entry, _SIGNED[stated.event], key.verifying)

    def _check_token(self, position: int, entry: Entry, kind: Kind, key: VerifyingKey) -> None:
        token = entry.token or b""
        try:
            opened = jose.open_jws(token, kind, {key.kid: key}, limit=len(token))
        except Refusal:
            self._note(position, "the signature on what was accepted here does not verify")
            return
        committed = entry.openings.get(Field.MESSAGE)
        if committed is None or committed.text != opened.signed:
            self._note(position, "what is kept here is not what the leaf committed to")
        else:
            self._checked["signatures"] += 1

    def _check_items(self, position: int, stated: Leaf, entry: Entry) -> None:
        match stated.event:  # 7
            case Event.MESSAGE_ACCEPTED:
                own = stated.object.startswith(stated.actor + ":")
                if not own or self._items.position(stated.object) is not None:
                    self._note(position, "the item is not its actor's, or was accepted before")
                decided = self._decided(position, stated, entry)
                self._items.accept(stated.object, position, sender=stated.actor, decided=decided)
                self._check_acts(position, stated, decided)
            case Event.ITEM_ACKNOWLEDGED:
                item = self._items.position(stated.object)
                if item is None:
                    self._note(position, "an item is acknowledged that was never accepted")
                elif stated.object.startswith(stated.actor + ":") or not self._items.may_be_shown(item, stated.actor):
                    self._note(position, f"{stated.actor} acknowledges an item that was not released to it")
            case _ if not all(map(self._items.has, stated.items)):
                self._note(position, "it shows an item that was never accepted")
            case Event.ITEMS_READ:
                hidden = [item for item in stated.items if not self._items.may_be_shown(item, stated.actor)]
                if hidden:
                    why = "taken back" if all(map(self._items.was_taken, hidden)) else "not released to it"
                    self._note(position, f"it shows {stated.actor} an item that was {why}")
                for item in stated.items:
                    self._items.show(item, stated.actor)

    def _check_acts(self, position: int, stated: Leaf, decided: Decided | None) -> None:
        for item in stated.items:  # 8
            if not self._items.has(item) or item == position:
                self._note(position, "it acts upon an item that was never accepted")
                continue
            wrong = self._items.act_upon(item, stated, decided)
            if wrong is not None:
                self._note(position, wrong)

    def _decided(self, position: int, stated: Leaf, entry: Entry) -> Decided | None:
        """What the leaf commits to as decided, if there is that and it can be read."""
        told, decisions = (self._opened(stated, entry, kind) for kind in (Field.ROUTING, Field.DECISIONS))
        if told is None or decisions is None:
            if not {Field.ROUTING.value, Field.DECISIONS.value} <= stated.commit.keys():
                self._note(position, "a message was accepted, and nothing says what was decided about it")
            return None
        try:
            decided = Decided.parse(decisions)
        except ValueError:
            self._note(position, "its decisions are none, or contradict themselves")
            return None
        if not decided.is_told_in(told):  # 9
            self._note(position, "its sender was told something else than what was decided")
        self._decide_again(position, stated, decided)
        return decided

    def _decide_again(self, position: int, stated: Leaf, decided: Decided) -> None:
        if self._decides is None or self._directory is None or not self._history_holds:
            return
        if self._decides(stated, self._directory, decided):
            self._checked["decisions"] += 1
        else:
            self._note(position, "what was decided here is not what the policy in force decides")

    @staticmethod
    def _opened(stated: Leaf, entry: Entry, kind: Field) -> bytes | None:
        """The text that the leaf committed to; None where it is missing or another, which check 4 has noted."""
        opening = entry.openings.get(kind)
        fits = opening is not None and leaf.opens(stated, kind, opening.salt, opening.text)
        return opening.text if opening is not None and fits else None

    def _compare_root(self, size: int) -> None:
        wanted = self._roots.get(size)  # 10
        if wanted is not None and wanted != self._tree.root():
            self._note(None, f"the first {size} entries are not those of an earlier signed checkpoint")
        if size == self._checkpoint.size and self._tree.root() != self._checkpoint.root:
            self._note(None, f"the root over the {size} entries is not the signed one")

    def _break(self, position: int, says: str) -> None:
        """Where the history is broken, what follows cannot be judged by it: one finding, not one for each entry."""
        self._note(position, says)
        self._history_holds = False

    def _note(self, position: int | None, says: str) -> None:
        self._findings.append(Finding(position, says))


def _signed_change(text: bytes) -> SignedChange:
    """The inverse of `SignedChange.committed`. Raises Refusal, KeyError, TypeError or AttributeError."""
    members = strictjson.parse_object(text, limit=_TEXT_LIMIT)
    return SignedChange(change=members["change"].encode(), approvals=tuple(a.encode() for a in members["approvals"]))


def _texts_in(signed: SignedChange) -> Mapping[str, Any] | None:
    """The policy set that a change activates, which was folded: its form is known."""
    payload = jose.decode(signed.change.split(b".")[1])
    texts: Mapping[str, Any] | None = strictjson.parse_object(payload, limit=CHANGE_LIMIT).get("policy")
    return texts
