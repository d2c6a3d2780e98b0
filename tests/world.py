"""A small world to test and to measure in: participants with keys, their directory, and messages to send.

Nothing in it stands for something else: keys are drawn, changes are signed by officers and folded from genesis as a
gateway folds them, messages are the examples of schemas/, moved to the moment that a test needs. No other file is read.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from ulid import ULID

from exchange import envelope, instant, jose, participant, shipped, strictjson
from exchange.jose import SigningKey
from exchange.label import Classification, Tier
from exchange.note import TrailKey
from exchange.participant import (
    ChangeKind,
    Directory,
    Genesis,
    Judged,
    ParticipantId,
    SignedChange,
    Use,
    digest_of,
    write_approval,
    write_change,
)
from exchange.schema import SUFFIX, Schemas

ORIGIN = "exchange.example/training"
NOW = instant.parse("2026-11-20T12:00:00Z")
OPERATOR = ParticipantId("opr-exchange")
NO_POLICY = "0" * 64

_TEN_MINUTES = timedelta(minutes=10)
_A_YEAR = timedelta(days=365)
_TWO_YEARS = timedelta(days=730)
_MOMENTS = (
    ("label", "created"),
    ("label", "review_by"),
    ("label", "expires"),
    ("body", "answer_by"),
    ("body", "until"),
)


@cache
def schemas() -> Schemas:
    return Schemas.compile(shipped.texts("schemas", SUFFIX))


def fresh_id(at: datetime = NOW) -> str:
    """A ULID made at this moment."""
    return str(ULID.from_datetime(at))


def window(start: datetime, lasts: timedelta = _TWO_YEARS) -> dict[str, str]:
    return {"not_before": instant.write(start), "not_after": instant.write(start + lasts)}


@cache
def every_area() -> tuple[str, ...]:
    """Of the first level: each has those below it."""
    terms = json.loads(shipped.texts("schemas", SUFFIX)[f"terms{SUFFIX}"])
    return tuple(code for code in terms["$defs"]["crime_area"]["enum"] if "." not in code)


def granted(entity: str, now: datetime, **members: Any) -> dict[str, Any]:
    """What a bureau grants its entity: every type and operation, for a year; further members take their place."""
    plain = {
        "participant": entity,
        "clearance": "OUO",
        "purposes": ["P3"],
        "crime_areas": ["DRG"],
        "scopes": ["*/submit", "*/read", "*/forward"],
        "until": instant.write(now + _A_YEAR),
        "review_by": instant.write(now + _A_YEAR),
    }
    return plain | members


def agreed(agency: str, now: datetime, **members: Any) -> dict[str, Any]:
    """An agreement on every type and area, for a year; further members take their place."""
    plain = {
        "participant": agency,
        "reference": "Agreement of 2026 (exercise)",
        "types": [type for type in envelope.TYPES if type not in envelope.RULINGS],
        "crime_areas": list(every_area()),
        "from": instant.write(now - _TEN_MINUTES),
        "until": instant.write(now + _A_YEAR),
    }
    return plain | members


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A participant whose keys we hold."""

    id: ParticipantId
    tier: Tier
    country: str
    officer: SigningKey
    access: SigningKey
    message: SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change in force, and where and when it came to be."""

    position: int
    at: datetime
    signed: SignedChange


@dataclass(slots=True, kw_only=True)
class World:
    """An exchange as its directory knows it. `now` moves only when a test moves it.

    genesis and history are all that a gateway or a client needs to come to the same directory.
    """

    now: datetime
    officers: tuple[SigningKey, ...]
    access: SigningKey  # the operator's
    trail_key: TrailKey
    genesis: Genesis
    directory: Directory
    history: list[Entry] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return self.directory.origin

    def __getitem__(self, id: str) -> Member:
        return self.members[id]

    def branch(self) -> "World":
        """A world that goes its own way from here on."""
        return replace(self, history=list(self.history), members=dict(self.members))

    def change(
        self,
        kind: ChangeKind,
        key: SigningKey,
        *,
        id: str | None = None,
        made_at: datetime | None = None,
        **content: Any,
    ) -> bytes:
        """A change signed by one officer, now."""
        at = made_at or self.now
        return write_change(kind, origin=self.origin, id=id or fresh_id(at), made_at=at, key=key, **content)

    def approval(self, change: bytes, officer: SigningKey, /, **instead: str) -> bytes:
        """An officer's consent to this very change. instead: origin, change or digest, where they shall be wrong."""
        stated = {"origin": self.origin, "change": _id_of(change), "digest": digest_of(change), **instead}
        return write_approval(**stated, made_at=self.now, key=officer)

    def signed(self, kind: ChangeKind, *keys: SigningKey, **content: Any) -> SignedChange:
        """A change signed by the first key and approved by the others."""
        change = self.change(kind, keys[0], **content)
        return SignedChange(change=change, approvals=tuple(self.approval(change, key) for key in keys[1:]))

    def judge(self, signed: SignedChange) -> Judged:
        """What the registry asks before a change is committed."""
        position = self.directory.version + 1
        return participant.judge(self.directory, signed, position=position, at=self.now, schemas=schemas())

    def fold(self, signed: SignedChange) -> Directory:
        """Take the change into the directory, as the trail's next entry."""
        entry = Entry(position=self.directory.version + 1, at=self.now, signed=signed)
        self.directory = participant.fold(
            self.directory, signed, position=entry.position, at=entry.at, schemas=schemas()
        )
        self.history.append(entry)
        return self.directory

    def admit(
        self,
        id: str,
        country: str,
        tier: Tier = Tier.T1,
        *,
        clearance: Classification = Classification.OUO,
        purposes: tuple[str, ...] = ("P3",),
        crime_areas: tuple[str, ...] = ("DRG",),
    ) -> Member:
        """A participant with one key of each use and these rights: an admission, its rights, its own two keys.

        A national entity is admitted by the first bureau of its country, which grants it every type and operation. An
        agency has an agreement on every type and area.
        """
        officer, access, message = (SigningKey.generate() for _ in range(3))
        member = Member(
            id=ParticipantId(id), tier=tier, country=country, officer=officer, access=access, message=message
        )
        valid = window(self.now - _TEN_MINUTES)
        entry = {"name": f"{id} (exercise)", "country": country, "exercise": self.directory.training}
        entry |= {"participant": id, "officers": [{"jwk": officer.public.jwk, **valid}]}
        rights = {"clearance": clearance.name, "purposes": list(purposes), "crime_areas": list(crime_areas)}
        if tier is Tier.T2:
            bureau = next(one for one in self.members.values() if (one.tier, one.country) == (Tier.T1, country))
            self.fold(self.signed(ChangeKind.ENTITY_ADMIT, bureau.officer, bureau=bureau.id, **entry))
            self.fold(self.signed(ChangeKind.ENTITY_GRANT, bureau.officer, **granted(id, self.now, **rights)))
        else:
            both = self.officers[:2]
            self.fold(self.signed(ChangeKind.ADMIT, *both, tier=tier.value, **entry))
            self.fold(self.signed(ChangeKind.RIGHTS, *both, participant=id, **rights))
        if tier is Tier.T3:
            self.fold(self.signed(ChangeKind.AGREEMENT, *self.officers[:2], **agreed(id, self.now)))
        for use, key in ((Use.ACCESS, access), (Use.MESSAGE, message)):
            own = {"use": use.value, "jwk": key.public.jwk, **valid}
            self.fold(self.signed(ChangeKind.KEY_ADD, officer, participant=id, **own))
        self.members[id] = member
        return member


