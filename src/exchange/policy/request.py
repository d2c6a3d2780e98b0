"""What callers are asked before anything else: may this sender post this, may this participant inspect the trail?"""

from dataclasses import dataclass
from datetime import datetime

from exchange import relation
from exchange.envelope import Message
from exchange.participant import Participant
from exchange.policy.decision import Decision
from exchange.policy.ladder import Answer, Door
from exchange.policy.policy_set import PolicySet
from exchange.refusal import Refusal
from exchange.relation import InspectingFacts, ItemFacts, ParticipantFacts, PostingFacts, TrailFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A message that its sender may post, with the facts that decided it. Only `may_post` makes one."""

    message: Message
    sender: ParticipantFacts
    item: ItemFacts
    stated: PostingFacts
    decision: Decision

    @property
    def outcome(self) -> Answer:
        return self.decision.outcome

    @property
    def rules(self) -> tuple[str, ...]:
        return self.decision.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A message that its sender may not post, and why. The sender may know all of it: it wrote what decided."""

    decision: Decision

    @property
    def refusal(self) -> Refusal:
        return Refusal(self.decision.reason, rules=self.decision.told)


def judge_post(policy: PolicySet, message: Message, sender: Participant, now: datetime) -> Permit | Denial:
    """sender: the participant that signed the message, as it stands now. Only ALLOW is a permit: nothing is held."""
    who, item = relation.participant(sender), relation.item(message.label)
    stated = relation.posting(message, sender, now)
    decision = policy.decide(Door.SUBMIT, who, item, stated)
    if decision.outcome is not Answer.ALLOW:
        return Denial(decision=decision)
    return Permit(message=message, sender=who, item=item, stated=stated, decision=decision)


def may_post(policy: PolicySet, message: Message, sender: Participant, now: datetime) -> Permit:
    """The same, for those to whom a denial is the end. Raises Refusal(NOT_CLEARED | GRANT_STALE | SCOPE | DENIED) with
    the rules.
    """
    judged = judge_post(policy, message, sender, now)
    if isinstance(judged, Denial):
        raise judged.refusal
    return judged


def may_inspect(policy: PolicySet, caller: Participant) -> bool:
    """Whether this participant may look at the trail (R46)."""
    facts = relation.participant(caller), TrailFacts(), InspectingFacts()
    return policy.decide(Door.INSPECT, *facts).outcome is Answer.ALLOW
