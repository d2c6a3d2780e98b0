"""What an audit is given, position by position, and what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exchange.leaf import Field
from exchange.merkle import Hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A commitment's salt and its content."""

    salt: bytes
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A position of the trail, as its source has it; nothing of it is verified.

    hash: the leaf's, where the source keeps it apart from the leaf. token: the message or acknowledgement itself, as a
    JWS, where the source has it (a database does; auditors are not given it). faults: what the source itself found
    wrong here.
    """

    position: int
    leaf: bytes
    openings: Mapping[Field, Opening] = field(default_factory=dict)
    hash: Hash | None = None
    token: bytes | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold. position: where, or None where it concerns the whole."""

    position: int | None
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an audit came to.

    counts: how many of each event, and of openings that fitted, of changes, keys and decisions checked. decided_again:
    whether what was decided was asked of the trail's own policy sets again, or only compared with what was done.
    """

    origin: str
    size: int
    entries: int
    findings: tuple[Finding, ...]
    events: Mapping[str, int]
    checked: Mapping[str, int]
    decided_again: bool

    @property
    def whole(self) -> bool:
        return not self.findings
