"""Decisions: what DOMAIN's rules say, in few words of Python, against what the policies and their memory say."""

from dataclasses import replace
from operator import itemgetter
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import relation
from exchange.label import Classification, Handling, Tier, Visibility
from exchange.policy import (
    Answer,
    Asked,
    Denial,
    Door,
    Permit,
    PolicySet,
    judge_post,
    may_inspect,
    may_post,
    parse_question,
    write_question,
)
from exchange.policy.form import reads_of
from exchange.policy.memory import Memory
from exchange.policy.question import Question
from exchange.refusal import Reason, Refusal
from exchange.relation import (
    HoldingFacts,
    InspectingFacts,
    ItemFacts,
    OwningFacts,
    ParticipantFacts,
    PostingFacts,
    ReadingFacts,
    TrailFacts,
)
from tests import network
from tests.network import AGREED, NOW, label, message, participant, shipped_texts

POLICY = PolicySet.load(shipped_texts())
FORGETFUL = PolicySet.load(shipped_texts(), capacity=1)
CALM = settings(deadline=None, max_examples=150)

FRENCH = ParticipantFacts(Tier.T1, 1, True, False)
OFFICIAL = ItemFacts(1, frozenset(), frozenset(Tier), Visibility.WHITE, True, False)
ADDRESSED = ReadingFacts(True, False, False, False)
STATED = PostingFacts(True, True)


def oracle_read(who: ParticipantFacts, item: ItemFacts, being: ReadingFacts) -> Answer:
    """The access rules in plain words, written without a look at the policies."""
    receives = being.addressee and who.tier in ("T1", "T2", "T3")
    if not (receives or being.is_source):
        return Answer.NOHIT
    if not who.active or who.exercise != item.exercise or who.tier in ("T0", "T6"):
        return Answer.NOHIT
    if "MINOR" in item.handling and who.tier in ("T4", "T5"):
        return Answer.NOHIT
    if "SENS" in item.handling and who.tier == "T4":
        return Answer.NOHIT
    if being.is_source:
        return Answer.CONTENT
    kept_from = {"T2": "NOENT", "T3": "NOINT", "T4": "NOPRIV"}.get(who.tier)
    if being.excluded or being.expired or who.tier not in item.tiers or kept_from in item.handling:
        return Answer.NOHIT
    if being.recalled or not (being.granted and being.reviewed and being.agreed):
        return Answer.NOHIT
    shown = Answer.CONTENT
    if who.clearance < item.rank:
        shown = Answer.POINTER if item.hit == "GRAY" and who.tier == "T1" else Answer.NOHIT
    if not being.purpose_fits and shown is not Answer.NOHIT:
        shown = Answer.NOHIT if item.hit == "BLACK" else Answer.POINTER
    return Answer.NOHIT if shown is Answer.POINTER and item.rank == Classification.CON else shown


def oracle_post(who: ParticipantFacts, item: ItemFacts, stated: PostingFacts) -> Answer:
    may = who.active and who.tier in ("T1", "T2", "T3") and who.exercise == item.exercise
    right = stated.necessity_stated and (stated.age_stated or "MINOR" not in item.handling)
    may = may and stated.granted and stated.reviewed and stated.agreed
    return Answer.ALLOW if may and right and who.clearance >= item.rank else Answer.DENY


def oracle_update(who: ParticipantFacts, item: ItemFacts, owning: OwningFacts) -> Answer:
    may = who.active and who.exercise == item.exercise and who.tier != "T6"
    return Answer.ALLOW if may and owning.is_source else Answer.DENY


def oracle_forward(who: ParticipantFacts, item: ItemFacts, holding: HoldingFacts) -> Answer:
    may = who.active and who.exercise == item.exercise and who.tier in ("T1", "T2", "T3")
    if not (may and holding.holds and holding.granted and holding.reviewed and holding.agreed):
        return Answer.DENY
    if holding.is_source or holding.permitted:
        return Answer.ALLOW
    if item.handling & {"H2", "ORCON"} and not holding.to_original_recipient:
        return Answer.DENY
    return Answer.ALLOW if holding.purpose_fits else Answer.HOLD


