"""Rotation: a new key is made beside the old one, registered, and only then put in its place.

keys/officer.pem            what this profile signs with
keys/officer.next.pem       made, and not known to be registered yet
keys/officer.<kid>.pem      what it signed with before

A key is on disk before the exchange hears of it: where an answer is lost, the next try goes on with the same key. A
participant registers its access and message keys itself. An officer key takes two of the operator's officers, who are
handed a request: it is public, and its thumbprint is compared by another way, as at an enrolment.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from exchange import jose
from exchange.client.client import Client
from exchange.client.enrolment import window_from
from exchange.client.errors import ProfileWrong, Refused
from exchange.client.officer import Proposed
from exchange.client.profile import Profile, write_private
from exchange.jose import SigningKey
from exchange.participant import ChangeKind, Key, Use
from exchange.refusal import Reason, Refusal

FILE = "officer-key.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """The officer key that a participant asks to have registered. not_before, not_after: instants."""

    participant: str
    jwk: Mapping[str, Any]
    not_before: str
    not_after: str

    @classmethod
    def load(cls, path: Path) -> Self:
        """Of an enrolment too: whoever lost everything makes a new profile under the old name. Raises ProfileWrong."""
        try:
            members = json.loads(path.read_text("utf-8"))
            if "officers" in members:
                members |= members["officers"][0]
            made = cls(
                participant=str(members["participant"]),
                jwk=dict(members["jwk"]),
                not_before=str(members["not_before"]),
                not_after=str(members["not_after"]),
            )
            jose.public_key(made.jwk)
        except (OSError, ValueError, LookupError, TypeError, Refusal):
            raise ProfileWrong(f"{path} is no request for an officer key: `exchange key request` makes one") from None
        return made

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @property
    def kid(self) -> str:
        return jose.public_key(self.jwk).kid


def request_officer_key(profile: Profile, *, now: datetime) -> KeyRequest:
    """Make a new officer key, unless one waits already, and the request to hand to the operator, saved in the profile's
    folder. Needs neither the old key nor the exchange: whoever lost the one can ask for another.
    """
    key = _next_key(profile, Use.OFFICER)
    request = KeyRequest(participant=profile.participant, jwk=key.public.jwk, **window_from(now))
    request.save(profile.folder / FILE)
    return request


async def admit_officer_key(client: Client, request: KeyRequest) -> Proposed:
    """Propose, as one of the operator's officers, what was requested; another approves it."""
    return await client.officer.propose(ChangeKind.KEY_ADD, use=Use.OFFICER.value, **asdict(request))


async def rotate(client: Client, use: Use) -> str:
    """Register a new access or message key, and sign with it from now on -> its kid. The old one stays valid until it
    is revoked. Raises Refused(NOT_AN_OFFICER) for an officer key, which cannot register itself.
    """
    if use is Use.OFFICER:
        raise Refused.here(Refusal(Reason.NOT_AN_OFFICER))
    key = _next_key(client.profile, use)
    if await _registered(client, key) is None:
        await client.officer.propose(
            ChangeKind.KEY_ADD,
            participant=client.profile.participant,
            use=use.value,
            jwk=key.public.jwk,
            **window_from(client.clock.now()),
        )
    _put_in_place(client.profile, use, key)
    return key.public.kid


async def take_into_use(client: Client, use: Use = Use.OFFICER) -> str | None:
    """Sign from now on with the key that waits -> its kid, or None where it is not registered yet.

    Raises ProfileWrong where none waits, or the one that does was revoked or has expired.
    """
    path = next_path(client.profile, use)
    if not path.is_file():
        raise ProfileWrong(f"no new {use.value} key waits ({path}): `exchange key request` makes one")
    key = client.profile.key_at(path)
    registered = await _registered(client, key)
    if registered is None:
        return None
    if not registered.valid_at(client.clock.now()):
        raise ProfileWrong(f"{path} was revoked or has expired: remove it, and ask for another")
    _put_in_place(client.profile, use, key)
    return key.public.kid


def next_path(profile: Profile, use: Use) -> Path:
    return profile.key_path(use).with_suffix(".next.pem")


def _next_key(profile: Profile, use: Use) -> SigningKey:
    path = next_path(profile, use)
    if not path.exists():
        write_private(path, SigningKey.generate().to_pem())
    return profile.key_at(path)


async def _registered(client: Client, key: SigningKey) -> Key | None:
    owner = (await client.history.directory(fresh=True)).get(client.profile.participant)
    return None if owner is None else owner.keys.get(key.public.kid)


def _put_in_place(profile: Profile, use: Use, key: SigningKey) -> None:
    """In one step, so that there is a key to sign with at every moment; the old one is kept beside it."""
    path = profile.key_path(use)
    if path.exists():
        former = profile.key_at(path)
        kept = path.with_suffix(f".{former.public.kid}.pem")
        if not kept.exists():
            write_private(kept, former.to_pem())
    next_path(profile, use).replace(path)
