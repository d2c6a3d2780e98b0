"""Who may do what: Cedar policies asked at each door, over the facts of relation.py. The one room that knows Cedar."""

from exchange.policy.cases import CaseResult, check_cases, run_cases
from exchange.policy.decision import Decision, Explained
from exchange.policy.ladder import Answer, Door
from exchange.policy.policy_set import PolicySet
from exchange.policy.request import Denial, Permit, judge_post, may_inspect, may_post
from exchange.policy.rule import Rule
from exchange.policy.standing import Standing
from exchange.policy.texts import PolicyTexts, parse_texts
from exchange.policy.words import Asked, parse_question, write_question

__all__ = [
    "Answer",
    "Asked",
    "CaseResult",
    "Decision",
    "Denial",
    "Door",
    "Explained",
    "Permit",
    "PolicySet",
    "PolicyTexts",
    "Rule",
    "Standing",
    "check_cases",
    "judge_post",
    "may_inspect",
    "may_post",
    "parse_question",
    "parse_texts",
    "run_cases",
    "write_question",
]