@CALM
@given(st.lists(st.tuples(network.participant_facts(), network.reading_facts()), min_size=1), network.item_facts())
def test_reading_is_as_the_rules_say(askers: list[tuple[ParticipantFacts, ReadingFacts]], item: ItemFacts) -> None:
    decisions = POLICY.decide_all(Door.READ, item, askers)

    assert {asker: d.outcome for asker, d in decisions.items()} == {a: oracle_read(a[0], item, a[1]) for a in askers}


@CALM
@given(st.lists(st.tuples(network.participant_facts(), network.posting_facts()), min_size=1), network.item_facts())
def test_posting_is_as_the_rules_say(askers: list[tuple[ParticipantFacts, PostingFacts]], item: ItemFacts) -> None:
    decisions = POLICY.decide_all(Door.SUBMIT, item, askers)

    assert {asker: d.outcome for asker, d in decisions.items()} == {a: oracle_post(a[0], item, a[1]) for a in askers}


@CALM
@given(network.participant_facts(), network.item_facts(), network.owning_facts())
def test_acting_upon_an_item_is_as_the_rules_say(who: ParticipantFacts, item: ItemFacts, owning: OwningFacts) -> None:
    assert POLICY.decide(Door.UPDATE, who, item, owning).outcome is oracle_update(who, item, owning)


@CALM
@given(st.lists(st.tuples(network.participant_facts(), network.holding_facts()), min_size=1), network.item_facts())
def test_passing_on_is_as_the_rules_say(askers: list[tuple[ParticipantFacts, HoldingFacts]], item: ItemFacts) -> None:
    decisions = POLICY.decide_all(Door.FORWARD, item, askers)

    assert {asker: d.outcome for asker, d in decisions.items()} == {a: oracle_forward(a[0], item, a[1]) for a in askers}


@CALM
@given(network.participant_facts(), network.item_facts(), network.holding_facts())
def test_originator_control_never_adds_a_recipient(
    who: ParticipantFacts, item: ItemFacts, holding: HoldingFacts
) -> None:
    controlled = item._replace(handling=item.handling | {Handling.ORCON})

    if POLICY.decide(Door.FORWARD, who, controlled, holding).outcome is Answer.ALLOW:
        assert POLICY.decide(Door.FORWARD, who, item, holding).outcome is Answer.ALLOW


def test_only_active_oversight_inspects_the_trail() -> None:
    allowed = [
        (tier, active)
        for tier in Tier
        for active in (True, False)
        if POLICY.decide(
            Door.INSPECT, ParticipantFacts(tier, 3, active, False), TrailFacts(), InspectingFacts()
        ).outcome
        is Answer.ALLOW
    ]

    assert allowed == [(Tier.T6, True)]


@CALM
@given(network.participant_facts(), network.item_facts(), network.reading_facts())
def test_a_remembered_decision_is_the_fresh_one(who: ParticipantFacts, item: ItemFacts, being: ReadingFacts) -> None:
    for asked in (who, FRENCH, who, who):
        remembered, fresh = (policy.decide(Door.READ, asked, item, being) for policy in (POLICY, FORGETFUL))
        assert remembered == fresh == POLICY.decide_all(Door.READ, item, [(asked, being)])[asked, being]


