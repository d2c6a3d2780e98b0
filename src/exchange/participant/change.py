"""Changes of the directory as their officers sign them, and the document it all starts from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from exchange import instant, jose, strictjson
from exchange.jose import Kind, SigningKey
from exchange.label import Classification, Tier
from exchange.participant.directory import (
    Agreement,
    Directory,
    Group,
    Key,
    Membership,
    Participant,
    ParticipantId,
    Use,
)
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas

CHANGE_LIMIT = 512 * 1024  # bytes: a policy set with its cases fits in
APPROVAL_LIMIT = 4 * 1024


class ChangeKind(StrEnum):
    ADMIT = "participant.admit"
    RIGHTS = "participant.rights"
    STATUS = "participant.status"
    ENTITY_ADMIT = "entity.admit"
    ENTITY_GRANT = "entity.grant"
    ENTITY_END = "entity.end"
    AGREEMENT = "agreement.set"
    GROUP = "group.set"
    KEY_ADD = "key.add"
    KEY_REVOKE = "key.revoke"
    POLICY = "policy.activate"

    @property
    def public(self) -> bool:
        """Shown to every participant. The others' bytes go to those whom they concern, the operator and oversight."""
        return self not in _RESERVED


_RESERVED = frozenset(
    {
        ChangeKind.RIGHTS,
        ChangeKind.STATUS,
        ChangeKind.ENTITY_GRANT,
        ChangeKind.ENTITY_END,
        ChangeKind.AGREEMENT,
        ChangeKind.GROUP,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, parsed. `content` holds the members that its kind has, already held against the schema."""

    id: str
    kind: ChangeKind
    made_at: datetime
    participant: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedChange:
    """The bytes that make a change: a JWS by an officer, and one for each approval."""

    change: bytes
    approvals: tuple[bytes, ...] = ()

    def committed(self) -> bytes:
        """What the leaf of the change commits to: all of it, in one serialisation."""
        return strictjson.write({"approvals": [a.decode() for a in self.approvals], "change": self.change.decode()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis:
    """The document at position 0: the operator, its officers, the policy and the trail key it all starts with."""

    document: bytes
    trail_key: str
    directory: Directory


def parse_change(payload: bytes, *, schemas: Schemas, origin: str) -> Change:
    """Raises Refusal(JSON_MALFORMED | SCHEMA_VIOLATION | WRONG_EXCHANGE)."""
    members = strictjson.parse_object(payload, limit=CHANGE_LIMIT)
    schemas.check("change", members)
    _same_exchange(members, origin)
    return Change(
        id=members["id"],
        kind=ChangeKind(members["kind"]),
        made_at=instant.parse(members["made_at"]),
        participant=members.get("participant", ""),
        content=members,
    )


def write_change(
    kind: ChangeKind, *, origin: str, id: str, made_at: datetime, key: SigningKey, **content: Any
) -> bytes:
    """The officer's side: -> a JWS. `content`: the members that this kind has, see schemas/change.schema.json."""
    members: dict[str, Any] = {"v": 1, "aud": origin, "id": id, "made_at": instant.write(made_at), "kind": kind.value}
    return jose.sign(strictjson.write(members | content), Kind.CHANGE, key)


def parse_approval(payload: bytes, *, schemas: Schemas, origin: str) -> tuple[str, str]:
    """-> (id of the change, SHA-256 of its signed bytes in hex). Raises as `parse_change`."""
    members = strictjson.parse_object(payload, limit=APPROVAL_LIMIT)
    schemas.check("approval", members)
    _same_exchange(members, origin)
    return members["change"], members["digest"]


def write_approval(*, origin: str, change: str, digest: str, made_at: datetime, key: SigningKey) -> bytes:
    made = instant.write(made_at)
    members: dict[str, Any] = {"v": 1, "aud": origin, "change": change, "digest": digest, "made_at": made}
    return jose.sign(strictjson.write(members), Kind.APPROVAL, key)


def parse_genesis(document: bytes, *, schemas: Schemas) -> Genesis:
    """Raises Refusal(JSON_MALFORMED | SCHEMA_VIOLATION | KEY_MALFORMED | CHANGE_WRONG | HISTORY_WRONG)."""
    members = strictjson.parse_object(document, limit=CHANGE_LIMIT)
    schemas.check("genesis", members)
    stated = members["operator"]
    keys = [parse_key(k, Use.OFFICER) for k in stated["officers"]]
    keys += [parse_key(k, Use.ACCESS) for k in stated["access"]]
    if len({key.kid for key in keys}) < len(keys):
        raise Refusal(Reason.HISTORY_WRONG)
    operator = Participant(
        id=ParticipantId(stated["id"]),
        name=stated["name"],
        tier=Tier.T0,
        country=stated["country"],
        exercise=members["training"],
        clearance=Classification.PUB,
        keys={key.kid: key for key in keys},
    )
    directory = Directory(
        origin=members["origin"],
        training=members["training"],
        version=0,
        operator=operator.id,
        policy=members["policy"],
        participants={operator.id: operator},
        owners={key.kid: operator.id for key in keys},
        changes=frozenset(),
    )
    return Genesis(document=document, trail_key=members["trail_key"], directory=directory)


def parse_key(members: Mapping[str, Any], use: Use) -> Key:
    """members: jwk, not_before, not_after. Raises Refusal(KEY_MALFORMED | CHANGE_WRONG)."""
    key = Key(
        verifying=jose.public_key(members["jwk"]),
        use=use,
        not_before=instant.parse(members["not_before"]),
        not_after=instant.parse(members["not_after"]),
    )
    if key.not_after <= key.not_before:
        raise Refusal(Reason.CHANGE_WRONG)
    return key


def parse_agreement(members: Mapping[str, Any]) -> Agreement:
    """members: reference, types, crime_areas, from, until. Raises Refusal(CHANGE_WRONG) where they leave no time."""
    agreement = Agreement(
        reference=members["reference"],
        types=frozenset(members["types"]),
        crime_areas=frozenset(members["crime_areas"]),
        since=instant.parse(members["from"]),
        until=instant.parse(members["until"]),
    )
    if agreement.until <= agreement.since:
        raise Refusal(Reason.CHANGE_WRONG)
    return agreement


def parse_group(members: Mapping[str, Any]) -> Group:
    """members: group, name, members. Raises Refusal(CHANGE_WRONG) for a membership that ends before it begins."""
    memberships = tuple(_membership(one) for one in members["members"])
    return Group(code=members["group"], name=members["name"], members=memberships)


def _membership(members: Mapping[str, Any]) -> Membership:
    since = instant.parse(members["from"])
    until = instant.parse(members["until"]) if "until" in members else None
    if until is not None and until <= since:
        raise Refusal(Reason.CHANGE_WRONG)
    return Membership(participant=ParticipantId(members["participant"]), since=since, until=until)


def policy_digest(texts: Mapping[str, Any]) -> str:
    """The name of a policy set: SHA-256 over {schema, policies, cases} in our one serialisation, in hex."""
    return hashlib.sha256(strictjson.write(dict(texts))).hexdigest()


def _same_exchange(members: Mapping[str, Any], origin: str) -> None:
    if members["aud"] != origin:
        raise Refusal(Reason.WRONG_EXCHANGE)
