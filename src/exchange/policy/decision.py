"""What a door decided, by which rules, who may be told of them, and the whole trace for those who audit."""

from dataclasses import dataclass

from exchange.policy.ladder import Answer
from exchange.policy.question import Step
from exchange.policy.rule import Rule
from exchange.refusal import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """rules: ids of all that decided. told: those of them that the door may name: to the caller itself at a door that
    explains, else to the sender of the item; a reader is told none. reason: what a refusal of it is called.
    """

    outcome: Answer
    rules: tuple[str, ...]
    told: tuple[str, ...]
    reason: Reason
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One step of a decision with its rules in full."""

    act: str
    permitted: bool
    rules: tuple[Rule, ...]
