"""Leaves of the trail: the bytes that say what happened, and the commitments in them to what they do not say.

    {"actor":"ncb-ita","at":"2026-11-22T05:17:00.000001Z","blind":"6f…","commit":{"message":"9a…","routing":"41…"},
     "directory":12,"event":"message.accepted","key":"WLk…","label":{"classification":"OUO"},
     "object":"ncb-ita:01KAJ…","policy":"5c…","rules":["may-submit"],"type":"information-request","v":1}

A leaf is stored and hashed as these very bytes and never written again. It holds ids, codes and numbers; officers'
names, reasons and free text appear as commitments only, so that a leaf can outlive what the law has erased.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from exchange import instant, strictjson
from exchange.label import Label
from exchange.refusal import Reason, Refusal

LIMIT = 4 * 1024  # bytes
VERSION = 1


class Event(StrEnum):
    GENESIS = "genesis"
    MESSAGE_ACCEPTED = "message.accepted"
    REQUEST_REFUSED = "request.refused"
    REFUSALS_COUNTED = "refusals.counted"
    ITEMS_READ = "items.read"
    ITEM_ACKNOWLEDGED = "item.acknowledged"
    CHANGE_PROPOSED = "directory.proposed"
    DIRECTORY_CHANGED = "directory.changed"
    QUESTION_ASKED = "question.asked"
    CLOCK_ANOMALY = "clock.anomaly"


class Field(StrEnum):
    """What a leaf may commit to. Each field has a salt of its own, so that opening one opens no other."""

    MESSAGE = "message"  # the signed bytes: header and payload of the JWS
    ROUTING = "routing"  # who got it, as its sender is told
    DECISIONS = "decisions"  # every recipient with its outcome, rules and facts, for auditors
    USER = "user"
    REASON = "reason"
    CHANGE = "change"  # a change of the directory with its approvals
    GENESIS = "genesis"


@dataclass(frozen=True, slots=True)
class ItemKey:
    """32 random bytes from which the salts of an item's commitments derive, and the key of its content.

    Destroying it makes every commitment of the item unopenable, and leaves every proof as it was.
    """

    secret: bytes = field(repr=False)

    def derive(self, info: bytes) -> bytes:
        """HKDF-Expand (RFC 5869, 2.3) of one block: the secret is uniformly random, so nothing has to be extracted."""
        return hmac_sha256(self.secret, info + b"\x01")

    def salt(self, name: Field) -> bytes:
        return self.derive(b"exchange/1/salt/" + name.encode())

    def commit(self, name: Field, content: bytes) -> str:
        return commitment(self.salt(name), content)


def commitment(salt: bytes, content: bytes) -> str:
    """HMAC-SHA256 of the content under its field's salt, in hex: binding, and saying nothing without the salt."""
    return hmac_sha256(salt, content).hex()


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    """RFC 2104, for keys of at most 64 bytes, holding on to the interpreter: `hmac.digest` lets go of it each time, and
    the thread that writes a batch then waits up to 5 ms for a busy loop to give it back, a dozen times for a message.
    """
    inner = hashlib.sha256(key.translate(_INNER).ljust(_BLOCK, b"\x36"))
    for at in range(0, len(content), _HELD):
        inner.update(content[at : at + _HELD])
    return hashlib.sha256(key.translate(_OUTER).ljust(_BLOCK, b"\x5c") + inner.digest()).digest()


_BLOCK = 64  # bytes, of SHA-256
_HELD = 2047  # bytes: hashlib lets go of the interpreter for more
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a door wants to have said, before the commit gives it its place, its time and its blind.

    sealed: the content of each commitment. items: positions of what a page showed. count: of what a leaf sums up.
    """

    event: Event
    actor: str
    object: str
    type: str = ""
    label: Mapping[str, Any] | None = None
    rules: tuple[str, ...] = ()
    key: str = ""
    items: tuple[int, ...] = ()
    count: int | None = None
    sealed: Mapping[Field, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf as read back from its bytes. commit: field -> commitment in hex."""

    at: datetime
    event: Event
    actor: str
    object: str
    type: str
    label: Mapping[str, Any] | None
    rules: tuple[str, ...]
    key: str
    items: tuple[int, ...]
    count: int | None
    directory: int
    policy: str
    commit: Mapping[str, str]


