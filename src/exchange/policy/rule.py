"""Rules as people speak of them: an id, where it comes from, what it says, who is told.

Rules written in Cedar carry these words as annotations, and words only: nothing here decides anything. The gate's own
rules carry the same words in Reason, and both are listed side by side.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from exchange.refusal import Reason, Tell, Verified

Effect = Literal["permit", "forbid", "gate", "none"]

_REQUIRED = ("id", "source", "verified", "says", "tell")
_OPTIONAL = ("reason", "offer")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """acts: those that it permits or forbids. file: where it is written. reason: what a sender is refused with,
    where DENIED would say too little. offer: what the caller may ask for instead.
    """

    id: str
    effect: Effect
    source: str
    verified: Verified
    says: str
    tell: Tell
    acts: tuple[str, ...] = ()
    file: str = ""
    reason: Reason | None = None
    offer: str = ""


NO_RULE_PERMITS = Rule(
    id="no-rule-permits",
    effect="none",
    source="deny by default",
    verified="own",
    says="no rule permits it",
    tell="audit",
)
POLICY_ERROR = Rule(
    id="policy-error",
    effect="none",
    source="deny by default",
    verified="own",
    says="a policy could not be evaluated, which permits nothing",
    tell="audit",
)


def id_of(annotations: Mapping[str, str]) -> str:
    """The @id if it has the form of one, else nothing: a fault points at a policy, and quotes none of its text."""
    id = annotations.get("id", "")
    return id if _ID.fullmatch(id) else ""


def wrong_annotations(annotations: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with a policy's annotations, in words. Cedar itself accepts any, none, and the same id twice."""
    for name in _REQUIRED:
        if not annotations.get(name, "").strip():
            yield f"lacks @{name}"
    if annotations.keys() - {*_REQUIRED, *_OPTIONAL}:
        yield "has an annotation that nobody reads"
    if annotations.get("verified", "own") not in get_args(Verified):
        yield "@verified is seen, recalled or own"
    if annotations.get("tell", "audit") not in get_args(Tell):
        yield "@tell is sender or audit"
    if annotations.get("reason", "DENIED") not in Reason.__members__:
        yield "@reason is the code of a reason"
    if not id_of(annotations):
        yield "@id is letters, digits, dots and hyphens, at most 32"
    if annotations.get("id") in _TAKEN:
        yield "@id is that of a rule that is not written in Cedar"


def annotated(annotations: Mapping[str, str], *, effect: Effect, acts: tuple[str, ...], file: str) -> Rule:
    """annotations: with which nothing is wrong."""
    return Rule(
        id=annotations["id"],
        effect=effect,
        source=annotations["source"],
        verified=cast(Verified, annotations["verified"]),
        says=annotations["says"],
        tell=cast(Tell, annotations["tell"]),
        acts=acts,
        file=file,
        reason=Reason[annotations["reason"]] if "reason" in annotations else None,
        offer=annotations.get("offer", ""),
    )


def gate_rules() -> tuple[Rule, ...]:
    """The rules that the gate holds by itself, one for each reason that they refuse with, in the order of their ids."""
    held = [(reason, reason.rule) for reason in Reason if reason.rule is not None]
    return tuple(
        Rule(
            id=rule.id,
            effect="gate",
            source=rule.source,
            verified=rule.verified,
            says=reason.says,
            tell=rule.tell,
            reason=reason,
        )
        for reason, rule in sorted(held, key=lambda pair: pair[1].id)
    )


_TAKEN = frozenset({NO_RULE_PERMITS.id, POLICY_ERROR.id, *(rule.id for rule in gate_rules())})
