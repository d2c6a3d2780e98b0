"""What a trail says was decided about messages, decided again: the inverse of `Routing.for_audit`.

A leaf's decisions hold every question that was asked and its answer. Questions are put to the policy set again, and
what they say of participants and of the label is held against the directory in force and against the leaf. Whom a label
excludes, and to which tiers it goes, is in the message alone, which auditors are not given.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from exchange import relation
from exchange.audit import Decided, DecidingAgain, released_by
from exchange.label import Classification, Handling
from exchange.leaf import Leaf
from exchange.participant import Directory, Operation, Participant, ParticipantId
from exchange.policy import Asked, Door, PolicySet, parse_question, parse_texts
from exchange.refusal import Refusal
from exchange.relation import Context, ItemFacts, OwningFacts, PostingFacts, ReadingFacts

_REMEMBERED = 20_000  # questions with their answers, about 1 KB each
_EXERCISE = frozenset({Handling.EXERCISE})

Answered = tuple[Asked, str, tuple[str, ...]]
"""A question, and the outcome and the rules that answer it."""


@dataclass(frozen=True, slots=True)
class _Again:
    """Puts questions to a policy set, each once. reads: what some rule of it reads of a sender and what it posts."""

    answer: Callable[[str], Answered]
    reads: frozenset[str]

    def __call__(self, asked: str) -> Answered:
        return self.answer(asked)


def under(texts: Mapping[str, Any]) -> DecidingAgain:
    """texts: {"schema", "policies", "cases"} of a set that was in force -> what decides again under it.

    Raises Refusal(POLICY_WRONG).
    """
    return by(PolicySet.load(parse_texts(texts), strict=False))


def by(policy: PolicySet) -> DecidingAgain:
    @lru_cache(maxsize=_REMEMBERED)
    def answered(asked: str) -> Answered:
        question = parse_question(asked)
        decision = policy.answer(question)
        return question, decision.outcome.value, decision.rules

    return partial(_decides_so, _Again(answered, policy.reads(Door.SUBMIT)))


def _decides_so(answered: _Again, stated: Leaf, directory: Directory, decided: Decided) -> bool:
    try:
        if stated.items:
            rules = _forwarded if "forward" in decided.beside else _ruled
            return rules(answered, stated, directory, decided)
        item = _posted(answered, stated, directory, decided.post)
        return item is not None and all(_read(answered, item, directory, entry) for entry in decided.read)
    except (KeyError, TypeError, ValueError, AttributeError, Refusal):
        return False


def _posted(answered: _Again, stated: Leaf, directory: Directory, entry: Mapping[str, Any]) -> ItemFacts | None:
    """The item that was asked about, if its sender was the leaf's actor and it bore the leaf's label."""
    asked, *answer = answered(entry["asked"])
    item, rules = asked.resource, tuple(entry["rules"])
    sender = _participant(directory, stated.actor)
    holds = (
        answer == [entry["outcome"], rules]
        and (asked.door, asked.principal, stated.rules) == (Door.SUBMIT, relation.participant(sender), rules)
        and _as_granted(asked.context, sender, stated, answered.reads)
        and isinstance(item, ItemFacts)
        and _is_labelled(item, stated.label or {})
    )
    return item if holds and isinstance(item, ItemFacts) else None


def _as_granted(posting: Context, sender: Participant, stated: Leaf, reads: Set[str]) -> bool:
    """Whether it says of the sender's grant and agreement what held at the time of the leaf. A set that came before
    them reads neither, and what it was asked says nothing of them.
    """
    areas = (stated.label or {}).get("crime_area", ())
    held = {
        "granted": relation.granted(sender, stated.type, Operation.SUBMIT, stated.at),
        "reviewed": relation.reviewed(sender, stated.at),
        "agreed": relation.agreed(sender, stated.type, areas, stated.at),
    }
    return isinstance(posting, PostingFacts) and all(
        getattr(posting, fact) == held[fact] for fact in held if fact in reads
    )


def _read(answered: _Again, item: ItemFacts, directory: Directory, entry: Mapping[str, Any]) -> bool:
    asked, *answer = answered(entry["asked"])
    being = asked.context
    return (
        answer == [entry["outcome"], tuple(entry["rules"])]
        and (asked.door, asked.resource) == (Door.READ, item)
        and isinstance(being, ReadingFacts)
        and being.addressee
        and not being.is_source
        and all(relation.recipient(_participant(directory, id)) == asked.principal for id in entry["to"])
    )


def _ruled(answered: _Again, stated: Leaf, directory: Directory, decided: Decided) -> bool:
    """An act upon an item: asked of the item, whose label is in a leaf of its own, by its source."""
    entry, beside = decided.post, decided.beside
    asked, *answer = answered(entry["asked"])
    rules, item = tuple(entry["rules"]), asked.resource
    sender = relation.participant(_participant(directory, stated.actor))
    before, after = beside.get("before", ()), beside.get("after", ())
    return (
        answer == [entry["outcome"], rules]
        and (asked.door, asked.principal, asked.context) == (Door.UPDATE, sender, OwningFacts(True))
        and stated.rules == rules
        and isinstance(item, ItemFacts)
        and all(_read(answered, _narrowed(answered, item, one), directory, one) for one in (*before, *after))
        and decided.anew == released_by(after) - released_by(before)
        and _says(answered, stated, directory, decided)
    )


def _forwarded(answered: _Again, stated: Leaf, directory: Directory, decided: Decided) -> bool:
    """A note that is posted and read like a message; and an item passed on to each of its recipients."""
    sender = relation.participant(_participant(directory, stated.actor))
    note = _posted(answered, stated, directory, decided.post)
    asked = [(*answered(one["asked"]), one) for one in decided.beside["forward"]]
    passed_on = {id for *_, one in asked for id in one["to"]}
    return (
        note is not None
        and all(_read(answered, _narrowed(answered, note, one), directory, one) for one in decided.read)
        and all(
            (question.door, question.principal, outcome, list(rules)) == (Door.FORWARD, sender, "ALLOW", one["rules"])
            for question, outcome, rules, one in asked
        )
        and passed_on == {id for one in decided.read for id in one["to"]}
        and decided.anew <= decided.released
    )


def _says(answered: _Again, stated: Leaf, directory: Directory, decided: Decided) -> bool:
    """What is new in an act is posted and read like a message."""
    if "submit" not in decided.beside:
        return not decided.read
    said = _posted(
        answered, replace(stated, rules=tuple(decided.beside["submit"]["rules"])), directory, decided.beside["submit"]
    )
    return said is not None and all(
        _read(answered, _narrowed(answered, said, one), directory, one) for one in decided.read
    )


def _narrowed(answered: _Again, item: ItemFacts, entry: Mapping[str, Any]) -> ItemFacts:
    """The item under the circle that was asked about, which may only be narrower than its own."""
    asked, *_ = answered(entry["asked"])
    if not isinstance(asked.resource, ItemFacts) or not asked.resource.tiers <= item.tiers:
        raise ValueError("wider than it was signed")
    return item._replace(tiers=asked.resource.tiers)


def _is_labelled(item: ItemFacts, label: Mapping[str, Any]) -> bool:
    handling = item.handling | _EXERCISE if item.exercise else item.handling
    return item.rank == Classification[label["classification"]] and handling == set(label.get("handling", ()))


def _participant(directory: Directory, id: str) -> Participant:
    """Raises KeyError."""
    return directory.participants[ParticipantId(id)]
