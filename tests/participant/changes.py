"""Changes to try: what stands in each, for the network of the examples."""

from typing import Any

from exchange.jose import SigningKey
from exchange.participant import ChangeKind, Status, Use
from tests import world
from tests.world import window

NETWORK = world.network()
POLICY = {"schema": "entity A;", "policies": {"a.cedar": "permit(principal, action, resource);"}, "cases": {}}


def rights(clearance: str = "RES", purposes: tuple[str, ...] = ("P3",), areas: tuple[str, ...] = ("DRG",)) -> Any:
    return {
        "participant": "ncb-fra",
        "clearance": clearance,
        "purposes": list(purposes),
        "crime_areas": list(areas),
    }


def key_add(use: Use, key: SigningKey | None = None, participant: str = "ncb-fra", **valid: str) -> Any:
    jwk = (key or SigningKey.generate()).public.jwk
    return {"participant": participant, "use": use.value, "jwk": jwk, **(valid or window(world.NOW))}


def key_revoke(key: SigningKey, participant: str = "ncb-fra") -> Any:
    return {"participant": participant, "kid": key.public.kid, "reason": "superseded"}


def status(status: Status, participant: str = "ncb-fra") -> Any:
    return {"participant": participant, "status": status.value, "reason": "as agreed"}


def admit(**members: Any) -> Any:
    plain = {
        "participant": "ncb-bel",
        "name": "NCB Brussels (exercise)",
        "tier": "T1",
        "country": "BEL",
        "exercise": True,
        "officers": [{"jwk": SigningKey.generate().public.jwk, **window(world.NOW)}],
    }
    return plain | members


FRA = NETWORK["ncb-fra"]
CHANGES: dict[str, tuple[str, ChangeKind, Any]] = {
    "admission": ("widens", ChangeKind.ADMIT, admit()),
    "clearance up": ("widens", ChangeKind.RIGHTS, rights(clearance="CON")),
    "a purpose more": ("widens", ChangeKind.RIGHTS, rights(purposes=("P3", "P4"))),
    "an area more": ("widens", ChangeKind.RIGHTS, rights(areas=("DRG", "VEH"))),
    "another purpose": ("widens", ChangeKind.RIGHTS, rights(clearance="PUB", purposes=("P4",))),
    "activation": ("widens", ChangeKind.STATUS, status(Status.ACTIVE)),
    "an officer's key": ("widens", ChangeKind.KEY_ADD, key_add(Use.OFFICER)),
    "a policy set": ("widens", ChangeKind.POLICY, {"policy": POLICY}),
    "clearance down": ("narrows", ChangeKind.RIGHTS, rights(clearance="OUO")),
    "a purpose less": ("narrows", ChangeKind.RIGHTS, rights(purposes=())),
    "rights as they are": ("narrows", ChangeKind.RIGHTS, rights()),
    "suspension": ("narrows", ChangeKind.STATUS, status(Status.SUSPENDED)),
    "an officer's revocation": ("narrows", ChangeKind.KEY_REVOKE, key_revoke(FRA.officer)),
    "a message key": ("own", ChangeKind.KEY_ADD, key_add(Use.MESSAGE)),
    "an access key": ("own", ChangeKind.KEY_ADD, key_add(Use.ACCESS)),
    "a message key's revocation": ("own or narrows", ChangeKind.KEY_REVOKE, key_revoke(FRA.message)),
    "an access key's revocation": ("own or narrows", ChangeKind.KEY_REVOKE, key_revoke(FRA.access)),
}
