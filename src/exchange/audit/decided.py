"""What the decisions of a leaf say, and to whom each item was released by them.

The document, as `Routing.for_audit` writes it:

    {"post": {"asked": "T1 RES | submit | RES | -", "outcome": "ALLOW", "rules": ["may-submit"]},
     "read": [{"asked": "T1 OUO | read | RES | addressee", "outcome", "rules", "to": [ids], "named": [of these]?}]}

Of an act upon an item, `post` asks whether its sender may act so, and there may be beside: `told`, the ids of those who
had read the item and are told; `before` and `after`, as `read`, what its holders could and can have of the item itself;
`anew`, the ids of those to whom it is released by that; `submit`, as `post`, about what the act says.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange import strictjson
from exchange.leaf import Leaf
from exchange.participant import Directory
from exchange.refusal import Refusal

_LIMIT = 1 << 20  # bytes of decisions, or of a routing: 256 recipients with all that was asked of each are a tenth
_RELEASED = "CONTENT"
_DEPTH = 6

_RECALL, _FORWARD = "recall", "forward"
_TOLD_TO_READERS = frozenset({_RECALL, "restriction"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """post: the question and its answer about the sender. read: the same about recipients, each with `to`, whom it
    concerns. told: what follows from both for the sender's own list, without the rules. released: who gets the message.

    anew: to whom the item that it acts upon is released by it. beside: what else is said of an act upon an item.
    """

    post: Mapping[str, Any]
    read: tuple[Mapping[str, Any], ...]
    released: frozenset[str]
    told: frozenset[tuple[str, str]]
    anew: frozenset[str]
    beside: Mapping[str, Any]

    @classmethod
    def parse(cls, text: bytes) -> "Decided":
        """Raises ValueError where these are no decisions, or decide twice about one recipient."""
        try:
            members = strictjson.parse_object(text, limit=_LIMIT, depth=_DEPTH)
            post, read = members["post"], tuple(members["read"])
            notified, anew = members.get("told", []), members.get("anew", [])
            to = [id for entry in read for id in entry["to"]] + notified
            released = released_by(read) | frozenset(notified)
            named = frozenset(id for entry in read for id in entry.get("named", ()))
            once = len(set(to)) == len(to) and len(set(anew)) == len(anew)
            sound = once and named <= set(to) and post["outcome"] == "ALLOW"
        except (Refusal, KeyError, TypeError, AttributeError):
            raise ValueError("no decisions") from None
        if not sound:
            raise ValueError("decisions that contradict themselves")
        told = {(id, "released") for id in released} | {(id, "withheld") for id in named - released}
        beside = {name: said for name, said in members.items() if name not in ("post", "read")}
        return cls(post=post, read=read, released=released, told=frozenset(told), anew=frozenset(anew), beside=beside)

    def is_told_in(self, routing: bytes) -> bool:
        """Whether the list that the sender got says the same: all that it is released to, and of the others those that
        the sender addressed by name.
        """
        try:
            told = [(one["participant"], one["outcome"]) for one in strictjson.parse(routing, limit=_LIMIT)]
        except (Refusal, KeyError, TypeError):
            return False
        return len(told) == len(self.told) and set(told) == self.told


def released_by(entries: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """entries: as `read`. Raises KeyError or TypeError."""
    return frozenset(id for entry in entries if entry["outcome"] == _RELEASED for id in entry["to"])


DecidingAgain = Callable[[Leaf, Directory, Decided], bool]
"""Whether a policy set decides so of what this leaf says, when this directory is in force."""

Deciding = Callable[[Mapping[str, Any]], DecidingAgain]
"""From the texts of a policy set, whose digest was checked. Raises Refusal where they are no policy set."""


@dataclass(slots=True)
class _Item:
    """readers: who may be shown it; None: nobody can tell. shown: who was. taken: it was recalled."""

    source: str
    readers: int | None
    shown: int = 0
    taken: bool = False


@dataclass(slots=True)
class Items:
    """Every item that was accepted so far, who may be shown it, and who was.

    Readers are bits of a number, a bit for each participant that was ever released anything: an item costs some 350
    bytes with its id, however many it was released to.
    """

    _positions: dict[str, int] = field(default_factory=dict)  # by item
    _items: dict[int, _Item] = field(default_factory=dict)  # by position
    _bits: dict[str, int] = field(default_factory=dict)

    def accept(self, item: str, position: int, *, sender: str, decided: Decided | None) -> None:
        """decided: None where that cannot be read."""
        self._positions.setdefault(item, position)
        readers = None if decided is None else self._masked(decided.released | {sender})
        self._items[position] = _Item(sys.intern(sender), readers)

    def position(self, item: str) -> int | None:
        return self._positions.get(item)

    def has(self, position: int) -> bool:
        return position in self._items

    def may_be_shown(self, position: int, reader: str) -> bool:
        """To its sender, and to whom it was released, if it was not taken back from them. Where its decisions are
        missing or broken, which is a finding of its own, nobody is accused for them.
        """
        readers = self._items[position].readers
        return readers is None or bool(readers & self._bits.get(reader, 0))

    def was_taken(self, position: int) -> bool:
        return self._items[position].taken

    def show(self, position: int, reader: str) -> None:
        item = self._items[position]
        if item.source != reader:
            item.shown |= self._masked(frozenset({reader}))

    def act_upon(self, position: int, stated: Leaf, decided: Decided | None) -> str | None:
        """What an act does to the item at this position. -> what is wrong with the act.

        decided: None where that cannot be read.
        """
        item = self._items[position]
        wrong = self._contradiction(position, stated, decided)
        if stated.type == _RECALL:
            item.readers, item.taken = self._masked(frozenset({item.source})), True
        elif item.readers is not None:
            item.readers = None if decided is None else item.readers | self._masked(decided.anew)
        return wrong

    def _contradiction(self, position: int, stated: Leaf, decided: Decided | None) -> str | None:
        item = self._items[position]
        if stated.type == _FORWARD:
            if not self.may_be_shown(position, stated.actor):
                return "it passes on an item that was not released to its actor"
        elif stated.actor != item.source:
            return "it acts upon an item that is not its actor's"
        if item.taken:
            return "it acts upon an item that was taken back"
        if stated.type in _TOLD_TO_READERS and decided is not None and self._masked(decided.released) != item.shown:
            return "those whom it tells are not those who had been shown the item"
        return None

    def _masked(self, readers: frozenset[str]) -> int:
        mask = 0
        for reader in readers:
            mask |= self._bits.setdefault(reader, 1 << len(self._bits))
        return mask
