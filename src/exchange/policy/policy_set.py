"""The policy set in force: loaded once from its texts, asked at every door, named by its digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import cedarpy
from cedarpy import pst

from exchange.policy.decision import Decision, Explained
from exchange.policy.ladder import LADDERS, Door
from exchange.policy.load import Policy, sound_policies
from exchange.policy.memory import CAPACITY, Memory
from exchange.policy.question import Asker, Question, Step
from exchange.policy.rule import NO_RULE_PERMITS, POLICY_ERROR, Rule, gate_rules
from exchange.policy.texts import PolicyTexts
from exchange.policy.words import Asked
from exchange.refusal import Reason
from exchange.relation import Context, Principal, Resource

_Asker = TypeVar("_Asker", bound=Asker)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """rules: by id, those written in Cedar. memory: what was decided before; it dies with the set, so that a decision
    of one policy is never one of another.
    """

    texts: PolicyTexts
    digest: str
    rules: Mapping[str, Rule]
    memory: Memory[Step]
    _questions: Mapping[Door, tuple[Question, ...]]
    _decisions: dict[tuple[Step, ...], Decision] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, texts: PolicyTexts, *, strict: bool = True, capacity: int = CAPACITY) -> "PolicySet":
        """Parsed, checked, ready; its cases are not run. Takes some 10 ms. strict: see `sound_policies`; not so only
        for what is or was in force already. Raises Refusal(POLICY_WRONG).
        """
        policies = sound_policies(texts, strict=strict)
        memory: Memory[Step] = Memory(capacity)
        return cls(
            texts=texts,
            digest=texts.digest,
            rules={policy.rule.id: policy.rule for policy in policies},
            memory=memory,
            _questions={
                door: tuple(_question(act, policies, memory) for act in ladder.rungs)
                for door, ladder in LADDERS.items()
            },
        )

    def decide(self, door: Door, principal: Principal, resource: Resource, context: Context) -> Decision:
        """Whether, and by which rules. The resource and the context are of the types that the door's ladder names."""
        steps: tuple[Step, ...] = ()
        for question in self._questions[door]:
            step = question.ask_one(principal, resource, context)
            steps = (*steps, step)
            # What errs goes no further: with a policy that cannot be evaluated not even a pointer is shown.
            if step.permitted or step.erred:
                break
        return self._decisions.get(steps) or self._decision(door, steps)

    def decide_all(self, door: Door, resource: Resource, askers: Sequence[_Asker]) -> dict[_Asker, Decision]:
        """The same for all who ask about one resource: who are alike in every fact are asked for once, and what is not
        remembered in one batch for each act.
        """
        climbed: dict[_Asker, tuple[Step, ...]] = dict.fromkeys(askers, ())
        self.memory.hits += len(askers) - len(climbed)
        onward = list(climbed)
        for question in self._questions[door]:
            for asker, step in zip(onward, question.ask(resource, onward), strict=True):
                climbed[asker] = (*climbed[asker], step)
            onward = [asker for asker in onward if not (climbed[asker][-1].permitted or climbed[asker][-1].erred)]
            if not onward:
                break
        known = self._decisions
        return {asker: known.get(steps) or self._decision(door, steps) for asker, steps in climbed.items()}

    def answer(self, asked: Asked) -> Decision:
        return self.decide(asked.door, asked.principal, asked.resource, asked.context)

    def reads(self, door: Door) -> frozenset[str]:
        """Which facts of what asker and resource are to each other some rule reads at this door, by Cedar's names."""
        return frozenset(name for question in self._questions[door] for name in question.context.names)

    def explain(self, decision: Decision) -> tuple[Explained, ...]:
        """Every step of a decision with its rules in full."""
        return tuple(
            Explained(act=step.act, permitted=step.permitted, rules=tuple(map(self.rule, step.rules)))
            for step in decision.steps
        )

    def rule(self, id: str) -> Rule:
        return self.rules.get(id) or _UNWRITTEN[id]

    def listing(self) -> tuple[Rule, ...]:
        """The rules of Cedar and the gate's own alike, in the order of their ids."""
        return tuple(sorted((*self.rules.values(), *gate_rules()), key=lambda rule: rule.id))

    def _decision(self, door: Door, steps: tuple[Step, ...]) -> Decision:
        """Made once for each way down a ladder, of which there are as many as sets of rules that decide together."""
        ladder, last = LADDERS[door], steps[-1]
        outcome = ladder.rungs[last.act] if last.permitted else ladder.bottom
        deciding = steps if len(steps) == 1 or not last.permitted else steps[:-1]
        rules = tuple(dict.fromkeys(id for step in deciding for id in step.rules))
        denied = not deciding[0].permitted
        told = tuple(id for id in rules if denied and (ladder.tells_caller or self.rule(id).tell == "sender"))
        reasons = (self.rule(id).reason for id in rules if denied)
        decision = Decision(
            outcome=outcome,
            rules=rules,
            told=told,
            reason=next((reason for reason in reasons if reason is not None), Reason.DENIED),
            steps=steps,
        )
        self._decisions[steps] = decision
        return decision


def _question(act: str, policies: Sequence[Policy], memory: Memory[Step]) -> Question:
    speaking = [policy for policy in policies if act in policy.rule.acts]
    parsed = pst.PolicySet(
        templates={}, static_policies={policy.rule.id: policy.parsed for policy in speaking}, template_links=()
    )
    return Question.about_act(
        act,
        cedarpy.PolicySet.from_pst(parsed),
        frozenset().union(*(policy.reads for policy in speaking)),
        {policy.rule.id: n for n, policy in enumerate(policies)},
        memory,
    )


_UNWRITTEN = {rule.id: rule for rule in (NO_RULE_PERMITS, POLICY_ERROR)}
