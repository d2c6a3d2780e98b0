"""What each kind of change makes of the directory, once its officers may make it.

A client folds what it is shown, and reserved changes of others are not. So nothing here that is public is refused for
a reserved fact (status, rights, grant), and `partly` says that a bureau's rights may be unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from exchange import instant
from exchange.label import Classification, Tier
from exchange.participant import entity
from exchange.participant.change import Change, ChangeKind, parse_agreement, parse_group, parse_key, policy_digest
from exchange.participant.directory import Directory, Grant, Participant, ParticipantId, Status, Use
from exchange.participant.weight import named, named_key
from exchange.refusal import Reason, Refusal

_REVIEWED_WITHIN = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Position and time of the leaf that records the change. partly: folded without the reserved changes of others."""

    position: int
    at: datetime
    partly: bool = False


def apply(directory: Directory, change: Change, moment: Moment) -> Directory:
    """Raises Refusal(CHANGE_WRONG | BEYOND_GRANT | KEY_MALFORMED)."""
    return _EFFECTS[change.kind](directory, change, moment)


def _admit(directory: Directory, change: Change, moment: Moment) -> Directory:
    """A national entity is not admitted here: that is its own bureau's to do (R05)."""
    tier = Tier(change.content["tier"])
    if tier in (Tier.T0, Tier.T2):
        raise Refusal(Reason.CHANGE_WRONG)
    return _admitted(directory, change, moment, tier=tier)


def _admit_entity(directory: Directory, change: Change, moment: Moment) -> Directory:
    """No rights at all, until it is granted some."""
    bureau = directory.participants[change.content["bureau"]]  # its officer has signed
    if change.content["country"] != bureau.country:
        raise Refusal(Reason.BEYOND_GRANT)
    return _admitted(directory, change, moment, tier=Tier.T2, clearance=Classification.PUB, bureau=bureau.id)


def _admitted(directory: Directory, change: Change, moment: Moment, **members: Any) -> Directory:
    content = change.content
    keys = [parse_key(key, Use.OFFICER) for key in content["officers"]]
    kids = {key.kid for key in keys}
    known = directory.get(change.participant) is not None or any(kid in directory.owners for kid in kids)
    foreign_to_training = content["exercise"] != directory.training
    if known or len(kids) < len(keys) or foreign_to_training:
        raise Refusal(Reason.CHANGE_WRONG)
    admitted = Participant(
        id=ParticipantId(change.participant),
        name=content["name"],
        country=content["country"],
        exercise=content["exercise"],
        keys={key.kid: key for key in keys},
        **members,
    )
    return directory.with_participants(admitted, version=moment.position, change=change.id)


def _rights(directory: Directory, change: Change, moment: Moment) -> Directory:
    """A bureau that loses a right takes it from its entities, too; what it gains it has yet to grant."""
    subject = named(directory, change)
    if subject.tier is Tier.T2:
        raise Refusal(Reason.CHANGE_WRONG)
    changed = _with_rights(subject, change)
    entities = [entity.capped(one, changed) for one in directory.entities_of(changed.id)]
    return directory.with_participants(changed, *entities, version=moment.position, change=change.id)


def _grant(directory: Directory, change: Change, moment: Moment) -> Directory:
    subject, content = _entity(directory, change), change.content
    grant = Grant(
        scopes=frozenset(content["scopes"]),
        until=instant.parse(content["until"]),
        review_by=instant.parse(content["review_by"]),
    )
    if not moment.at < grant.review_by <= moment.at + _REVIEWED_WITHIN or grant.until <= moment.at:
        raise Refusal(Reason.CHANGE_WRONG)
    changed = replace(_with_rights(subject, change), grant=grant)
    if not moment.partly and not entity.within(changed, directory.participants[_bureau_of(subject)]):
        raise Refusal(Reason.BEYOND_GRANT)
    return directory.with_participants(changed, version=moment.position, change=change.id)


def _end(directory: Directory, change: Change, moment: Moment) -> Directory:
    """For ever; what it did stays, and so do its keys, by which what it signed is verified."""
    changed = replace(_entity(directory, change), status=Status.ENDED, grant=None)
    return directory.with_participants(changed, version=moment.position, change=change.id)


