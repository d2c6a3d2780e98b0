"""The directory is a fold of signed changes: each verified with its approvals, weighed, and applied.

`weight` says who may make which change, `effects` what it makes of the snapshot. Gateways and clients fold with this
same function from genesis on; nobody takes a key from anywhere else.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from exchange import jose
from exchange.jose import Kind, VerifiedBytes
from exchange.participant import effects
from exchange.participant.change import (
    APPROVAL_LIMIT,
    CHANGE_LIMIT,
    Change,
    SignedChange,
    parse_approval,
    parse_change,
)
from exchange.participant.directory import Directory, Use
from exchange.participant.effects import Moment
from exchange.participant.weight import Weight, may_sign, weigh
from exchange.refusal import Reason, Refusal
from exchange.schema import Schemas

_MADE_AT_MOST = timedelta(days=30)  # before it is folded: an enrolment may wait for its officers
_MADE_AHEAD = timedelta(seconds=10)


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


def judge(
    directory: Directory,
    signed: SignedChange,
    *,
    position: int,
    at: datetime,
    schemas: Schemas,
    partly: bool = False,
) -> Judged:
    """Verify a change and its approvals against the directory as it stands, and work out what it would make of it.

    position and at: of the leaf that records it. partly: reserved changes of others were not folded into the directory,
    so what follows from them alone is not asked. The result's officers may still be too few: see `missing`.
    Raises Refusal(CHANGE_WRONG | BEYOND_GRANT | NOT_AN_OFFICER | ALREADY_APPROVED | KEY_NOT_VALID | OUT_OF_TIME and the
    gate's).
    """
    opened = _open(signed.change, Kind.CHANGE, directory, at, CHANGE_LIMIT)
    change = parse_change(opened.payload, schemas=schemas, origin=directory.origin)
    if not at - _MADE_AT_MOST <= change.made_at <= at + _MADE_AHEAD:
        raise Refusal(Reason.OUT_OF_TIME)
    if change.id in directory.changes:
        raise Refusal(Reason.CHANGE_WRONG)

    weight = weigh(directory, change)
    signers = [opened.key.kid]
    for approval in signed.approvals:
        signers.append(_approver(directory, approval, change, opened, at, schemas))
    _check_signers(directory, change, weight, signers)

    result = effects.apply(directory, change, Moment(position=position, at=at, partly=partly))
    return Judged(change=change, weight=weight, signers=tuple(signers), result=result)


def fold(
    directory: Directory,
    signed: SignedChange,
    *,
    position: int,
    at: datetime,
    schemas: Schemas,
    partly: bool = False,
) -> Directory:
    """The directory after a change of the trail. Raises Refusal(HISTORY_WRONG) if it should not be there.

    partly: as in `judge`. Whoever is shown all changes of the trail folds them wholly.
    """
    try:
        judged = judge(directory, signed, position=position, at=at, schemas=schemas, partly=partly)
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
    theirs = may_sign(directory, change, weight)
    if not all(directory.owners[kid] in theirs for kid in signers):
        raise Refusal(Reason.NOT_AN_OFFICER)