ASKED = st.one_of(
    st.builds(
        Asked,
        door=st.just(Door.READ),
        principal=network.participant_facts(),
        resource=network.item_facts(),
        context=network.reading_facts(),
    ),
    st.builds(
        Asked,
        door=st.just(Door.SUBMIT),
        principal=network.participant_facts(),
        resource=network.item_facts(),
        context=network.posting_facts(),
    ),
    st.builds(
        Asked,
        door=st.just(Door.UPDATE),
        principal=network.participant_facts(),
        resource=network.item_facts(),
        context=network.owning_facts(),
    ),
    st.builds(
        Asked,
        door=st.just(Door.FORWARD),
        principal=network.participant_facts(),
        resource=network.item_facts(),
        context=network.holding_facts(),
    ),
    st.builds(
        Asked,
        door=st.just(Door.INSPECT),
        principal=network.participant_facts(),
        resource=st.just(TrailFacts()),
        context=st.just(InspectingFacts()),
    ),
)


@CALM
@given(ASKED)
def test_a_question_that_was_written_down_is_the_same_question(asked: Asked) -> None:
    assert parse_question(write_question(asked)) == asked
    assert POLICY.answer(parse_question(write_question(asked))) == POLICY.answer(asked)


# ---- what goes wrong permits nothing


def with_questions(policy: PolicySet, *questions: Question) -> PolicySet:
    return replace(policy, _questions={Door.READ: questions}, _decisions={}, memory=Memory())


def question(act: str, text: str, **changed: Any) -> Question:
    """A question over policies that no loading has looked at."""
    parsed = cedarpy.PolicySet.from_str(text)
    nodes = parsed.to_pst().static_policies.values()
    reads = frozenset().union(*(reads_of(node) for node in nodes))
    made = Question.about_act(act, parsed, reads, {"policy0": 0, "policy1": 1}, Memory())
    return replace(made, **changed)


OPEN = "permit(principal, action, resource);"
ERRING = OPEN + "forbid(principal, action, resource) when { resource.rank == 2 };"


def test_an_erring_forbid_is_a_denial_and_shows_no_pointer() -> None:
    """Cedar skips a forbid that errs and says Allow. Here its fact is withheld from the key, so it errs."""
    blind = question("ReadContent", OPEN).resource
    erring = with_questions(POLICY, question("ReadContent", ERRING, resource=blind), question("SeePointer", OPEN))

    alone = erring.decide(Door.READ, FRENCH, OFFICIAL, ADDRESSED)
    among = erring.decide_all(Door.READ, OFFICIAL, [(FRENCH, ADDRESSED)])[FRENCH, ADDRESSED]

    assert alone == among
    assert (alone.outcome, alone.rules, alone.told) == (Answer.NOHIT, ("policy-error",), ())
    assert len(alone.steps) == 1


def test_the_same_forbid_with_its_fact_does_not_err() -> None:
    sound = with_questions(POLICY, question("ReadContent", ERRING), question("SeePointer", OPEN))

    assert sound.decide(Door.READ, FRENCH, OFFICIAL, ADDRESSED).outcome is Answer.CONTENT


def test_no_decision_is_a_denial() -> None:
    asked = question("ReadContent", OPEN)

    step = asked._step(cedarpy.AuthzResult({"decision": "NoDecision", "diagnostics": {}}))

    assert (step.permitted, step.erred, step.rules) == (False, True, ("policy-error",))


def test_entities_that_cedar_does_not_take_are_a_denial() -> None:
    unanswered = with_questions(POLICY, question("ReadContent", OPEN, about="no type"), question("SeePointer", OPEN))

    decision = unanswered.decide(Door.READ, FRENCH, OFFICIAL, ADDRESSED)

    assert (decision.outcome, decision.rules) == (Answer.NOHIT, ("policy-error",))


def test_a_fact_missing_from_the_key_is_a_denial_and_never_a_stale_permit() -> None:
    for read in ("clearance", "tier"):
        narrowed = POLICY._questions[Door.READ][0]
        names = tuple(name for name in narrowed.principal.names if name != read)
        places = [ParticipantFacts._fields.index(name) for name in names]
        part = replace(narrowed.principal, names=names, of=itemgetter(*places))
        forgetful = with_questions(POLICY, replace(narrowed, principal=part, memory=Memory()))

        first = forgetful.decide(Door.READ, FRENCH, OFFICIAL, ADDRESSED)
        second = forgetful.decide(Door.READ, FRENCH._replace(tier=Tier.T4, clearance=0), OFFICIAL, ADDRESSED)

        assert (first.outcome, second.outcome) == (Answer.NOHIT, Answer.NOHIT)