def _agree(directory: Directory, change: Change, moment: Moment) -> Directory:
    """It takes the place of the one before. Bureaus and their entities take part in their own right."""
    subject = named(directory, change)
    if subject.tier not in (Tier.T3, Tier.T4):
        raise Refusal(Reason.CHANGE_WRONG)
    changed = replace(subject, agreement=parse_agreement(change.content))
    return directory.with_participants(changed, version=moment.position, change=change.id)


def _group(directory: Directory, change: Change, moment: Moment) -> Directory:
    """It takes the place of the group of this code. Nothing is sent to the operator or oversight by a group."""
    group = parse_group(change.content)
    members = [directory.get(one.participant) for one in group.members]
    if any(one is None or one.tier in (Tier.T0, Tier.T6) for one in members):
        raise Refusal(Reason.CHANGE_WRONG)
    return replace(
        directory,
        version=moment.position,
        groups={**directory.groups, group.code: group},
        changes=directory.changes | {change.id},
    )


def _status(directory: Directory, change: Change, moment: Moment) -> Directory:
    """The entities of a bureau that may not act may not act either, whatever their own status is."""
    subject = named(directory, change)
    if subject.id == directory.operator or subject.status is Status.ENDED:
        raise Refusal(Reason.CHANGE_WRONG)
    changed = replace(subject, status=Status(change.content["status"]))
    held_back = changed.status is not Status.ACTIVE
    entities = [replace(one, held_back=held_back) for one in directory.entities_of(changed.id)]
    return directory.with_participants(changed, *entities, version=moment.position, change=change.id)


def _add_key(directory: Directory, change: Change, moment: Moment) -> Directory:
    key = parse_key(change.content, Use(change.content["use"]))
    if key.kid in directory.owners:
        raise Refusal(Reason.CHANGE_WRONG)
    changed = named(directory, change).holding(key)
    return directory.with_participants(changed, version=moment.position, change=change.id)


def _revoke_key(directory: Directory, change: Change, moment: Moment) -> Directory:
    owner = named(directory, change).holding(replace(named_key(directory, change), revoked_at=moment.at))
    left = [key for key in owner.keys.values() if key.use is Use.OFFICER and key.valid_at(moment.at)]
    if owner.id == directory.operator and len(left) < 2:
        # With fewer than two officers nothing could ever be widened again.
        raise Refusal(Reason.CHANGE_WRONG)
    return directory.with_participants(owner, version=moment.position, change=change.id)


def _policy(directory: Directory, change: Change, moment: Moment) -> Directory:
    digest = policy_digest(change.content["policy"])
    return replace(directory, version=moment.position, policy=digest, changes=directory.changes | {change.id})


def _entity(directory: Directory, change: Change) -> Participant:
    subject = named(directory, change)
    if subject.tier is not Tier.T2 or subject.status is Status.ENDED:
        raise Refusal(Reason.CHANGE_WRONG)
    return subject


def _bureau_of(subject: Participant) -> ParticipantId:
    assert subject.bureau is not None  # nobody else admits an entity
    return subject.bureau


def _with_rights(participant: Participant, change: Change) -> Participant:
    return replace(
        participant,
        clearance=Classification[change.content["clearance"]],
        purposes=frozenset(change.content["purposes"]),
        crime_areas=frozenset(change.content["crime_areas"]),
    )


_EFFECTS: dict[ChangeKind, Callable[[Directory, Change, Moment], Directory]] = {
    ChangeKind.ADMIT: _admit,
    ChangeKind.RIGHTS: _rights,
    ChangeKind.STATUS: _status,
    ChangeKind.ENTITY_ADMIT: _admit_entity,
    ChangeKind.ENTITY_GRANT: _grant,
    ChangeKind.ENTITY_END: _end,
    ChangeKind.AGREEMENT: _agree,
    ChangeKind.GROUP: _group,
    ChangeKind.KEY_ADD: _add_key,
    ChangeKind.KEY_REVOKE: _revoke_key,
    ChangeKind.POLICY: _policy,
}
