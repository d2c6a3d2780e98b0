"""The founding of an exchange: its folder, its secrets, its operator with two officers, and the leaf at position 0."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exchange import committer, instant, leaf, migrations, policy, shipped, strictjson
from exchange.client.profile import Pin, Profile, write_private
from exchange.jose import SigningKey
from exchange.note import TrailKey
from exchange.participant import Use, policy_digest
from exchange.policy import PolicySet
from exchange.schema import Schemas
from exchange.settings import FILE, Misconfigured
from exchange.store import KeyWrap, Store

OPERATOR = "opr-exchange"
OFFICERS = ("one", "two")

_KEYS_LAST = timedelta(days=2 * 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charter:
    """What a new exchange is to be.

    origin: its name for ever. policies: the texts of its first policy set, {schema, policies, cases}. skip_cases: take
    them as they are, for training only.
    """

    origin: str
    public_url: str
    database: str
    training: bool
    operator: str
    country: str
    policies: Mapping[str, Any]
    skip_cases: bool = False


def found(folder: Path, charter: Charter, *, now: datetime) -> Pin:
    """Make an exchange in `folder`, and the profiles of its two officers in `folder/officers`.

    Raises Misconfigured, Refusal(POLICY_WRONG | POLICY_CASES_FAILED), StoreFault.
    """
    if (folder / FILE).exists():
        raise Misconfigured(f"there is an exchange in {folder} already: choose another folder")
    policy_set = _first_policy(charter)
    keys = {name: (SigningKey.generate(), SigningKey.generate()) for name in OFFICERS}
    trail_key = TrailKey.generate(charter.origin)
    document = _document(charter, keys, trail_key, policy_set, now)

    secret = _make_secrets(folder, trail_key)
    migrations.upgrade(charter.database)
    wrapping = KeyWrap(secret["wrapping.key"], entropy=secrets.token_bytes)
    store = Store.open(charter.database, wrapping=wrapping, head_key=secret["head.key"])
    try:
        first = committer.found(
            store,
            document=document,
            policy=strictjson.write(dict(charter.policies)),
            schemas=Schemas.compile(shipped.texts("schemas", ".schema.json")),
            now=now,
            entropy=secrets.token_bytes,
        )
    finally:
        store.close()

    pin = Pin(url=charter.public_url, origin=charter.origin, trail_key=trail_key.vkey(), genesis=leaf.digest(first))
    _write_settings(folder, charter, pin)
    for name, (officer, access) in keys.items():
        profile = folder / "officers" / name
        Profile.create(profile, participant=OPERATOR, pin=pin, keys={Use.OFFICER: officer, Use.ACCESS: access})
    return pin


def read_policies(folder: Path) -> dict[str, Any]:
    """The texts of a policy set in a folder: *.cedarschema, *.cedar, cases/*. Raises Misconfigured."""
    schemas = sorted(folder.glob("*.cedarschema"))
    if len(schemas) != 1:
        raise Misconfigured(f"{folder} is no policy set: it needs exactly one .cedarschema file")
    cases = folder / "cases"
    return {
        "schema": schemas[0].read_text("utf-8"),
        "policies": {p.name: p.read_text("utf-8") for p in sorted(folder.glob("*.cedar"))},
        "cases": {p.name: p.read_text("utf-8") for p in sorted(cases.glob("*")) if p.is_file()},
    }


def _first_policy(charter: Charter) -> PolicySet:
    policy_set = PolicySet.load(policy.parse_texts(charter.policies))
    if charter.skip_cases:
        if not charter.training:
            raise Misconfigured("only a training exchange may take its first policy set without running its cases")
    else:
        policy.check_cases(policy_set)
    return policy_set


def _document(
    charter: Charter,
    keys: Mapping[str, tuple[SigningKey, SigningKey]],
    trail_key: TrailKey,
    policy_set: PolicySet,
    now: datetime,
) -> bytes:
    window = {"not_before": instant.write(now), "not_after": instant.write(now + _KEYS_LAST)}
    assert policy_set.digest == policy_digest(charter.policies)
    return strictjson.write(
        {
            "v": 1,
            "origin": charter.origin,
            "created": instant.write(now),
            "training": charter.training,
            "operator": {
                "id": OPERATOR,
                "name": charter.operator,
                "country": charter.country,
                "officers": [{"jwk": officer.public.jwk, **window} for officer, _ in keys.values()],
                "access": [{"jwk": access.public.jwk, **window} for _, access in keys.values()],
            },
            "policy": policy_set.digest,
            "trail_key": trail_key.vkey(),
        }
    )


def _make_secrets(folder: Path, trail_key: TrailKey) -> dict[str, bytes]:
    inner = folder / "secrets"
    inner.mkdir(parents=True, exist_ok=True, mode=0o700)
    inner.chmod(0o700)
    write_private(inner / "trail.pem", trail_key.to_pem())
    write_private(inner / "token.pem", SigningKey.generate().to_pem())
    drawn = {name: secrets.token_bytes(32) for name in ("head.key", "wrapping.key", "cursor.key")}
    for name, key in drawn.items():
        write_private(inner / name, key.hex().encode() + b"\n")
    return drawn


def _write_settings(folder: Path, charter: Charter, pin: Pin) -> None:
    lines: dict[str, str | bool] = {
        "origin": charter.origin,
        "genesis": pin.genesis,
        "public_url": charter.public_url,
        "database": charter.database,
        "training": charter.training,
    }
    # JSON's strings and booleans are TOML's too.
    text = "".join(f"{name} = {strictjson.write(value).decode()}\n" for name, value in lines.items())
    (folder / FILE).write_text(text, "utf-8")
    pinned = {"url": pin.url, "origin": pin.origin, "trail_key": pin.trail_key, "genesis": pin.genesis}
    (folder / "pin.json").write_bytes(strictjson.write(pinned) + b"\n")
