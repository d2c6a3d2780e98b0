"""Joining an exchange: a newcomer makes its keys and an enrolment; two officers of the operator take it in, or, where
it is a national entity, one officer of its bureau.

The enrolment is public. It holds the officer key to be admitted and, signed by that key, the changes that add the
newcomer's other keys; nobody can put another key in their place, and any caller may carry them once it is admitted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from ulid import ULID

from exchange import instant, jose, participant, shipped
from exchange.client.client import Client
from exchange.client.errors import ProfileWrong, Refused, Unproven
from exchange.client.officer import EntityGrant, Identity, Proposed, Rights, Terms
from exchange.client.profile import Pin, Profile
from exchange.jose import SigningKey
from exchange.participant import ChangeKind, Directory, Use
from exchange.refusal import Refusal
from exchange.schema import Schemas

FILE = "enrolment.json"
KEYS_LAST = timedelta(days=2 * 365)

# The exchange's clock may be a little behind the one that says "now" here.
_EARLIER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """officers: the keys to be admitted. changes: JWS that add the others."""

    identity: Identity
    officers: tuple[Mapping[str, Any], ...]
    changes: tuple[bytes, ...]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ProfileWrong."""
        try:
            members = json.loads(path.read_text("utf-8"))
            return cls(
                identity=Identity(**{n: str(members[n]) for n in ("participant", "name", "tier", "country")}),
                officers=tuple(dict(key) for key in members["officers"]),
                changes=tuple(change.encode() for change in members["changes"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ProfileWrong(f"{path} is no enrolment: `exchange keygen` makes one") from None

    def save(self, path: Path) -> None:
        members = {
            "participant": self.identity.participant,
            "name": self.identity.name,
            "tier": self.identity.tier,
            "country": self.identity.country,
            "officers": list(self.officers),
            "changes": [change.decode() for change in self.changes],
        }
        path.write_text(json.dumps(members, indent=2) + "\n", "utf-8")


def enrol(folder: Path, pin: Pin, identity: Identity, *, now: datetime) -> Enrolment:
    """Make a profile with three new keys in `folder`, and the enrolment to hand to the operator, saved beside it.

    Raises Refused for an identity of no known form, ProfileWrong if there is a profile already.
    """
    keys = {use: SigningKey.generate() for use in Use}
    window = window_from(now)
    _check(identity, pin.origin, {"jwk": keys[Use.OFFICER].public.jwk, **window})
    Profile.create(folder, participant=identity.participant, pin=pin, keys=keys)
    enrolment = Enrolment(
        identity=identity,
        officers=({"jwk": keys[Use.OFFICER].public.jwk, **window},),
        changes=tuple(
            participant.write_change(
                ChangeKind.KEY_ADD,
                origin=pin.origin,
                id=str(ULID.from_datetime(now)),
                made_at=now,
                key=keys[Use.OFFICER],
                participant=identity.participant,
                use=use.value,
                jwk=keys[use].public.jwk,
                **window,
            )
            for use in (Use.ACCESS, Use.MESSAGE)
        ),
    )
    enrolment.save(folder / FILE)
    return enrolment


def _check(identity: Identity, origin: str, officer: Mapping[str, Any]) -> None:
    """What would be refused by the exchange is refused before anything is written."""
    admission = {
        "v": 1,
        "aud": origin,
        "id": "0" * 26,
        "made_at": officer["not_before"],
        "kind": ChangeKind.ADMIT.value,
        "participant": identity.participant,
        "name": identity.name,
        "tier": identity.tier,
        "country": identity.country,
        "exercise": True,
        "officers": [officer],
    }
    try:
        Schemas.compile(shipped.texts("schemas", ".schema.json")).check("change", admission)
    except Refusal as refusal:
        raise Refused.here(refusal) from None


def window_from(now: datetime) -> dict[str, str]:
    """not_before and not_after of a key that begins now."""
    return {"not_before": instant.write(now - _EARLIER), "not_after": instant.write(now + KEYS_LAST)}


async def introduce(
    first: Client, second: Client, enrolment: Enrolment, rights: Rights, terms: Terms | None = None
) -> None:
    """All that two officers do to take a newcomer in, where both are at hand: admitted, given its keys and its rights.

    first, second: of the operator, with one officer key each. terms: of its agreement, for an agency or a partner.
    """
    admitted = await first.officer.admit(enrolment.identity, enrolment.officers)
    if not admitted.applied:
        admitted = await second.officer.approve(admitted.change)
    for change in enrolment.changes:
        await second.officer.carry(change)

    await _by_both(second, await first.officer.grant(enrolment.identity.participant, rights))
    if terms is not None:
        await _by_both(second, await first.officer.agree(enrolment.identity.participant, terms))


async def _by_both(second: Client, proposed: Proposed) -> None:
    """Approve what the first officer proposed, unless one was enough."""
    if not proposed.applied:
        proposed = await second.officer.approve(proposed.change)
    if not proposed.applied:
        raise Unproven(f"two officers have signed, and {proposed.missing} more are said to be missing")


async def introduce_entity(officer: Client, enrolment: Enrolment, grant: EntityGrant) -> None:
    """All that an officer of a bureau does to take an entity in: admitted, given its keys and what it may.

    Where it broke off, as at a grant beyond what the bureau holds, it goes on when it is called again.
    """
    if not _stands(await officer.history.directory(fresh=True), enrolment):
        await officer.officer.admit_entity(enrolment.identity, enrolment.officers)
    for change in enrolment.changes:
        await officer.officer.carry(change)
    await officer.officer.grant_entity(enrolment.identity.participant, grant)


def _stands(directory: Directory, enrolment: Enrolment) -> bool:
    """Whether somebody of this name was admitted with these very officers' keys."""
    owners = {directory.owners.get(jose.public_key(key["jwk"]).kid) for key in enrolment.officers}
    return owners == {enrolment.identity.participant}
