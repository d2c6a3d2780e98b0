"""Entries of the trail as they are written down: in answers of an exchange, and in files.

An export is JSON Lines. The first line names the trail and its signed size; each further line is one entry, with the
hash of its leaf beside it, so that a change of a leaf is found where it was made. The first line holds the texts of the
first policy set, too, which the genesis names only by its digest; every later set is in the change that activates it.

    {"checkpoint":"exchange.example/training\\n2\\n…","origin":"exchange.example/training","policy":{"cases":…}}
    {"hash":"5b1f…","leaf":"{\\"actor\\":…}","openings":{"genesis":{"salt":"…","text":"…"}},"position":0}
    {"hash":"9c02…","leaf":"{\\"actor\\":…}","openings":{},"position":1}
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from exchange import jose, merkle, strictjson
from exchange.audit import Entry, Opening
from exchange.client.errors import Unproven
from exchange.leaf import Field
from exchange.refusal import Refusal


def entry_of(shown: Any, position: int) -> Entry:
    """shown: an entry as written. position: where it stands in what was written. What is malformed becomes a fault of
    that position: an auditor notes it and goes on.
    """
    try:
        openings = {
            Field(name): Opening(salt=jose.decode(o["salt"].encode()), text=o["text"].encode())
            for name, o in shown["openings"].items()
        }
        kept = shown.get("hash")
        return Entry(
            position=int(shown["position"]),
            leaf=shown["leaf"].encode(),
            openings=openings,
            hash=None if kept is None else bytes.fromhex(kept),
        )
    except (KeyError, TypeError, ValueError, AttributeError, Refusal):
        return Entry(position=position, leaf=b"", faults=("what is written here is no entry",))


def line_of(entry: Entry) -> str:
    """The inverse, for an export: one line, with its end."""
    openings = {
        name.value: {"salt": jose.encode(opening.salt), "text": opening.text.decode()}
        for name, opening in entry.openings.items()
    }
    written: dict[str, Any] = {
        "position": entry.position,
        "leaf": entry.leaf.decode(),
        "hash": merkle.leaf_hash(entry.leaf).hex(),
        "openings": openings,
    }
    return strictjson.write(written).decode() + "\n"


def head_of(origin: str, note: str, policy: Mapping[str, Any] | None = None) -> str:
    """The first line of an export. policy: the texts of the first policy set."""
    first: dict[str, Any] = {"origin": origin, "checkpoint": note}
    return strictjson.write(first if policy is None else first | {"policy": policy}).decode() + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file read back. entries are read as they are asked for. policy: texts, not held against any digest."""

    origin: str
    note: str
    policy: Mapping[str, Any] | None
    entries: Iterable[Entry]


def read_export(file: IO[str]) -> Export:
    """Raises Unproven where it does not begin as an export does."""
    try:
        head: Mapping[str, Any] = json.loads(file.readline())
        policy = head.get("policy")
        return Export(
            origin=str(head["origin"]),
            note=str(head["checkpoint"]),
            policy=policy if isinstance(policy, dict) else None,
            entries=_entries(file),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unproven("this file is no export of a trail: its first line names no origin and no checkpoint") from None


def _entries(file: IO[str]) -> Iterator[Entry]:
    for position, line in enumerate(file):
        try:
            shown = json.loads(line)
        except (ValueError, RecursionError):
            shown = None
        yield entry_of(shown, position)