def found(
    *, now: datetime = NOW, origin: str = ORIGIN, training: bool = True, policy: str = NO_POLICY, officers: int = 2
) -> World:
    """An exchange with nobody in it but its operator."""
    keys = tuple(SigningKey.generate() for _ in range(officers))
    access, trail_key = SigningKey.generate(), TrailKey.generate(origin)
    document = genesis_document(
        now=now, origin=origin, training=training, policy=policy, officers=keys, access=access, trail_key=trail_key
    )
    genesis = participant.parse_genesis(document, schemas=schemas())
    return World(
        now=now, officers=keys, access=access, trail_key=trail_key, genesis=genesis, directory=genesis.directory
    )


def genesis_document(
    *,
    now: datetime,
    origin: str,
    training: bool,
    policy: str,
    officers: tuple[SigningKey, ...],
    access: SigningKey,
    trail_key: TrailKey,
) -> bytes:
    valid = window(now - _TEN_MINUTES)
    operator: dict[str, Any] = {
        "id": OPERATOR,
        "name": "The operator",
        "country": "UTO",
        "officers": [{"jwk": key.public.jwk, **valid} for key in officers],
        "access": [{"jwk": access.public.jwk, **valid}],
    }
    return strictjson.write(
        {
            "v": 1,
            "origin": origin,
            "created": instant.write(now),
            "training": training,
            "operator": operator,
            "policy": policy,
            "trail_key": trail_key.vkey(),
        }
    )


def network(*, now: datetime = NOW, policy: str = NO_POLICY) -> World:
    """Those who take part in the examples of schemas/: four bureaus, two agencies and an auditor."""
    world = found(now=now, policy=policy)
    world.admit("ncb-fra", "FRA", clearance=Classification.RES)
    world.admit("ncb-ita", "ITA", clearance=Classification.RES)
    world.admit("ncb-deu", "DEU", clearance=Classification.RES)
    world.admit("ncb-bra", "BRA")
    world.admit("agy-wildlife", "CHE", Tier.T3, crime_areas=("ENV.WLD",))
    world.admit("agy-drugs", "AUT", Tier.T3, clearance=Classification.RES)
    world.admit("aud-exchange", "UTO", Tier.T6, clearance=Classification.PUB)
    return world


def sample(name: str = "drug-seizure", *, at: datetime = NOW, **members: Any) -> dict[str, Any]:
    """An example of schemas/examples/good as if it were made at this moment; further members take the place of its own.

    A sender given here is the label's originator too.
    """
    document = _example(name)
    shift = at - instant.parse(document["sent_at"])
    document |= {"id": fresh_id(at), "sent_at": instant.write(at)}
    for holder, member in _MOMENTS:
        if member in document[holder]:
            document[holder][member] = instant.write(instant.parse(document[holder][member]) + shift)
    if "sender" in members:
        document["label"]["originator"] = members["sender"]
    return document | members


def label(**members: Any) -> dict[str, Any]:
    """A plain label; further members take the place of its own."""
    plain = {
        "policy": "urn:exchange:policy:core:1",
        "classification": "OUO",
        "originator": "ncb-fra",
        "created": instant.write(NOW),
        "handling": ["EXERCISE"],
        "releasable_to": {"mode": "ALL"},
    }
    return plain | members


def one_byte_changed(raw: bytes) -> Iterator[bytes]:
    """Every text of the same length that differs in one byte, by one bit of it: the lowest, so that ASCII stays so."""
    return (raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :] for n in range(len(raw)))


def cranked(world: World) -> Callable[[], datetime]:
    """The world's clock, to be handed in where a clock is asked for."""
    return lambda: world.now


def _example(name: str) -> dict[str, Any]:
    file = shipped.folder("schemas") / "examples" / "good" / f"{name}.json"
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return document


def _id_of(change: bytes) -> str:
    stated: str = json.loads(jose.decode(change.split(b".")[1]))["id"]
    return stated
