"""The doors at which a policy is asked, and how each asks: plain yes or no, act by act, with a word for the bottom.

Cedar answers permit or forbid and nothing between. What lies between (a pointer, a hold) is a lower rung: a rule that
hides an item forbids both acts, one that leaves a pointer forbids the first alone. So no rule carries an outcome, and
the most permissive answer is reached only by an explicit permit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from exchange import relation
from exchange.relation import Context, Resource


class Answer(StrEnum):
    """What a door says."""

    ALLOW = "ALLOW"
    HOLD = "HOLD"
    DENY = "DENY"
    CONTENT = "CONTENT"
    POINTER = "POINTER"
    NOHIT = "NOHIT"


class Door(StrEnum):
    SUBMIT = "submit"
    READ = "read"
    UPDATE = "update"
    FORWARD = "forward"
    INSPECT = "inspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """rungs: act -> what its permit means, tried in order. tells_caller: whether a refusal names every rule to the
    caller; otherwise only rules with @tell("sender") are told, and to the item's sender.
    """

    rungs: Mapping[str, Answer]
    bottom: Answer
    about: str
    resource: type[Resource]
    context: type[Context]
    tells_caller: bool


LADDERS: Mapping[Door, Ladder] = {
    Door.SUBMIT: Ladder(
        rungs={"Submit": Answer.ALLOW, "SubmitForReview": Answer.HOLD},
        bottom=Answer.DENY,
        about="Item",
        resource=relation.ItemFacts,
        context=relation.PostingFacts,
        tells_caller=True,
    ),
    Door.READ: Ladder(
        rungs={"ReadContent": Answer.CONTENT, "SeePointer": Answer.POINTER},
        bottom=Answer.NOHIT,
        about="Item",
        resource=relation.ItemFacts,
        context=relation.ReadingFacts,
        tells_caller=False,
    ),
    Door.UPDATE: Ladder(
        rungs={"Update": Answer.ALLOW},
        bottom=Answer.DENY,
        about="Item",
        resource=relation.ItemFacts,
        context=relation.OwningFacts,
        tells_caller=True,
    ),
    Door.FORWARD: Ladder(
        rungs={"Forward": Answer.ALLOW, "AskForward": Answer.HOLD},
        bottom=Answer.DENY,
        about="Item",
        resource=relation.ItemFacts,
        context=relation.HoldingFacts,
        tells_caller=True,
    ),
    Door.INSPECT: Ladder(
        rungs={"Inspect": Answer.ALLOW},
        bottom=Answer.DENY,
        about="Trail",
        resource=relation.TrailFacts,
        context=relation.InspectingFacts,
        tells_caller=True,
    ),
}

LADDER_OF: Mapping[str, Ladder] = {act: ladder for ladder in LADDERS.values() for act in ladder.rungs}
