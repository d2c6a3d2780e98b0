"""The shipped cases hold, each policy carries weight, and a table that says nothing definite is refused."""

from dataclasses import replace

import pytest

from exchange.policy import Answer, PolicySet, check_cases, parse_question, run_cases
from exchange.policy.cases import ACCEPTED, read_cases
from exchange.policy.rule import gate_rules
from exchange.refusal import Reason, Refusal
from tests.network import shipped_texts, without_policy

TEXTS = shipped_texts()
POLICY = PolicySet.load(TEXTS)
HEADER = "who | asks | of what | being | answer | by\n"
GATE_HEADER = "example | posted to | answer | by\n"


def with_cases(text: str) -> PolicySet:
    return PolicySet.load(replace(TEXTS, cases={"a.cases": text}))


def test_the_shipped_policies_pass_their_cases() -> None:
    results = check_cases(POLICY)

    assert len(results) > 80
    assert all(result.passed for result in results)


@pytest.mark.parametrize("id", POLICY.rules)
def test_without_any_one_policy_a_case_fails(id: str) -> None:
    weakened = PolicySet.load(without_policy(TEXTS, id))

    assert weakened.rules.keys() == POLICY.rules.keys() - {id}
    assert [result.case.text for result in run_cases(weakened) if not result.passed] != []


def test_a_case_holds_by_its_rules_and_not_by_its_answer_alone() -> None:
    policy = with_cases(HEADER + "T1 OUO | read | RES | addressee excluded | NOHIT | R09")

    assert [result.passed for result in run_cases(policy)] == [False]


def test_a_failing_case_is_named_with_what_was_answered() -> None:
    policy = with_cases(HEADER + "\n# a comment\nT1 OUO | read | RES | addressee | CONTENT | addressee")

    with pytest.raises(Refusal) as refused:
        check_cases(policy)

    assert refused.value.reason is Reason.POLICY_CASES_FAILED
    assert ("/cases/a.cases/4", "answers NOHIT by R07 R07.hide") in [(f.path, f.says) for f in refused.value.faults]


def test_a_policy_without_a_case_for_and_against_it_is_refused() -> None:
    policy = with_cases(HEADER + "T1 OUO | read | OUO | source | CONTENT | source")

    with pytest.raises(Refusal) as refused:
        check_cases(policy)

    assert "/policies/source" in [fault.path for fault in refused.value.faults]  # fires in every case there is
    assert "/policies/R09" in [fault.path for fault in refused.value.faults]  # fires in none


@pytest.mark.parametrize("cases", [{}, {"a.cases": "# nothing\n"}, {"a.cases": HEADER}])
def test_no_cases_are_no_pass(cases: dict[str, str]) -> None:
    policy = PolicySet.load(replace(TEXTS, cases=cases))

    for check in (run_cases, check_cases):
        with pytest.raises(Refusal) as refused:
            check(policy)
        assert refused.value.reason is Reason.POLICY_CASES_FAILED


@pytest.mark.parametrize(
    "line",
    [
        "T1 OUO | read | OUO | addressee | CONTENT",
        "T9 OUO | read | OUO | addressee | CONTENT | addressee",
        "T1 | read | OUO | addressee | CONTENT | addressee",
        "T1 OUO happy | read | OUO | addressee | CONTENT | addressee",
        "T1 OUO | peek | OUO | addressee | CONTENT | addressee",
        "T1 OUO | read | SECRET | addressee | CONTENT | addressee",
        "T1 OUO | read | OUO MINR | addressee | CONTENT | addressee",
        "T1 OUO | read | OUO GRAY BLACK | addressee | CONTENT | addressee",
        "T1 OUO | read | OUO to:T9 | addressee | CONTENT | addressee",
        "T1 OUO | read | OUO | friend | CONTENT | addressee",
        "T1 OUO | read | OUO | age-missing | CONTENT | addressee",
        "T1 OUO | read | OUO | addressee | ALLOW | addressee",
        "T1 OUO | read | OUO | addressee | FINE | addressee",
        "T1 OUO | read | OUO | addressee | CONTENT | ",
        "T6 OUO | inspect | OUO | - | ALLOW | R46",
        "T6 OUO | inspect | trail | source | ALLOW | R46",
    ],
)
def test_a_line_that_is_no_case_is_refused_and_named(line: str) -> None:
    with pytest.raises(Refusal) as refused:
        run_cases(with_cases(HEADER + line))

    assert refused.value.reason is Reason.POLICY_WRONG
    assert [fault.path for fault in refused.value.faults] == ["/cases/a.cases/2"]


@pytest.mark.parametrize(
    "line",
    [
        "something | gate | BAD_SIGNATURE | R06",
        "something | gate | DENIED | R01",
        "something | gate | ACCEPTED | R07",
        "something | nowhere | BAD_SIGNATURE | R01",
        " | gate | BAD_SIGNATURE | R01",
        "something | gate | BAD_SIGNATURE",
    ],
)
def test_a_line_that_is_no_case_of_the_gate_is_refused(line: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_cases({"a.cases": GATE_HEADER + line})

    assert [fault.path for fault in refused.value.faults] == ["/cases/a.cases/2"]


def test_a_case_before_any_header_is_refused() -> None:
    with pytest.raises(Refusal):
        read_cases({"a.cases": "T1 OUO | read | OUO | addressee | CONTENT | addressee"})


def test_every_rule_of_the_gate_has_a_case_that_passes_and_one_that_does_not() -> None:
    _, cases = read_cases(TEXTS.cases)
    shown = {(case.by, case.answer == ACCEPTED) for case in cases}

    assert shown == {(rule.id, accepted) for rule in gate_rules() for accepted in (True, False)}


def test_a_question_is_asked_in_the_words_of_cases() -> None:
    asked = parse_question("T1 OUO | read | RES GRAY | addressee")

    decision = POLICY.answer(asked)

    assert (decision.outcome, decision.rules) == (Answer.POINTER, ("R07",))


@pytest.mark.parametrize(
    "text", ["", "T1 OUO | read", "T1 OUO | read | RES | addressee | CONTENT | R07", "a | b | c | d"]
)
def test_what_is_no_question_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_question(text)

    assert refused.value.reason is Reason.POLICY_WRONG
