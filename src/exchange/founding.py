"""The founding of an exchange: its folder, its secrets, its operator with two officers, and the leaf at position 0."""

import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exchange import committer, instant, leaf, migrations, participant, policy, shipped, strictjson
from exchange.client.profile import Pin, Profile, write_private
from exchange.jose import SigningKey
from exchange.note import TrailKey
from exchange.participant import Use, policy_digest
from exchange.policy import PolicySet
from exchange.schema import Schemas
from exchange.settings import FILE, Misconfigured, Settings
from exchange.store import HeadForged, KeyWrap, Store, Unfit

OPERATOR = "opr-exchange"
OFFICERS = ("one", "two")
PIN = "pin.json"

_FOLDERS = ("secrets", "officers")
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

    Everything is judged before anything is written, and what fails after that is taken back: a second try finds what
    the first one found. Raises Misconfigured, NotMigrated, StoreFault, OSError, and Refusal where the policy set or
    the genesis document does not hold.
    """
    _refuse_remains(folder)
    Settings.foreseen(folder, **_settings(charter))
    policy_set = _first_policy(charter)
    keys = {name: (SigningKey.generate(), SigningKey.generate()) for name in OFFICERS}
    trail_key = TrailKey.generate(charter.origin)
    document = _document(charter, keys, trail_key, policy_set, now)
    schemas = Schemas.compile(shipped.texts("schemas", ".schema.json"))
    participant.parse_genesis(document, schemas=schemas)

    folder.mkdir(parents=True, exist_ok=True)
    with _all_or_nothing(folder, charter):
        secret = _make_secrets(folder, trail_key)
        first = _first_leaf(charter, secret, document, schemas, now)
        pin = Pin(url=charter.public_url, origin=charter.origin, trail_key=trail_key.vkey(), genesis=leaf.digest(first))
        for name, (officer, access) in keys.items():
            profile = folder / "officers" / name
            Profile.create(profile, participant=OPERATOR, pin=pin, keys={Use.OFFICER: officer, Use.ACCESS: access})
        _write_settings(folder, charter, pin)
    return pin


def read_policies(folder: Path) -> dict[str, Any]:
    """The texts of a policy set in a folder: *.cedarschema, *.cedar, cases/*. Raises Misconfigured."""
    schemas = sorted(folder.glob("*.cedarschema"))
    if len(schemas) != 1:
        raise Misconfigured(f"{folder} is no policy set: it needs exactly one .cedarschema file")
    cases = folder / "cases"
    return {
        "schema": _text(schemas[0]),
        "policies": {p.name: _text(p) for p in sorted(folder.glob("*.cedar"))},
        "cases": {p.name: _text(p) for p in sorted(cases.glob("*")) if p.is_file()},
    }


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not text in UTF-8") from None


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


def _refuse_remains(folder: Path) -> None:
    if (folder / FILE).exists():
        raise Misconfigured(f"there is an exchange in {folder} already: choose another folder")
    for name in _FOLDERS:
        if (folder / name).exists():
            # Never removed unseen: they may be the keys of an exchange whose settings were lost.
            raise Misconfigured(f"{folder / name} is there, without {FILE}: move it away, or choose another folder")


@contextmanager
def _all_or_nothing(folder: Path, charter: Charter) -> Iterator[None]:
    """Takes away again what was made where the founding fails. `secrets` is made first, and only by one of two who
    found an exchange in the same folder at the same time; so whatever is there after it is ours.
    """
    database = Path(charter.database.removeprefix("sqlite:///"))
    ours = [] if not charter.database.startswith("sqlite") or database.exists() else [database]
    (folder / _FOLDERS[0]).mkdir(mode=0o700)
    try:
        yield
    except BaseException:  # an interrupt too: half an exchange would stand in the way of the next try
        for name in _FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        beside = [Path(f"{file}{ending}") for file in ours for ending in ("", "-wal", "-shm")]
        for file in (folder / FILE, folder / PIN, *beside):
            file.unlink(missing_ok=True)
        raise


def _first_leaf(
    charter: Charter, secret: Mapping[str, bytes], document: bytes, schemas: Schemas, now: datetime
) -> bytes:
    migrations.upgrade(charter.database)
    wrapping = KeyWrap(secret["wrapping.key"], entropy=secrets.token_bytes)
    store = Store.open(charter.database, wrapping=wrapping, head_key=secret["head.key"])
    try:
        return committer.found(
            store,
            document=document,
            policy=strictjson.write(dict(charter.policies)),
            schemas=schemas,
            now=now,
            entropy=secrets.token_bytes,
        )
    except HeadForged:
        # Its head is under the key of another exchange, as it should be.
        raise Unfit("an exchange was founded in this database already: use another one") from None
    finally:
        store.close()


def _make_secrets(folder: Path, trail_key: TrailKey) -> dict[str, bytes]:
    inner = folder / "secrets"
    inner.chmod(0o700)
    write_private(inner / "trail.pem", trail_key.to_pem())
    write_private(inner / "token.pem", SigningKey.generate().to_pem())
    drawn = {name: secrets.token_bytes(32) for name in ("head.key", "wrapping.key", "cursor.key")}
    for name, key in drawn.items():
        write_private(inner / name, key.hex().encode() + b"\n")
    return drawn


def _settings(charter: Charter) -> dict[str, str | bool]:
    """What `exchange.toml` states, but for the genesis."""
    return {
        "origin": charter.origin,
        "public_url": charter.public_url,
        "database": charter.database,
        "training": charter.training,
    }


def _write_settings(folder: Path, charter: Charter, pin: Pin) -> None:
    """Last of all: where the settings are, there is an exchange."""
    pinned = {"url": pin.url, "origin": pin.origin, "trail_key": pin.trail_key, "genesis": pin.genesis}
    (folder / PIN).write_bytes(strictjson.write(pinned) + b"\n")
    # JSON's strings and booleans are TOML's too.
    lines = _settings(charter) | {"genesis": pin.genesis}
    text = "".join(f"{name} = {strictjson.write(value).decode()}\n" for name, value in lines.items())
    (folder / FILE).write_text(text, "utf-8")
