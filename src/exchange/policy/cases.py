"""Cases: who may do what, as tables that people who write no code can read and sign. A policy set must pass its own.

    who      | asks   | of what     | being     | answer  | by
    T1 OUO   | read   | RES GRAY    | addressee | POINTER | R07

Six columns. `who`: tier, clearance, and `suspended` or `exercise`. `asks`: a door. `of what`: a label (classification,
handling, hit visibility if not WHITE, `to:T1,T2` if not every tier) or `trail`. `being`: what holds between the two,
`-` for nothing. `by`: every rule that decides, so that a rule cannot fall away and leave its outcome to another.

The gate's own rules have tables of four columns, whose `example` is a label of a case that the gate's tests act out:

    example                     | posted to | answer           | by
    no classification           | gate      | LABEL_INCOMPLETE | R06
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exchange.label import Classification, Handling, Tier, Visibility
from exchange.policy.decision import Decision
from exchange.policy.ladder import LADDERS, Answer, Door
from exchange.policy.policy_set import PolicySet
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

ACCEPTED = "ACCEPTED"  # the answer of the gate to what it lets pass

_DECISIONS = ("who", "asks", "of what", "being", "answer", "by")
_GATE = ("example", "posted to", "answer", "by")
_POSTED_TO = ("gate", "store")
_ALL_HANDLING = frozenset(Handling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a case asks: everything but the answer."""

    door: Door
    principal: Principal
    resource: Resource
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """place: file and line. text: as written."""

    place: str
    text: str
    question: Question
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
    return [CaseResult(case=case, decision=_decide(policy, case.question)) for case in cases]


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


def parse_question(text: str) -> Question:
    """The first four columns of a case, `T1 OUO | read | RES GRAY | addressee`. Raises Refusal(POLICY_WRONG)."""
    columns = _columns(text)
    try:
        if len(columns) != 4:
            raise ValueError("four columns")
        return _question(*columns)
    except (ValueError, KeyError):
        raise Refusal(Reason.POLICY_WRONG, faults=(Fault("/cases", "is four columns of the words of cases"),)) from None


def read_cases(texts: Mapping[str, str]) -> tuple[list[Case], list[GateCase]]:
    """texts: by file name. Raises Refusal(POLICY_WRONG) and names every line that is not a case."""
    cases: list[Case] = []
    gate: list[GateCase] = []
    faults = []
    for file, text in sorted(texts.items()):
        header: tuple[str, ...] = ()
        for number, line in _lines(text):
            place, columns = f"{file}/{number}", _columns(line)
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


def _decide(policy: PolicySet, asked: Question) -> Decision:
    return policy.decide(asked.door, asked.principal, asked.resource, asked.context)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, numbered from 1. A comment starts with #."""
    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if said and not said.startswith("#"):
            yield number, said


def _columns(line: str) -> tuple[str, ...]:
    return tuple(column.strip() for column in line.split("|"))


def _case(place: str, text: str, columns: tuple[str, ...]) -> Case:
    who, asks, of_what, being, answer, by = columns
    question = _question(who, asks, of_what, being)
    ladder = LADDERS[question.door]
    expected = Answer(answer)
    if expected not in (*ladder.rungs.values(), ladder.bottom) or not by:
        raise ValueError("an answer of another door, or by nobody")
    return Case(place=place, text=text, question=question, answer=expected, by=frozenset(by.split()))


def _gate_case(place: str, columns: tuple[str, ...]) -> GateCase:
    example, posted_to, answer, by = columns
    if posted_to not in _POSTED_TO or not example:
        raise ValueError("posted to nobody")
    rules = {reason.rule.id for reason in Reason if reason.rule and answer in (reason.code, ACCEPTED)}
    if by not in rules:
        raise ValueError("not a rule of the gate, or not of this reason")
    return GateCase(place=place, example=example, posted_to=posted_to, answer=answer, by=by)


def _question(who: str, asks: str, of_what: str, being: str) -> Question:
    door = Door(asks)
    resource = _trail(of_what) if LADDERS[door].resource is TrailFacts else _item(of_what)
    return Question(door=door, principal=_participant(who), resource=resource, context=_context(door, being))


def _participant(words: str) -> ParticipantFacts:
    tier, clearance, *flags = words.split()
    _no_others(flags, {"suspended", "exercise"})
    return ParticipantFacts(Tier(tier), int(Classification[clearance]), "suspended" not in flags, "exercise" in flags)


def _item(words: str) -> ItemFacts:
    classification, *others = words.split()
    tiers = [Tier(tier) for word in others if word.startswith("to:") for tier in word.removeprefix("to:").split(",")]
    codes = {word for word in others if not word.startswith("to:")}
    handling = frozenset(Handling(code) for code in codes if code in _ALL_HANDLING)
    hits = [Visibility(code) for code in codes if code not in _ALL_HANDLING]
    if len(hits) > 1:
        raise ValueError("one visibility")
    return ItemFacts(
        int(Classification[classification]),
        handling - {Handling.EXERCISE},
        frozenset(tiers or Tier),
        hits[0] if hits else Visibility.WHITE,
        True,
        Handling.EXERCISE in handling,
    )


def _trail(words: str) -> TrailFacts:
    if words != "trail":
        raise ValueError("there is one trail")
    return TrailFacts()


def _context(door: Door, words: str) -> Context:
    said = set() if words == "-" else set(words.split())
    match door:
        case Door.SUBMIT:
            _no_others(said, {"age-missing", "necessity-missing"})
            return PostingFacts("age-missing" not in said, "necessity-missing" not in said)
        case Door.READ:
            _no_others(said, {"addressee", "source", "excluded", "expired"})
            return ReadingFacts("addressee" in said, "source" in said, "excluded" in said, "expired" in said)
        case Door.INSPECT:
            _no_others(said, set())
            return InspectingFacts()


def _no_others(said: Sequence[str] | set[str], known: set[str]) -> None:
    if not set(said) <= known:
        raise ValueError("a word that means nothing here")