# ---- what is remembered


def test_decisions_are_remembered_by_facts_and_not_by_names() -> None:
    policy = PolicySet.load(shipped_texts())
    marked = relation.item(label())

    for id in ("ncb-ita", "ncb-deu", "ncb-bra"):
        policy.decide(Door.READ, relation.participant(participant(id)), marked, ADDRESSED)

    assert (policy.memory.misses, policy.memory.hits) == (1, 2)


def test_facts_that_no_policy_reads_make_no_new_question() -> None:
    policy = PolicySet.load(shipped_texts())

    for hit in Visibility:  # read only where a pointer is asked for
        policy.decide(Door.READ, FRENCH, OFFICIAL._replace(hit=hit), ADDRESSED)

    assert (policy.memory.misses, policy.memory.hits) == (1, 2)


def test_memory_is_bounded_and_keeps_what_is_in_use() -> None:
    memory: Memory[int] = Memory(capacity=100)
    memory.put("in use", 1)

    for n in range(10_000):
        memory.put(n, n)
        assert memory.get("in use") == 1
        assert len(memory) <= 101

    assert memory.get(0) is None


# ---- who is told


@CALM
@given(network.participant_facts(), network.item_facts(), network.reading_facts())
def test_of_a_reader_its_sender_is_told_only_what_the_sender_wrote(
    who: ParticipantFacts, item: ItemFacts, being: ReadingFacts
) -> None:
    decision = POLICY.decide(Door.READ, who, item, being)

    assert set(decision.told) == set(decision.rules) & {"R09", "R10", "R31", "R32", "R49"}


@CALM
@given(network.participant_facts(), network.item_facts(), network.posting_facts())
def test_a_caller_is_told_every_rule_that_refused_it(
    who: ParticipantFacts, item: ItemFacts, stated: PostingFacts
) -> None:
    decision = POLICY.decide(Door.SUBMIT, who, item, stated)

    assert decision.told == (() if decision.outcome is Answer.ALLOW else decision.rules)


def test_the_listing_tells_whom_each_rule_is_told() -> None:
    told = {rule.id for rule in POLICY.listing() if rule.tell == "sender" and rule.effect != "gate"}

    assert told == {"R07.post", "R09", "R10", "R31", "R31.post", "R32", "R32.post", "R49"}


def test_cedar_rules_and_gate_rules_are_listed_side_by_side() -> None:
    effects = {rule.id: rule.effect for rule in POLICY.listing()}

    assert {id for id, effect in effects.items() if effect == "gate"} == {"R01", "R05", "R06", "R29", "R50", "R52"}
    assert effects["R07"] == "forbid"
    assert effects["R46"] == "permit"


def test_every_step_of_a_decision_is_explained_in_words_with_its_source() -> None:
    decision = POLICY.decide(Door.READ, FRENCH, OFFICIAL._replace(rank=2, hit=Visibility.GRAY), ADDRESSED)

    content, pointer = POLICY.explain(decision)

    assert (content.act, content.permitted, pointer.act, pointer.permitted) == (
        "ReadContent",
        False,
        "SeePointer",
        True,
    )
    assert [(rule.id, rule.says, rule.source) for rule in content.rules] == [
        ("R07", "clearance below the classification", "RPD 112-113")
    ]


def test_a_denial_by_no_rule_is_explained_too() -> None:
    decision = POLICY.decide(Door.READ, FRENCH, OFFICIAL, ADDRESSED._replace(addressee=False))

    assert [rule.says for step in POLICY.explain(decision) for rule in step.rules] == ["no rule permits it"] * 2


