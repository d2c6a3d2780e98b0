"""The directory is a fold of signed changes: who may make which change, and what it makes of the snapshot.

Widening (a participant, an officer's key, a right, a policy set) takes two of the operator's officers, narrowing one.
A participant's own officer alone adds its message and access keys; it or one officer of the operator revokes them.
Gateways and clients fold with this same function from genesis on; nobody takes a key from anywhere else.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from exchange import jose
from exchange.jose import Kind, VerifiedBytes
from exchange.label import Classification, Tier
from exchange.participant.change import (
    APPROVAL_LIMIT,
    CHANGE_LIMIT,
    Change,
    ChangeKind,
    SignedChange,
    parse_approval,
    parse_change,
    parse_key,
    policy_digest,
)
from exchange.participant.directory import Directory, Key, Participant, ParticipantId, Status, Use
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas

_MADE_AT_MOST = timedelta(days=30)  # before it is folded: an enrolment may wait for its officers
_MADE_AHEAD = timedelta(seconds=10)


class Weight(Enum):
    """How many signatures a change needs, and whose."""

    WIDENS = "two of the operator's officers"
    NARROWS = "one of the operator's officers"
    OWN_KEY = "one officer of the participant"
    OWN_OR_NARROWS = "one officer of the participant or of the operator"

    @property
    def officers(self) -> int:
        return 2 if self is Weight.WIDENS else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A change whose signatures were verified and whose officers may make it, once they are enough."""

    change: Change
    weight: Weight
    signers: tuple[str, ...]  # kids, the change's own first
    result: Directory

    @property
    def missing(self) -> int:
        """How many more officers must sign before it takes effect."""
        return max(0, self.weight.officers - len(self.signers))


def judge(directory: Directory, signed: SignedChange, *, position: int, at: datetime, schemas: Schemas) -> Judged:
    """Verify a change and its approvals against the directory as it stands, and work out what it would make of it.

    position and at: of the leaf that records it. The result's officers may still be too few: see `missing`.
    Raises Refusal(CHANGE_WRONG | NOT_AN_OFFICER | ALREADY_APPROVED | KEY_NOT_VALID | OUT_OF_TIME and the gate's).
    """
    opened = _open(signed.change, Kind.CHANGE, directory, at, CHANGE_LIMIT)
    change = parse_change(opened.payload, schemas=schemas, origin=directory.origin)
    if not at - _MADE_AT_MOST <= change.made_at <= at + _MADE_AHEAD:
        raise Refusal(Reason.OUT_OF_TIME)
    if change.id in directory.changes:
        raise Refusal(Reason.CHANGE_WRONG)

    weight = _weigh(directory, change)
    signers = [opened.key.kid]
    for approval in signed.approvals:
        signers.append(_approver(directory, approval, change, opened, at, schemas))
    _check_signers(directory, change, weight, signers)

    result = _EFFECTS[change.kind](directory, change, position, at)
    return Judged(change=change, weight=weight, signers=tuple(signers), result=result)


def fold(directory: Directory, signed: SignedChange, *, position: int, at: datetime, schemas: Schemas) -> Directory:
    """The directory after a change of the trail. Raises Refusal(HISTORY_WRONG) if it should not be there."""
    try:
        judged = judge(directory, signed, position=position, at=at, schemas=schemas)
    except Refusal:
        raise Refusal(Reason.HISTORY_WRONG) from None
    if judged.missing:
        raise Refusal(Reason.HISTORY_WRONG)
    return judged.result


def digest_of(change: bytes) -> str:
    """What an approval names: SHA-256 of the change's signed bytes (header and payload), in hex."""
    return hashlib.sha256(change[: change.rindex(b".")]).hexdigest()


def _open(token: bytes, kind: Kind, directory: Directory, at: datetime, limit: int) -> VerifiedBytes:
    owner = directory.owner_of(jose.key_id_of(token, limit=limit))
    if owner is None:
        raise Refusal(Reason.UNKNOWN_KEY)
    opened = jose.open_jws(token, kind, owner.keys_for(Use.OFFICER), limit=limit)
    if not owner.keys[opened.key.kid].valid_at(at):
        raise Refusal(Reason.KEY_NOT_VALID)
    return opened


def _approver(
    directory: Directory, approval: bytes, change: Change, opened: VerifiedBytes, at: datetime, schemas: Schemas
) -> str:
    approved = _open(approval, Kind.APPROVAL, directory, at, APPROVAL_LIMIT)
    change_id, digest = parse_approval(approved.payload, schemas=schemas, origin=directory.origin)
    if change_id != change.id or digest != digest_of(opened.token):
        raise Refusal(Reason.CHANGE_WRONG)
    return approved.key.kid


