"""Who takes part: participants, their keys, and the directory as a fold of signed changes from genesis."""

from exchange.participant.change import (
    APPROVAL_LIMIT,
    CHANGE_LIMIT,
    Change,
    ChangeKind,
    Genesis,
    SignedChange,
    parse_approval,
    parse_change,
    parse_genesis,
    policy_digest,
    write_approval,
    write_change,
)
from exchange.participant.directory import Caller, Directory, Key, Kid, Participant, ParticipantId, Status, Use
from exchange.participant.fold import Judged, Weight, digest_of, fold, judge

__all__ = [
    "APPROVAL_LIMIT",
    "CHANGE_LIMIT",
    "Caller",
    "Change",
    "ChangeKind",
    "Directory",
    "Genesis",
    "Judged",
    "Key",
    "Kid",
    "Participant",
    "ParticipantId",
    "SignedChange",
    "Status",
    "Use",
    "Weight",
    "digest_of",
    "fold",
    "judge",
    "parse_approval",
    "parse_change",
    "parse_genesis",
    "policy_digest",
    "write_approval",
    "write_change",
]