# ---- may this sender post this?


def test_a_sender_within_its_clearance_gets_a_permit() -> None:
    sender = participant("ncb-fra", clearance=Classification.RES)

    permit = may_post(POLICY, message(label("RES"), "ncb-ita"), sender, NOW)

    assert isinstance(permit, Permit)
    assert (permit.outcome, permit.rules) == (Answer.ALLOW, ("may-submit",))


@pytest.mark.parametrize(
    ("marked", "entities", "sender", "reason", "rules"),
    [
        (label("RES"), [], participant("ncb-fra"), Reason.NOT_CLEARED, ("R07.post",)),
        (label(), [], network.suspended(participant("ncb-fra")), Reason.DENIED, ("R02",)),
        (label("OUO", "EXERCISE"), [], participant("ncb-fra"), Reason.DENIED, ("R49",)),
        (label(), [], participant("ncb-fra", exercise=True), Reason.DENIED, ("R49",)),
        (label("OUO", "MINOR"), [{"kind": "person"}], participant("ncb-fra"), Reason.DENIED, ("R31.post",)),
        (label("OUO", "SENS"), [], participant("ncb-fra"), Reason.DENIED, ("R32.post",)),
        (label(), [{"kind": "person", "special_data": True}], participant("ncb-fra"), Reason.DENIED, ("R32.post",)),
        (label(), [], participant("prt-x", Tier.T4, agreement=AGREED), Reason.DENIED, ("no-rule-permits",)),
        (label(), [], participant("opr-x", Tier.T0), Reason.DENIED, ("no-rule-permits",)),
        (label(), [], participant("ovs-x", Tier.T6), Reason.DENIED, ("R46.only",)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_a_sender_that_may_not_post_is_told_by_which_rule(
    marked: Any, entities: Any, sender: Any, reason: Reason, rules: tuple[str, ...]
) -> None:
    unsent = message(marked, "ncb-ita", entities=entities)

    with pytest.raises(Refusal) as refused:
        may_post(POLICY, unsent, sender, NOW)

    assert (refused.value.reason, refused.value.rules) == (reason, rules)
    assert isinstance(judge_post(POLICY, unsent, sender, NOW), Denial)


def test_what_would_be_held_for_review_is_refused_while_nobody_reviews() -> None:
    texts = shipped_texts()
    reviewed = texts.policies["request.cedar"] + (
        '@id("R28") @source("RPD 129-131") @verified("recalled") @tell("audit") @says("reviewed first")\n'
        'forbid(principal, action == Action::"Submit", resource);'
    )
    policy = PolicySet.load(replace(texts, policies={**texts.policies, "request.cedar": reviewed}))

    judged = judge_post(policy, message(label(), "ncb-ita"), participant("ncb-fra"), NOW)

    assert isinstance(judged, Denial)
    assert (judged.decision.outcome, judged.decision.rules) == (Answer.HOLD, ("R28",))


def test_an_auditor_inspects_the_trail_and_a_bureau_does_not() -> None:
    assert may_inspect(POLICY, participant("ovs-auditor", Tier.T6))
    assert not may_inspect(POLICY, participant("ncb-fra"))
    assert not may_inspect(POLICY, network.suspended(participant("ovs-auditor", Tier.T6)))


def test_a_minor_may_carry_the_age_in_two_ways() -> None:
    for age in ({"age": 9}, {"birth_date": "2017-01-01"}):
        child = {"kind": "person", "person_status": "MIS", **age}
        may_post(POLICY, message(label("OUO", "MINOR"), "ncb-ita", entities=[child]), participant("ncb-fra"), NOW)


def test_exercise_is_no_handling_to_a_policy() -> None:
    marked = relation.item(label("OUO", "EXERCISE", "H1"))

    assert marked.exercise
    assert marked.handling == {Handling.H1}