def _check_signers(directory: Directory, change: Change, weight: Weight, signers: list[str]) -> None:
    if len(set(signers)) < len(signers):
        raise Refusal(Reason.ALREADY_APPROVED)
    may_sign: dict[Weight, set[str]] = {
        Weight.WIDENS: {directory.operator},
        Weight.NARROWS: {directory.operator},
        Weight.OWN_KEY: {change.participant},
        Weight.OWN_OR_NARROWS: {change.participant, directory.operator},
    }
    if not all(directory.owners[kid] in may_sign[weight] for kid in signers):
        raise Refusal(Reason.NOT_AN_OFFICER)


def _weigh(directory: Directory, change: Change) -> Weight:
    match change.kind:
        case ChangeKind.ADMIT | ChangeKind.POLICY:
            return Weight.WIDENS
        case ChangeKind.KEY_ADD:
            return Weight.WIDENS if change.content["use"] == Use.OFFICER else Weight.OWN_KEY
        case ChangeKind.KEY_REVOKE:
            officer = _key(directory, change).use is Use.OFFICER
            return Weight.NARROWS if officer else Weight.OWN_OR_NARROWS
        case ChangeKind.STATUS:
            return Weight.NARROWS if change.content["status"] == Status.SUSPENDED else Weight.WIDENS
        case ChangeKind.RIGHTS:
            now, then = _participant(directory, change), _with_rights(_participant(directory, change), change)
            narrows = (
                then.clearance <= now.clearance
                and then.purposes <= now.purposes
                and then.crime_areas <= now.crime_areas
            )
            return Weight.NARROWS if narrows else Weight.WIDENS


def _participant(directory: Directory, change: Change) -> Participant:
    participant = directory.get(change.participant)
    if participant is None:
        raise Refusal(Reason.CHANGE_WRONG)
    return participant


def _key(directory: Directory, change: Change) -> Key:
    key = _participant(directory, change).keys.get(change.content["kid"])
    if key is None or key.revoked_at is not None:
        raise Refusal(Reason.CHANGE_WRONG)
    return key


def _with_rights(participant: Participant, change: Change) -> Participant:
    return replace(
        participant,
        clearance=Classification[change.content["clearance"]],
        purposes=frozenset(change.content["purposes"]),
        crime_areas=frozenset(change.content["crime_areas"]),
    )


def _admit(directory: Directory, change: Change, position: int, at: datetime) -> Directory:
    content = change.content
    keys = [parse_key(k, Use.OFFICER) for k in content["officers"]]
    kids = {key.kid for key in keys}
    known = directory.get(change.participant) is not None or any(kid in directory.owners for kid in kids)
    foreign_to_training = content["exercise"] != directory.training
    if known or len(kids) < len(keys) or content["tier"] == Tier.T0 or foreign_to_training:
        raise Refusal(Reason.CHANGE_WRONG)
    admitted = Participant(
        id=ParticipantId(change.participant),
        name=content["name"],
        tier=Tier(content["tier"]),
        country=content["country"],
        exercise=content["exercise"],
        keys={key.kid: key for key in keys},
    )
    return directory.with_participant(admitted, version=position, change=change.id)


def _rights(directory: Directory, change: Change, position: int, at: datetime) -> Directory:
    changed = _with_rights(_participant(directory, change), change)
    return directory.with_participant(changed, version=position, change=change.id)


def _status(directory: Directory, change: Change, position: int, at: datetime) -> Directory:
    if change.participant == directory.operator:
        raise Refusal(Reason.CHANGE_WRONG)
    changed = replace(_participant(directory, change), status=Status(change.content["status"]))
    return directory.with_participant(changed, version=position, change=change.id)


def _add_key(directory: Directory, change: Change, position: int, at: datetime) -> Directory:
    key = parse_key(change.content, Use(change.content["use"]))
    if key.kid in directory.owners:
        raise Refusal(Reason.CHANGE_WRONG)
    changed = _participant(directory, change).holding(key)
    return directory.with_participant(changed, version=position, change=change.id)


def _revoke_key(directory: Directory, change: Change, position: int, at: datetime) -> Directory:
    owner = _participant(directory, change).holding(replace(_key(directory, change), revoked_at=at))
    left = [key for key in owner.keys.values() if key.use is Use.OFFICER and key.valid_at(at)]
    if owner.id == directory.operator and len(left) < 2:
        # With fewer than two officers nothing could ever be widened again.
        raise Refusal(Reason.CHANGE_WRONG)
    return directory.with_participant(owner, version=position, change=change.id)


def _policy(directory: Directory, change: Change, position: int, at: datetime) -> Directory:
    digest = policy_digest(change.content["policy"])
    return replace(directory, version=position, policy=digest, changes=directory.changes | {change.id})


_EFFECTS: dict[ChangeKind, Callable[[Directory, Change, int, datetime], Directory]] = {
    ChangeKind.ADMIT: _admit,
    ChangeKind.RIGHTS: _rights,
    ChangeKind.STATUS: _status,
    ChangeKind.KEY_ADD: _add_key,
    ChangeKind.KEY_REVOKE: _revoke_key,
    ChangeKind.POLICY: _policy,
}
