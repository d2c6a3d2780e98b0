"""A network to measure on: 500 participants in 40 countries, admitted by real officers, with keys that we hold."""

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ulid import ULID

from exchange import founding, instant, jose, main, shipped, strictjson
from exchange.client.profile import Pin, Profile
from exchange.founding import Charter
from exchange.jose import SigningKey
from exchange.participant import Caller, ChangeKind, Use, digest_of, write_approval, write_change
from exchange.settings import Settings

ORIGIN = "exchange.example/bench"
AREAS = ["DRG", "DRG.SYN", "ENV.WLD", "FIN.FRD", "VEH", "CYB", "DOC"]
COUNTRIES = [f"X{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(40)]


@dataclass(slots=True, kw_only=True)
class Member:
    """A participant whose keys we hold. token: the one in use."""

    id: str
    country: str
    tier: str
    message: SigningKey
    access: SigningKey
    token: bytes = b""
    token_ends: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """An exchange in a folder, and everybody's keys."""

    folder: Path
    pin: Pin
    members: tuple[Member, ...]
    url: str


def found(folder: Path, *, database: str, port: int, participants: int = 500) -> Network:
    """A new training exchange with so many participants: four fifths NCBs and entities, one fifth agencies."""
    url = f"http://127.0.0.1:{port}"
    charter = Charter(
        origin=ORIGIN,
        public_url=url,
        database=database,
        training=True,
        operator="Bench operator",
        country="UTO",
        policies=founding.read_policies(Path(str(shipped.folder("policies")))),
        skip_cases=True,
    )
    pin = founding.found(folder, charter, now=datetime.now(UTC))
    members = tuple(_member(n) for n in range(participants))
    asyncio.run(_admit(folder, members))
    return Network(folder=folder, pin=pin, members=members, url=url)


def _member(n: int) -> Member:
    agency = n % 5 == 4
    return Member(
        id=f"agy-m{n:04d}" if agency else f"ncb-m{n:04d}",
        country=COUNTRIES[n % len(COUNTRIES)],
        tier="T3" if agency else "T1",
        message=SigningKey.generate(),
        access=SigningKey.generate(),
    )


async def _admit(folder: Path, members: tuple[Member, ...]) -> None:
    """Through the registry's own door, in process: the same signatures, checks and leaves as over HTTP."""
    gateway = main.build(Settings.load(folder))
    officers = [Profile.load(folder / "officers" / name).key(Use.OFFICER) for name in founding.OFFICERS]
    gateway.committer.start()
    try:
        directory = gateway.committer.standing().directory
        operator = directory.participants[directory.operator]
        caller = Caller(participant=operator, kid=officers[0].public.kid)
        registry = gateway.doors.registry
        for member in members:
            for change, approvals in _changes_of(member, officers):
                recorded = await registry.propose(change, caller)
                if recorded.missing:
                    await registry.approve(recorded.change, approvals(change), caller)
    finally:
        await gateway.committer.stop()
        gateway.store.close()


def _changes_of(member: Member, officers: list[SigningKey]) -> Iterator[tuple[bytes, Any]]:
    now = datetime.now(UTC)
    own = SigningKey.generate()
    window = {"not_before": instant.write(now), "not_after": instant.write(now + timedelta(days=30))}

    def approvals(change: bytes) -> bytes:
        stated = strictjson.parse(jose.decode(change.split(b".")[1]), limit=1 << 20)["id"]
        return write_approval(
            origin=ORIGIN, change=stated, digest=digest_of(change), made_at=datetime.now(UTC), key=officers[1]
        )

    def change(kind: ChangeKind, key: SigningKey, **content: Any) -> bytes:
        return write_change(
            kind, origin=ORIGIN, id=str(ULID()), made_at=datetime.now(UTC), key=key, participant=member.id, **content
        )

    yield (
        change(
            ChangeKind.ADMIT,
            officers[0],
            name=member.id,
            tier=member.tier,
            country=member.country,
            exercise=True,
            officers=[{"jwk": own.public.jwk, **window}],
        ),
        approvals,
    )
    yield (
        change(ChangeKind.RIGHTS, officers[0], clearance="RES", purposes=["P3"], crime_areas=["DRG"]),
        approvals,
    )
    if member.tier == "T3":
        terms = {"reference": "bench", "types": ["message"], "crime_areas": sorted(AREAS)}
        yield (
            change(
                ChangeKind.AGREEMENT,
                officers[0],
                **terms,
                **{"from": window["not_before"], "until": window["not_after"]},
            ),
            approvals,
        )
    for use, key in ((Use.MESSAGE, member.message), (Use.ACCESS, member.access)):
        yield change(ChangeKind.KEY_ADD, own, use=use.value, jwk=key.public.jwk, **window), approvals


@dataclass(frozen=True, slots=True)
class Combination:
    """A label and recipients: what a decision depends on."""

    label: dict[str, Any]
    recipients: list[dict[str, Any]]


class Combinations:
    """10,000 combinations of label and five recipients, drawn by Zipf (s = 1); every tenth draw one never seen."""

    def __init__(self, network: Network, *, seed: int, known: int = 10_000) -> None:
        self._random = random.Random(seed)
        self._members = network.members
        self._known = [self._fresh() for _ in range(known)]
        self._weights = [1 / (rank + 1) for rank in range(known)]

    def draw(self, count: int) -> list[Combination]:
        drawn = self._random.choices(self._known, self._weights, k=count)
        return [self._fresh() if self._random.random() < 0.1 else combination for combination in drawn]

    def _fresh(self) -> Combination:
        pick = self._random
        excluded = pick.sample(COUNTRIES, pick.randint(0, 5))
        handling = [
            "EXERCISE",
            *pick.sample(["H1", "H2", "NOCOPY", "NOAUTO", "PROTSRC", "NOANALYSIS"], pick.randint(0, 3)),
        ]
        restricted = pick.random() < 0.2
        label: dict[str, Any] = {
            "policy": "urn:exchange:policy:core:1",
            "classification": "RES" if restricted else "OUO",
            "handling": handling,
            "purpose": ["P3"],
            "crime_area": pick.sample(AREAS, pick.randint(1, 2)),
            "urgency": pick.choice(["U2", "U3", "U4"]),
            "releasable_to": {"mode": "ALL_MINUS", "exclude": excluded} if excluded else {"mode": "ALL"},
        }
        return Combination(label, [{"participant": m.id} for m in pick.sample(self._members, 5)])


def message(sender: Member, combination: Combination, made: float) -> bytes:
    """A signed message of about 2 KB. made: seconds since 1970."""
    at = datetime.fromtimestamp(made, UTC)
    written = instant.write(at)
    document = {
        "id": str(ULID.from_datetime(at)),
        "type": "message",
        "schema_version": 1,
        "aud": ORIGIN,
        "sender": sender.id,
        "user": "bench",
        "recipients": combination.recipients,
        "case_ref": "UTO-2026-0001",
        "subject": "Shipment observed",
        "label": {**combination.label, "originator": sender.id, "created": written},
        "sent_at": written,
        "body": {"text": "A synthetic observation, long enough to weigh what reports weigh. " * 9},
    }
    return jose.sign(strictjson.write(document), jose.Kind.MESSAGE, sender.message)  # type: ignore[arg-type]


def proof(member: Member, method: str, url: str) -> str:
    return jose.write_proof(
        member.access,
        method=method,
        url=url,
        jti=secrets.token_urlsafe(16),
        now=int(time.time()),
        access_token=member.token or None,
    ).decode()
