"""A policy set that came into force before the exchange learned new facts and acts: it decides as it did then."""

from dataclasses import replace

import pytest

from exchange.policy import Answer, PolicySet, check_cases, parse_question
from exchange.policy.ladder import LADDER_OF
from exchange.refusal import Reason, Refusal
from tests.network import founded_before, shipped_texts

BEFORE = founded_before()
IN_FORCE = PolicySet.load(BEFORE, strict=False)

FEWER = replace(shipped_texts(), schema=shipped_texts().schema.replace(", expired: Bool", ""))


def test_a_set_in_force_decides_as_its_own_cases_say() -> None:
    assert IN_FORCE.digest == "79c4358db2f29b0fb241426de612bb3e9761de457ba694beb5057bf873983c58"
    assert all(result.passed for result in check_cases(IN_FORCE))


def test_an_exchange_founded_on_it_starts_and_does_none_of_the_new_acts() -> None:
    """Until two officers activate a set that speaks of them."""
    for question in ("T1 RES | update | OUO | source", "T1 RES | forward | OUO | holds source permitted"):
        assert PolicySet.load(shipped_texts()).answer(parse_question(question)).outcome is Answer.ALLOW

        decision = IN_FORCE.answer(parse_question(question))

        assert (decision.outcome, decision.rules) == (Answer.DENY, ("no-rule-permits",))


def test_it_does_not_come_into_force_again() -> None:
    with pytest.raises(Refusal) as refused:
        PolicySet.load(BEFORE)

    assert next(fault.path for fault in refused.value.faults) == "/schema"


def test_a_set_that_does_not_know_every_fact_is_in_force_or_does_not_come_into_force() -> None:
    assert PolicySet.load(FEWER, strict=False).rules.keys() == PolicySet.load(shipped_texts()).rules.keys()
    with pytest.raises(Refusal) as refused:
        PolicySet.load(FEWER)

    assert refused.value.reason is Reason.POLICY_WRONG


@pytest.mark.parametrize("condition", ["principal.country", "context.subscribed", "resource.owner == 1"])
def test_a_set_in_force_reads_only_what_is_computed(condition: str) -> None:
    """The control: by what it reads it is refused still, or its rule would err at each decision."""
    text = BEFORE.policies["record.cedar"].replace("context.expired", condition)

    with pytest.raises(Refusal) as refused:
        PolicySet.load(replace(BEFORE, policies={**BEFORE.policies, "record.cedar": text}), strict=False)

    assert [fault.says for fault in refused.value.faults] == ["reads only facts that the exchange computes"]


def test_a_set_in_force_is_cedar_with_its_annotations() -> None:
    text = BEFORE.policies["record.cedar"]
    for changed in (text.replace('@tell("audit")', "", 1), text + "permit(everybody);"):
        with pytest.raises(Refusal):
            PolicySet.load(replace(BEFORE, policies={**BEFORE.policies, "record.cedar": changed}), strict=False)


def test_what_permits_everything_of_an_act_is_written_for_that_act() -> None:
    """Of acts that it never heard of, the set says no to everybody: its permits name theirs."""
    known = {"Submit", "SubmitForReview", "ReadContent", "SeePointer", "Inspect"}

    permitted = {act for rule in IN_FORCE.rules.values() if rule.effect == "permit" for act in rule.acts}

    assert permitted == known
    assert known <= LADDER_OF.keys()


def test_a_question_kept_in_an_older_trail_is_answered_as_then() -> None:
    asked = parse_question("T1 OUO suspended | read | RES NOENT GRAY to:T1,T2 | addressee excluded")

    assert IN_FORCE.answer(asked).outcome is Answer.NOHIT
    assert set(IN_FORCE.answer(asked).rules) == {"R02", "R07", "R09"}
