"""Questions in the words of people: how cases ask them, how the trail keeps them, how anybody asks them again.

    T1 OUO suspended | read | RES NOENT GRAY to:T1,T2 | addressee excluded

Who: tier, clearance, `suspended`, `exercise`. The door. Of what: a label (classification, handling, hit visibility if
not WHITE, tiers if not all) or `trail`. Being what: that which holds between the two, `-` for nothing. The words say
every fact that a policy may read, so a question that the trail kept can be decided again by whoever has the policy.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from exchange.label import Classification, Handling, Tier, Visibility
from exchange.policy.ladder import LADDERS, Door
from exchange.refusal import Fault, Reason, Refusal
from exchange.relation import (
    Context,
    HoldingFacts,
    InspectingFacts,
    ItemFacts,
    OwningFacts,
    ParticipantFacts,
    PostingFacts,
    Principal,
    ReadingFacts,
    Resource,
    TrailFacts,
)

NOTHING = "-"
_NO_TIER = "none"
_RANKS = {int(classification): classification.name for classification in Classification}
_HANDLING = frozenset(Handling)
_EVERY_TIER = frozenset(Tier)


# For each fact the word that is said where it is not as usual: what lies between most askers and most items is nothing
# to speak of. So questions that were kept before a fact was known mean today what they meant then.
_GRANT = (("ungranted", True), ("unreviewed", True))
_PURPOSE = ("other-purpose", True)
_AGREED = ("unagreed", True)
_WORDS: Mapping[type[Context], tuple[tuple[str, bool], ...]] = {
    PostingFacts: (("age-missing", True), ("necessity-missing", True), *_GRANT, _AGREED),
    ReadingFacts: (
        ("addressee", False),
        ("source", False),
        ("excluded", False),
        ("expired", False),
        ("recalled", False),
        *_GRANT,
        _PURPOSE,
        _AGREED,
    ),
    OwningFacts: (("source", False),),
    HoldingFacts: (
        ("holds", False),
        ("source", False),
        ("original", False),
        ("permitted", False),
        *_GRANT,
        _PURPOSE,
        _AGREED,
    ),
    InspectingFacts: (),
}


# Typed: facts are tuples, and tuples of two kinds may be equal.
_remembered = lru_cache(maxsize=4096, typed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question: at which door, who asks, about what, being what to it."""

    door: Door
    principal: Principal
    resource: Resource
    context: Context


def parse_question(text: str) -> Asked:
    """Four columns, as above. Raises Refusal(POLICY_WRONG)."""
    try:
        return read_columns(split_columns(text))
    except (ValueError, KeyError):
        raise Refusal(Reason.POLICY_WRONG, faults=(Fault("/cases", "is four columns of the words of cases"),)) from None


def write_question(asked: Asked) -> str:
    """The inverse of `parse_question`."""
    return write_columns(
        participant_words(asked.principal), asked.door, resource_words(asked.resource), context_words(asked.context)
    )


def write_columns(who: str, door: Door, of_what: str, being: str) -> str:
    return f"{who} | {door} | {of_what} | {being}"


def split_columns(line: str) -> tuple[str, ...]:
    return tuple(column.strip() for column in line.split("|"))


def read_columns(columns: Sequence[str]) -> Asked:
    """Raises ValueError or KeyError at a word that means nothing there."""
    who, asks, of_what, being = columns
    door = Door(asks)
    resource = _trail(of_what) if LADDERS[door].resource is TrailFacts else _item(of_what)
    return Asked(door=door, principal=_participant(who), resource=resource, context=_context(door, being))


@_remembered
def participant_words(who: ParticipantFacts) -> str:
    said = f"{who.tier} {_RANKS[who.clearance]}"
    if not who.active:
        said += " suspended"
    return said + " exercise" if who.exercise else said


@_remembered
def resource_words(resource: Resource) -> str:
    if isinstance(resource, TrailFacts):
        return "trail"
    said = [_RANKS[resource.rank], *sorted(resource.handling)]
    if resource.exercise:
        said.append(Handling.EXERCISE)
    if resource.hit is not Visibility.WHITE:
        said.append(resource.hit)
    if resource.tiers != _EVERY_TIER:
        said.append("to:" + (",".join(sorted(resource.tiers)) or _NO_TIER))
    return " ".join(said)


@_remembered
def context_words(context: Context) -> str:
    """A word for each fact that is not as usual, in the order of the facts."""
    words = _WORDS[type(context)]
    said = [word for fact, (word, usual) in zip(context, words, strict=True) if fact is not usual]
    return " ".join(said) or NOTHING


def _participant(words: str) -> ParticipantFacts:
    tier, clearance, *others = words.split()
    flags = _known(others, {"suspended", "exercise"})
    return ParticipantFacts(Tier(tier), int(Classification[clearance]), "suspended" not in flags, "exercise" in flags)


def _item(words: str) -> ItemFacts:
    classification, *others = words.split()
    tiers = [word.removeprefix("to:") for word in others if word.startswith("to:")]
    handling = {Handling(word) for word in others if word in _HANDLING}
    hits = [Visibility(word) for word in others if word not in _HANDLING and not word.startswith("to:")]
    if len(tiers) > 1 or len(hits) > 1:
        raise ValueError("said twice")
    return ItemFacts(
        int(Classification[classification]),
        frozenset(handling - {Handling.EXERCISE}),
        _tiers(tiers[0]) if tiers else _EVERY_TIER,
        hits[0] if hits else Visibility.WHITE,
        True,
        Handling.EXERCISE in handling,
    )


def _tiers(codes: str) -> frozenset[Tier]:
    return frozenset() if codes == _NO_TIER else frozenset(map(Tier, codes.split(",")))


def _trail(words: str) -> TrailFacts:
    if words != "trail":
        raise ValueError("there is one trail")
    return TrailFacts()


def _context(door: Door, words: str) -> Context:
    kind = LADDERS[door].context
    said = [] if words == NOTHING else words.split()
    known = _WORDS[kind]
    told = _known(said, {word for word, _ in known})
    return kind(*((word in told) is not usual for word, usual in known))


def _known(said: Iterable[str], words: set[str]) -> set[str]:
    if not set(said) <= words:
        raise ValueError("a word that means nothing here")
    return set(said)
