"""The facts of a decision as the trail keeps them, and the decision again from these: a pure function of both."""

from collections.abc import Mapping
from typing import Any

from exchange.label import Handling, Tier, Visibility
from exchange.policy.decision import Decision
from exchange.policy.ladder import LADDERS, Door
from exchange.policy.policy_set import PolicySet
from exchange.policy.question import cedar_name
from exchange.refusal import Reason, Refusal
from exchange.relation import ParticipantFacts
from exchange.strictjson import JsonValue


def facts_of(facts: tuple[Any, ...]) -> dict[str, JsonValue]:
    """A tuple of facts as JSON, by Cedar's names; sets are sorted lists, so equal facts are equal bytes."""
    kind: Any = type(facts)
    return {cedar_name(name): _plain(fact) for name, fact in zip(kind._fields, facts, strict=True)}


def decide_again(
    policy: PolicySet,
    door: Door,
    *,
    principal: Mapping[str, Any],
    resource: Mapping[str, Any],
    context: Mapping[str, Any],
) -> Decision:
    """What the policy set says to facts that were written by `facts_of`. Raises Refusal(LEAF_MALFORMED)."""
    ladder = LADDERS[door]
    return policy.decide(
        door, _facts(ParticipantFacts, principal), _facts(ladder.resource, resource), _facts(ladder.context, context)
    )


def _facts(kind: Any, members: Mapping[str, Any]) -> Any:
    names = tuple(map(cedar_name, kind._fields))
    if members.keys() != set(names):
        raise Refusal(Reason.LEAF_MALFORMED)
    try:
        return kind(*(_READ.get(name, _scalar)(members[name]) for name in names))
    except (ValueError, TypeError):
        raise Refusal(Reason.LEAF_MALFORMED) from None


def _plain(fact: Any) -> JsonValue:
    return sorted(fact) if isinstance(fact, frozenset) else fact  # terms of a vocabulary are strings already


def _scalar(value: object) -> bool | int:
    if not isinstance(value, int):
        raise TypeError("a number or a bool")
    return value


_READ = {
    "tier": Tier,
    "hit": Visibility,
    "handling": lambda codes: frozenset(map(Handling, codes)),
    "tiers": lambda codes: frozenset(map(Tier, codes)),
}