def write(draft: Draft, *, at: datetime, directory: int, policy: str, key: ItemKey, blind: bytes) -> bytes:
    """-> the leaf's bytes. directory and policy: what was in force. blind: 16 random bytes, in every leaf,
    so that nobody guesses a leaf from the hashes in somebody else's proof.
    """
    members: dict[str, Any] = {
        "v": VERSION,
        "at": _write_time(at),
        "event": draft.event.value,
        "actor": draft.actor,
        "object": draft.object,
        "directory": directory,
        "policy": policy,
        "blind": blind.hex(),
    }
    if draft.type:
        members["type"] = draft.type
    if draft.label is not None:
        members["label"] = dict(draft.label)
    if draft.rules:
        members["rules"] = list(draft.rules)
    if draft.key:
        members["key"] = draft.key
    if draft.items:
        members["items"] = list(draft.items)
    if draft.count is not None:
        members["count"] = draft.count
    if draft.sealed:
        members["commit"] = {name.value: key.commit(name, content) for name, content in draft.sealed.items()}
    raw = strictjson.write(members)
    if len(raw) > LIMIT:
        raise ValueError("a leaf says at most 4 KiB")
    return raw


def read(raw: bytes) -> Leaf:
    """The inverse of `write`; accepts nothing that `write` would not have written. Raises Refusal(LEAF_MALFORMED)."""
    try:
        members = strictjson.parse_object(raw, limit=LIMIT, depth=4)
        _check_form(members)
        leaf = Leaf(
            at=instant.parse(members["at"]),
            event=Event(members["event"]),
            actor=members["actor"],
            object=members["object"],
            type=members.get("type", ""),
            label=members.get("label"),
            rules=tuple(members.get("rules", ())),
            key=members.get("key", ""),
            items=tuple(members.get("items", ())),
            count=members.get("count"),
            directory=members["directory"],
            policy=members["policy"],
            commit=members.get("commit", {}),
        )
    except (Refusal, ValueError):
        raise Refusal(Reason.LEAF_MALFORMED) from None
    if strictjson.write(members) != raw or _write_time(leaf.at) != members["at"]:
        raise Refusal(Reason.LEAF_MALFORMED)
    return leaf


def label_facts(label: Label) -> dict[str, Any]:
    """What a leaf says of a label: what auditors ask by. Not whom it excludes."""
    facts: dict[str, Any] = {"classification": label.classification.name, "urgency": label.urgency}
    if label.handling:
        facts["handling"] = sorted(label.handling)
    if label.purpose:
        facts["purpose"] = sorted(label.purpose)
    if label.crime_area:
        facts["crime_area"] = sorted(label.crime_area)
    return facts


def opens(leaf: Leaf, name: Field, salt: bytes, content: bytes) -> bool:
    """Whether this content, with this salt, is what the leaf committed to."""
    return hmac.compare_digest(leaf.commit.get(name.value, ""), commitment(salt, content))


def digest(raw: bytes) -> str:
    """The RFC 6962 leaf hash in hex: how a genesis leaf is pinned."""
    return hashlib.sha256(b"\x00" + raw).hexdigest()


_REQUIRED: Mapping[str, type] = {
    "v": int,
    "at": str,
    "event": str,
    "actor": str,
    "object": str,
    "directory": int,
    "policy": str,
    "blind": str,
}
_OPTIONAL: Mapping[str, type] = {
    "type": str,
    "label": dict,
    "rules": list,
    "key": str,
    "items": list,
    "count": int,
    "commit": dict,
}
_LEFT_OUT_IF_EMPTY = ("type", "rules", "key", "items", "commit")
_TYPES = {**_REQUIRED, **_OPTIONAL}
_BLIND = re.compile(r"[0-9a-f]{32}")
_COMMITMENT = re.compile(r"[0-9a-f]{64}")


def _check_form(members: Mapping[str, Any]) -> None:
    """Whether `write` could have written these members. Raises ValueError."""
    if not _REQUIRED.keys() <= members.keys() <= _TYPES.keys():
        raise ValueError("a leaf has these members")
    if any(type(value) is not _TYPES[name] for name, value in members.items()):
        raise ValueError("a member has its one type")
    commit = members.get("commit", {})
    fits = (
        members["v"] == VERSION
        and _BLIND.fullmatch(members["blind"])
        and all(members[name] for name in _LEFT_OUT_IF_EMPTY if name in members)
        and all(type(rule) is str for rule in members.get("rules", ()))
        and all(type(position) is int for position in members.get("items", ()))
        and commit.keys() <= set(Field)
        and all(type(hash) is str and _COMMITMENT.fullmatch(hash) for hash in commit.values())
    )
    if not fits:
        raise ValueError("a member says what it may say")


def _write_time(at: datetime) -> str:
    """Always with six decimals, so that leaves sort and read alike."""
    text = instant.write(at)
    return text if "." in text else text[:-1] + ".000000Z"
