"""One act, asked of Cedar: is it permitted, given these facts? Remembered by exactly the facts that its policies read.

The key is the request: Cedar is asked on entities built from the key alone. A fact that a policy reads and the key
lacks is then an error, hence a denial, and never a stale permit.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import Any, NamedTuple

import cedarpy

from exchange.policy.form import Read
from exchange.policy.ladder import LADDER_OF
from exchange.policy.memory import Memory
from exchange.policy.rule import NO_RULE_PERMITS, POLICY_ERROR
from exchange.relation import Context, ParticipantFacts, Principal, Resource

Facts = tuple[Any, ...]
Asker = tuple[Principal, Context]


class Step(NamedTuple):
    """What one act came to. rules: the permits that permitted it or the forbids that forbade it, in written order."""

    act: str
    permitted: bool
    rules: tuple[str, ...]
    erred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The facts of one side (who, of what, being what) that the act's policies read: places in the tuple, names."""

    names: tuple[str, ...]
    of: Callable[[Facts], Facts]

    @classmethod
    def reading(cls, kind: type[Any], attributes: Iterable[str]) -> "_Part":
        places = {cedar_name(field): n for n, field in enumerate(kind._fields)}
        read = sorted(attributes, key=places.__getitem__)
        return cls(names=tuple(read), of=_picking([places[name] for name in read]))

    def attributes(self, facts: Facts) -> dict[str, Any]:
        return {name: _written(fact) for name, fact in zip(self.names, facts, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    act: str
    policies: cedarpy.PolicySet
    order: Mapping[str, int]  # rule id -> its place in the set
    memory: Memory[Step]
    about: str
    principal: _Part
    resource: _Part
    context: _Part

    @classmethod
    def about_act(
        cls,
        act: str,
        policies: cedarpy.PolicySet,
        reads: frozenset[Read],
        order: Mapping[str, int],
        memory: Memory[Step],
    ) -> "Question":
        """policies: those that speak of this act, each under its rule's id. reads: every fact that they read."""
        ladder = LADDER_OF[act]
        sides = {"principal": ParticipantFacts, "resource": ladder.resource, "context": ladder.context}
        parts = {
            side: _Part.reading(kind, [attribute for of, attribute in reads if of == side])
            for side, kind in sides.items()
        }
        return cls(act=act, policies=policies, order=order, memory=memory, about=ladder.about, **parts)

    def ask_one(self, principal: Principal, resource: Resource, context: Context) -> Step:
        """The one step of one asker."""
        known = self.memory.get(
            (self.act, self.principal.of(principal), self.resource.of(resource), self.context.of(context))
        )
        if known is None:
            return self.ask(resource, ((principal, context),))[0]
        self.memory.hits += 1
        return known

    def ask(self, resource: Resource, askers: Sequence[Asker]) -> list[Step]:
        """One step for each asker. What is not remembered is asked in one batch over one small set of entities."""
        about, principal_of, context_of = self.resource.of(resource), self.principal.of, self.context.of
        act, recall = self.act, self.memory.get
        keys = [(act, principal_of(principal), about, context_of(context)) for principal, context in askers]
        steps = {key: recall(key) for key in keys}
        unknown = [key for key, step in steps.items() if step is None]
        self.memory.hits += len(keys) - len(unknown)
        self.memory.misses += len(unknown)
        if unknown:
            for key, step in zip(unknown, self._evaluate(about, unknown), strict=True):
                self.memory.put(key, step)
                steps[key] = step
        return [steps[key] for key in keys]  # type: ignore[misc]  # none of them is None by now

    def _evaluate(self, about: Facts, keys: Sequence[tuple[str, Facts, Facts, Facts]]) -> list[Step]:
        principals = {principal: f"p{n}" for n, principal in enumerate(dict.fromkeys(key[1] for key in keys))}
        entities = [entity(self.about, "r", self.resource.attributes(about))]
        entities += [entity("Participant", id, self.principal.attributes(facts)) for facts, id in principals.items()]
        try:
            # Parsed apart: given as a text, the same entities take Cedar 100 us longer.
            parsed = cedarpy.Entities.from_json_str(json.dumps(entities))
        except ValueError:
            return [self._erred] * len(keys)
        requests = [
            {
                "principal": {"type": "Participant", "id": principals[principal]},
                "action": {"type": "Action", "id": self.act},
                "resource": {"type": self.about, "id": "r"},
                "context": self.context.attributes(context),
            }
            for _, principal, _, context in keys
        ]
        return [self._step(result) for result in cedarpy.is_authorized_batch(requests, self.policies, parsed)]

    @property
    def _erred(self) -> Step:
        return Step(self.act, False, (POLICY_ERROR.id,), erred=True)

    def _step(self, result: cedarpy.AuthzResult) -> Step:
        """Permitted means: Cedar says Allow, and nothing went wrong. It skips a forbid that errs and says Allow still,
        and a request that it cannot take it answers with NoDecision.
        """
        if result.decision is cedarpy.Decision.NoDecision or result.diagnostics.errors:
            return self._erred
        rules = tuple(sorted(result.diagnostics.reasons, key=self.order.__getitem__))
        return Step(self.act, result.decision is cedarpy.Decision.Allow, rules or (NO_RULE_PERMITS.id,))


def cedar_name(field: str) -> str:
    """is_source -> isSource: facts bear our names here and Cedar's there."""
    first, *others = field.split("_")
    return first + "".join(map(str.capitalize, others))


def entity(kind: str, id: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": id}, "attrs": attributes, "parents": []}


def attributes(facts: Facts) -> dict[str, Any]:
    """All facts of a tuple as Cedar takes them, by Cedar's names."""
    kind: Any = type(facts)
    return {cedar_name(name): _written(fact) for name, fact in zip(kind._fields, facts, strict=True)}


def _picking(places: Sequence[int]) -> Callable[[Facts], Facts]:
    """-> a function from facts to those at these places."""
    match places:
        case []:
            return lambda facts: ()
        case [only]:
            return lambda facts: (facts[only],)
        case _:
            return itemgetter(*places)


def _written(fact: object) -> Any:
    """A fact as Cedar takes it in JSON. Terms of a vocabulary are entities of its type, which bears our type's name."""
    if isinstance(fact, StrEnum):
        return {"__entity": {"type": type(fact).__name__, "id": fact.value}}
    if isinstance(fact, frozenset):
        return [_written(member) for member in sorted(fact)]
    assert isinstance(fact, int)  # a number or a bool
    return fact
