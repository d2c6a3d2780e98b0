"""What of the directory is whose to see.

Everybody is shown who takes part and with which keys. Rights, grants, agreements, status and their reasons are shown
to those whom they concern (an entity's to its bureau, too), to the operator, and to oversight as long as the policy
lets it inspect (R46). Who is suspended is shown its own, and of the others what is public.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from exchange import instant, jose, leaf, strictjson
from exchange.label import Tier
from exchange.leaf import Field
from exchange.participant import CHANGE_LIMIT, Agreement, ChangeKind, Grant, Group, Key, Participant
from exchange.policy import Standing, may_inspect
from exchange.store import Movement, StoredChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who looks, under what is in force. entities: those that it admitted itself. oversees: shown what is
    reserved for control; each look is recorded. runs: the operator.
    """

    who: Participant
    entities: frozenset[str]
    oversees: bool
    runs: bool

    @classmethod
    def under(cls, standing: Standing, who: Participant) -> Self:
        """who: as it stands in this very directory."""
        return cls(
            who=who,
            entities=frozenset(one.id for one in standing.directory.entities_of(who.id)) if who.active else frozenset(),
            oversees=may_inspect(standing.policy, who),
            runs=who.active and who.id == standing.directory.operator,
        )

    def sees(self, change: StoredChange) -> bool:
        return change.kind.public or self.concerned(change) or self.oversees or self.runs

    def concerned(self, change: StoredChange) -> bool:
        if change.kind is ChangeKind.GROUP:
            return self.who.id in _members_of(change)
        return change.participant == self.who.id or change.participant in self.entities

    def oversees_any(self, changes: list[StoredChange]) -> bool:
        """Whether control alone lets it see one of these."""
        return self.oversees and any(not change.kind.public and not self.concerned(change) for change in changes)

    def groups(self, groups: Iterable[Group]) -> list[dict[str, Any]]:
        """Those that it is in, was in or will be in; all, for the operator and oversight."""
        mine = (
            group
            for group in groups
            if self.oversees or self.runs or any(one.participant == self.who.id for one in group.members)
        )
        return [_shown_group(group) for group in sorted(mine, key=lambda group: group.code)]

    def shown(self, subject: Participant) -> dict[str, Any]:
        """A participant as it is listed to this viewer."""
        shown: dict[str, Any] = {
            "id": subject.id,
            "name": subject.name,
            "tier": subject.tier.value,
            "country": subject.country,
            "exercise": subject.exercise,
            "keys": [_shown_key(key) for key in subject.keys.values()],
        }
        if subject.bureau is not None:
            shown["bureau"] = subject.bureau
        whole = self.oversees or self.runs or subject.id == self.who.id or subject.id in self.entities
        if whole or (self.who.tier is Tier.T1 and self.who.active):
            shown["clearance"] = subject.clearance.name
        if whole:
            shown["status"] = subject.status.value
            shown["purposes"] = sorted(subject.purposes)
            shown["crime_areas"] = sorted(subject.crime_areas)
            if subject.grant is not None:
                shown["grant"] = _shown_grant(subject.grant)
            if subject.agreement is not None:
                shown["agreement"] = _shown_agreement(subject.agreement)
        return shown


def history_entry(change: StoredChange) -> dict[str, Any]:
    """A change with all that verifies it: its leaf, its bytes, and what opens the leaf's commitment to them."""
    return {
        "position": change.position,
        "leaf": change.leaf.decode(),
        "change": change.signed.change.decode(),
        "approvals": [a.decode() for a in change.signed.approvals],
        "opening": jose.encode(change.key.salt(Field.CHANGE)),
    }


def movement(moved: Movement) -> dict[str, Any]:
    """What passed, as the bureau of an entity is shown it."""
    label = leaf.read(moved.leaf).label or {}
    return {
        "item": moved.item,
        "position": moved.position,
        "at": instant.write(moved.at),
        "direction": "sent" if moved.sent else "received",
        "type": moved.type,
        "classification": label.get("classification"),
        "peers": list(moved.peers),
    }


def _shown_grant(grant: Grant) -> dict[str, Any]:
    return {
        "scopes": sorted(grant.scopes),
        "until": instant.write(grant.until),
        "review_by": instant.write(grant.review_by),
    }


def _shown_group(group: Group) -> dict[str, Any]:
    members = [
        {"participant": one.participant, "from": instant.write(one.since)}
        | ({} if one.until is None else {"until": instant.write(one.until)})
        for one in group.members
    ]
    return {"group": group.code, "name": group.name, "members": members}


def _members_of(change: StoredChange) -> set[str]:
    """Whom a change of a group names. Its bytes were verified when it was folded."""
    payload = jose.decode(change.signed.change.split(b".")[1])
    stated = strictjson.parse_object(payload, limit=CHANGE_LIMIT)
    return {one["participant"] for one in stated["members"]}


def _shown_agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "reference": agreement.reference,
        "types": sorted(agreement.types),
        "crime_areas": sorted(agreement.crime_areas),
        "from": instant.write(agreement.since),
        "until": instant.write(agreement.until),
    }


def _shown_key(key: Key) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "use": key.use.value,
        "jwk": key.verifying.jwk,
        "not_before": instant.write(key.not_before),
        "not_after": instant.write(key.not_after),
        "revoked_at": None if key.revoked_at is None else instant.write(key.revoked_at),
    }
