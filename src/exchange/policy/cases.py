"""Cases: who may do what, as tables that people who write no code can read and sign. A policy set must pass its own.

    who      | asks   | of what     | being     | answer  | by
    T1 OUO   | read   | RES GRAY    | addressee | POINTER | R07

The first four columns are a question (words.py). `by` names every rule that decides, so that a rule cannot fall away
and leave its outcome to another. # starts a comment.

The gate's own rules have tables of four columns. Tests act out each `example`: those for the gate on bytes alone, those
for the door on a whole exchange.

    example                     | posted to | answer           | by
    no classification           | gate      | LABEL_INCOMPLETE | R06
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exchange.policy.decision import Decision
from exchange.policy.ladder import LADDERS, Answer
from exchange.policy.policy_set import PolicySet
from exchange.policy.words import Asked, read_columns, split_columns
from exchange.refusal import Fault, Reason, Refusal

ACCEPTED = "ACCEPTED"  # the answer of the gate to what it lets pass

_DECISIONS = ("who", "asks", "of what", "being", "answer", "by")
_GATE = ("example", "posted to", "answer", "by")
_POSTED_TO = ("gate", "door")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """place: file and line. text: as written."""

    place: str
    text: str
    asked: Asked
    answer: Answer
    by: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCase:
    """answer: a reason, or ACCEPTED. by: the rule that the case shows."""

    place: str
    example: str
    posted_to: str
    answer: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """A case and what the policy set says to it."""

    case: Case
    decision: Decision

    @property
    def passed(self) -> bool:
        return self.decision.outcome is self.case.answer and frozenset(self.decision.rules) == self.case.by


def run_cases(policy: PolicySet) -> list[CaseResult]:
    """Every decision that the set's own cases ask for. Raises Refusal(POLICY_WRONG) where a table is malformed, and
    Refusal(POLICY_CASES_FAILED) where there is none: no cases are no pass.
    """
    cases, _ = read_cases(policy.texts.cases)
    if not cases:
        raise Refusal(Reason.POLICY_CASES_FAILED, faults=(Fault("/cases", "holds a case"),))
    return [CaseResult(case=case, decision=policy.answer(case.asked)) for case in cases]


def check_cases(policy: PolicySet) -> list[CaseResult]:
    """The results, if every case passes and every policy has one that it decides and one that it could but does not.

    Raises Refusal(POLICY_WRONG | POLICY_CASES_FAILED).
    """
    results = run_cases(policy)
    faults = [
        Fault(f"/cases/{result.case.place}", f"answers {result.decision.outcome} by {' '.join(result.decision.rules)}")
        for result in results
        if not result.passed
    ]
    faults += [
        Fault(f"/policies/{id}", "has a case that it decides and one that it does not")
        for id in untried(results, policy)
    ]
    if faults:
        raise Refusal(Reason.POLICY_CASES_FAILED, faults=tuple(faults))
    return results


def untried(results: Sequence[CaseResult], policy: PolicySet) -> tuple[str, ...]:
    """Ids of rules that decide none of the cases, or every case that asks for an act of theirs."""
    fired: dict[str, set[bool]] = {id: set() for id in policy.rules}
    for result in results:
        for step in result.decision.steps:
            for id, rule in policy.rules.items():
                if step.act in rule.acts:
                    fired[id].add(id in step.rules)
    return tuple(id for id, ever in fired.items() if len(ever) < 2)


def read_cases(texts: Mapping[str, str]) -> tuple[list[Case], list[GateCase]]:
    """texts: by file name. Raises Refusal(POLICY_WRONG) and names every line that is not a case."""
    cases: list[Case] = []
    gate: list[GateCase] = []
    faults = []
    for file, text in sorted(texts.items()):
        header: tuple[str, ...] = ()
        for number, line in _lines(text):
            place, columns = f"{file}/{number}", split_columns(line)
            try:
                if columns in (_DECISIONS, _GATE):
                    header = columns
                elif header == _DECISIONS:
                    cases.append(_case(place, line, columns))
                elif header == _GATE:
                    gate.append(_gate_case(place, columns))
                else:
                    raise ValueError("no header")
            except (ValueError, KeyError):
                faults.append(Fault(f"/cases/{place}", "is a case of the table that it stands in"))
    if faults:
        raise Refusal(Reason.POLICY_WRONG, faults=tuple(faults))
    return cases, gate


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, numbered from 1. A comment starts with #."""
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if said and not said.startswith("#"):
            yield number, said


def _case(place: str, text: str, columns: tuple[str, ...]) -> Case:
    *question, answer, by = columns
    asked = read_columns(question)
    ladder = LADDERS[asked.door]
    expected = Answer(answer)
    if expected not in (*ladder.rungs.values(), ladder.bottom) or not by:
        raise ValueError("an answer of another door, or by nobody")
    return Case(place=place, text=text, asked=asked, answer=expected, by=frozenset(by.split()))


def _gate_case(place: str, columns: tuple[str, ...]) -> GateCase:
    example, posted_to, answer, by = columns
    if posted_to not in _POSTED_TO or not example:
        raise ValueError("posted to nobody")
    rules = {reason.rule.id for reason in Reason if reason.rule and answer in (reason.code, ACCEPTED)}
    if by not in rules:
        raise ValueError("not a rule of the gate, or not of this reason")
    return GateCase(place=place, example=example, posted_to=posted_to, answer=answer, by=by)
