"""Questions in the words of people: how cases ask them, how the trail keeps them, how anybody asks them again.

    T1 OUO suspended | read | RES NOENT GRAY to:T1,T2 | addressee excluded

Who: tier, clearance, `suspended`, `exercise`. The door. Of what: a label (classification, handling, hit visibility if
not WHITE, tiers if not all) or `trail`. Being what: that which holds between the two, `-` for nothing. The words say
every fact that a policy may read, so a question that the trail kept can be decided again by whoever has the policy.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exchange.label import Classification, Handling, Tier, Visibility
from exchange.policy.ladder import LADDERS, Door
from exchange.refusal import Fault, Reason, Refusal
from exchange.relation import (
    Context,
    InspectingFacts,
    ItemFacts,
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


def participant_words(who: ParticipantFacts) -> str:
    said = f"{who.tier} {_RANKS[who.clearance]}"
    if not who.active:
        said += " suspended"
    return said + " exercise" if who.exercise else said


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


def context_words(context: Context) -> str:
    match context:
        case PostingFacts(age_stated=age, necessity_stated=necessity):
            said = {"age-missing": not age, "necessity-missing": not necessity}
        case ReadingFacts(addressee=addressee, is_source=source, excluded=excluded, expired=expired):
            said = {"addressee": addressee, "source": source, "excluded": excluded, "expired": expired}
        case InspectingFacts():
            said = {}
    return " ".join(word for word, holds in said.items() if holds) or NOTHING


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
    said = [] if words == NOTHING else words.split()
    match door:
        case Door.SUBMIT:
            missing = _known(said, {"age-missing", "necessity-missing"})
            return PostingFacts("age-missing" not in missing, "necessity-missing" not in missing)
        case Door.READ:
            holds = _known(said, {"addressee", "source", "excluded", "expired"})
            return ReadingFacts("addressee" in holds, "source" in holds, "excluded" in holds, "expired" in holds)
        case Door.INSPECT:
            _known(said, set())
            return InspectingFacts()


def _known(said: Iterable[str], words: set[str]) -> set[str]:
    if not set(said) <= words:
        raise ValueError("a word that means nothing here")
    return set(said)
