"""Who gets a message, what its sender is told of the others, and that preview, routing and reading agree."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import addressing, relation, routing, strictjson
from exchange.envelope import Recipient, ToAll, ToCountry, ToParticipant, ToTier
from exchange.label import Classification, Handling, Label, Mode, Releasability, Tier, Visibility
from exchange.participant import Operation, Participant, ParticipantId
from exchange.policy import Answer, PolicySet, Standing, may_post
from exchange.refusal import Reason, Refusal
from exchange.routing import Routing
from tests import network
from tests.network import NOW, label, message, participant, shipped_texts, standing, suspended, without_policy

POLICY = PolicySet.load(shipped_texts())
STANDING = standing(POLICY)
CALM = settings(deadline=None, max_examples=80)
SENDER = ParticipantId("ncb-fra")


def route(marked: Label, *recipients: Recipient | str, under: Standing = STANDING, now: datetime = NOW) -> Routing:
    sent = message(marked, *recipients)
    return routing.route(may_post(under.policy, sent, under.directory.participants[sent.sender], now), under, now)


def expanded(*recipients: Recipient, under: Standing = STANDING) -> list[str]:
    return [who.id for who, _ in addressing.expand(recipients, under, SENDER, NOW)]


def released(routed: Routing) -> list[str]:
    return [who.id for who in routed.released]


# ---- expansion


def test_everybody_is_everybody_but_operator_oversight_and_the_sender() -> None:
    assert expanded(ToAll()) == ["agy-wildlife", "ent-fra-customs", "ncb-bra", "ncb-deu", "ncb-ita", "prt-museum"]


def test_a_country_is_all_who_are_of_it() -> None:
    assert expanded(ToCountry("FRA")) == ["ent-fra-customs", "prt-museum"]
    assert expanded(ToCountry("XXA"), ToCountry("ITA")) == ["agy-wildlife", "ncb-ita"]


def test_a_tier_is_all_who_are_of_it() -> None:
    assert expanded(ToTier(Tier.T1)) == ["ncb-bra", "ncb-deu", "ncb-ita"]


def test_nobody_is_addressed_twice_and_a_name_counts_more_than_a_circle() -> None:
    recipients = (ToAll(), ToParticipant("ncb-ita"), ToCountry("ITA"), ToTier(Tier.T1))

    addressees = addressing.expand(recipients, STANDING, SENDER, NOW)

    assert [who.id for who, _ in addressees] == expanded(ToAll())
    assert [who.id for who, named in addressees if named] == ["ncb-ita"]


@pytest.mark.parametrize("unknown", [ToParticipant("ncb-atl"), ToCountry("ATL")])
def test_an_unknown_name_is_refused_and_pointed_at(unknown: Recipient) -> None:
    with pytest.raises(Refusal) as refused:
        expanded(ToAll(), unknown)

    assert refused.value.reason is Reason.UNKNOWN_RECIPIENT
    assert [fault.path for fault in refused.value.faults] == ["/recipients/1"]


@pytest.mark.parametrize("nobody", [ToParticipant("ncb-fra"), ToTier(Tier.T5), ToTier(Tier.T0), ToTier(Tier.T6)])
def test_nobody_but_the_sender_is_nobody(nobody: Recipient) -> None:
    with pytest.raises(Refusal) as refused:
        expanded(nobody)

    assert refused.value.reason is Reason.NO_RECIPIENTS


@pytest.mark.parametrize(("others", "refused"), [(256, False), (257, True)])
def test_at_most_256_are_reached_however_they_are_named(others: int, refused: bool) -> None:
    many = [participant(f"ncb-{n:03}", country="DEU") for n in range(others)]
    under = standing(POLICY, participant("ncb-fra"), *many)

    if refused:
        with pytest.raises(Refusal) as too_many:
            expanded(ToCountry("DEU"), under=under)
        assert too_many.value.reason is Reason.TOO_MANY_RECIPIENTS
    else:
        assert len(expanded(ToAll(), ToCountry("DEU"), under=under)) == others


# ---- release


def test_a_message_reaches_whom_it_addresses_and_its_label_lets_through() -> None:
    routed = route(label(exclude="BRA"), ToTier(Tier.T1), "agy-wildlife")

    assert released(routed) == ["agy-wildlife", "ncb-deu", "ncb-ita"]


def test_a_bureau_below_the_classification_is_withheld_and_its_sender_not_told_why() -> None:
    routed = route(label("RES"), "ncb-ita", "ncb-deu")

    assert routed.for_sender() == [
        {"participant": "ncb-deu", "outcome": "withheld"},
        {"participant": "ncb-ita", "outcome": "released"},
    ]
    assert [outcome.rules for outcome in routed.outcomes] == [("R07", "R07.hide"), ("addressee",)]


def test_a_pointer_is_no_release() -> None:
    routed = route(label("RES", hit_visibility=Visibility.GRAY), "ncb-deu")

    assert [outcome.decision.outcome for outcome in routed.outcomes] == [Answer.POINTER]
    assert released(routed) == []


@pytest.mark.parametrize(
    ("marked", "to", "rule"),
    [
        (label(exclude="DEU"), "ncb-deu", "R09"),
        (label(only="ITA"), "ncb-deu", "R09"),
        (label("OUO", "NOENT"), "ent-fra-customs", "R10"),
        (label("OUO", "NOINT"), "agy-wildlife", "R10"),
        (label("OUO", "NOPRIV"), "prt-museum", "R10"),
        (label("OUO", "MINOR"), "prt-museum", "R31"),
    ],
)
def test_a_sender_is_told_the_rule_that_it_wrote_itself(marked: Label, to: str, rule: str) -> None:
    assert route(marked, to).for_sender() == [{"participant": to, "outcome": "withheld", "rule": rule}]


def test_of_a_circle_those_withheld_are_neither_named_nor_counted() -> None:
    to_all = route(label("RES", exclude="BRA"), ToAll())
    with_name = route(label("RES", exclude="BRA"), ToAll(), "ncb-bra")

    assert to_all.for_sender() == [{"participant": "ncb-ita", "outcome": "released"}]
    assert with_name.for_sender() == [
        {"participant": "ncb-bra", "outcome": "withheld", "rule": "R09"},
        {"participant": "ncb-ita", "outcome": "released"},
    ]


def test_what_a_sender_is_told_does_not_depend_on_a_suspension() -> None:
    """A suspension is not published: the suspended shows as released, and does not read."""
    calm = network.network()
    shaken = standing(POLICY, *(suspended(who) if who.id == "ncb-deu" else who for who in calm))

    before, after = route(label(), ToAll(), "ncb-deu"), route(label(), ToAll(), "ncb-deu", under=shaken)

    assert before.for_sender() == after.for_sender()
    assert before.for_audit() == after.for_audit()
    assert not reads(shaken, label(), shaken.directory.participants["ncb-deu"])


@pytest.mark.parametrize(("to", "rules"), [("opr-exchange", "R12"), ("ovs-auditor", "R46.only")])
def test_operator_and_oversight_get_no_content_even_by_name(to: str, rules: str) -> None:
    routed = route(label(), to)

    assert routed.for_sender() == [{"participant": to, "outcome": "withheld"}]
    assert rules in routed.outcomes[0].rules


def test_an_item_past_its_retention_reaches_nobody() -> None:
    expired = label(created=NOW - timedelta(days=2), expires=NOW)

    assert released(route(expired, ToAll())) == []
    assert released(route(expired, ToAll(), now=NOW - timedelta(seconds=1))) != []


def test_without_the_rule_of_exclusion_the_excluded_is_reached() -> None:
    """The control: it is R09 in the policies that keeps Brazil out, and nothing else."""
    lax = standing(PolicySet.load(without_policy(shipped_texts(), "R09")))

    assert "ncb-bra" in released(route(label(exclude="BRA"), ToAll(), under=lax))
    assert "ncb-bra" not in released(route(label(exclude="BRA"), ToAll()))


# ---- what auditors get


def test_an_auditor_sees_everything_that_was_decided() -> None:
    routed = route(label("RES", "NOENT", exclude="BRA"), ToAll(), "ncb-deu", "ovs-auditor")

    written = strictjson.parse(strictjson.write(routed.for_audit()), limit=1 << 20)

    assert written == routed.for_audit()
    audited = {id: (entry["outcome"], tuple(entry["rules"])) for entry in written["read"] for id in entry["to"]}
    assert audited == {o.participant.id: (o.decision.outcome, o.rules) for o in routed.outcomes}
    assert sorted(id for entry in written["read"] for id in entry.get("named", ())) == ["ncb-deu", "ovs-auditor"]


def test_recipients_alike_share_an_entry() -> None:
    many = [participant(f"ncb-{n:03}", country="DEU") for n in range(256)]
    under = standing(POLICY, participant("ncb-fra"), *many)

    written = route(label(), ToAll(), under=under).for_audit()

    assert [len(entry["to"]) for entry in written["read"]] == [256]
    assert len(strictjson.write(written)) < 256 * 10 + 300


# ---- one test for preview, routing and reading


def reads(under: Standing, marked: Label, reader: Participant, now: datetime = NOW) -> bool:
    return routing.reads(under, network.held(marked, SENDER), reader.id, now, "")


def networks() -> st.SearchStrategy[list[Participant]]:
    return st.lists(network.participants(), min_size=1, max_size=12).map(
        lambda drawn: [replace(who, id=ParticipantId(f"{who.id}-{n}")) for n, who in enumerate(drawn)]
    )


def source(marked: Label) -> Participant:
    """A sender that may post whatever is labelled so."""
    return participant("ncb-fra", clearance=Classification.CON, exercise=Handling.EXERCISE in marked.handling)


def routed_among(marked: Label, others: list[Participant], now: datetime = NOW) -> tuple[Standing, Routing]:
    under = standing(POLICY, source(marked), *others)
    child = {"kind": "person", "age": 9, "special_data": True, "necessity": "to identify"}
    sent = message(marked, ToAll(), *(who.id for who in others), entities=[child])
    permit = may_post(POLICY, sent, under.directory.participants[SENDER], NOW)
    return under, routing.route(permit, under, now)


@CALM
@given(network.labels(), networks(), st.sampled_from((-1, 0, 1)))
def test_preview_routing_and_reading_agree_at_one_instant(
    marked: Label, others: list[Participant], second: int
) -> None:
    """Save for the suspended and for those without a grant or an agreement, who show as released and do not read."""
    marked = replace(marked, created=NOW - timedelta(days=1), expires=NOW)
    now = NOW + timedelta(seconds=second)

    under, routed = routed_among(marked, others, now)
    _, previewed = routed_among(marked, others, now)

    assert previewed == routed
    assert len(routed.outcomes) == len(others)
    for outcome in routed.outcomes:
        who = outcome.participant
        may = relation.granted(who, "message", Operation.READ, now) and relation.reviewed(who, now)
        may = may and relation.agreed(who, "message", marked.crime_area, now)
        assert reads(under, marked, who, now) == (outcome.released and who.active and may)


@CALM
@given(network.labels(), networks(), st.sampled_from(network.COUNTRIES))
def test_adding_an_exclusion_never_adds_a_reader(marked: Label, others: list[Participant], country: str) -> None:
    circle = marked.releasable_to
    mode = Mode.ALL_MINUS if circle.mode is Mode.ALL else circle.mode
    narrower = replace(circle, mode=mode, exclude=circle.exclude | {country})

    assert_no_new_reader(marked, replace(marked, releasable_to=narrower), others)


@CALM
@given(network.labels(), networks(), st.sampled_from(network.COUNTRIES))
def test_taking_an_included_country_out_never_adds_a_reader(
    marked: Label, others: list[Participant], country: str
) -> None:
    wide = Releasability(mode=Mode.ONLY, include=marked.releasable_to.include | {country, "DEU"})
    narrow = replace(wide, include=wide.include - {country})

    assert_no_new_reader(replace(marked, releasable_to=wide), replace(marked, releasable_to=narrow), others)


@CALM
@given(network.labels(), networks(), st.sampled_from(Classification))
def test_raising_a_label_never_adds_a_reader(
    marked: Label, others: list[Participant], classification: Classification
) -> None:
    raised = replace(marked, classification=max(marked.classification, classification))

    assert_no_new_reader(marked, raised, others)


@CALM
@given(network.labels(), networks(), st.sampled_from(sorted(set(Handling) - {Handling.EXERCISE})))
def test_adding_a_handling_never_adds_a_reader(marked: Label, others: list[Participant], code: Handling) -> None:
    assert_no_new_reader(marked, replace(marked, handling=marked.handling | {code}), others)


@CALM
@given(network.labels(), networks(), st.sampled_from(Tier))
def test_removing_a_tier_never_adds_a_reader(marked: Label, others: list[Participant], tier: Tier) -> None:
    circle = marked.releasable_to
    narrower = replace(marked, releasable_to=replace(circle, tiers=circle.tiers - {tier}))

    assert_no_new_reader(marked, narrower, others)


@CALM
@given(network.labels(), networks(), st.sampled_from(Classification))
def test_removing_a_right_never_adds_a_reader(
    marked: Label, others: list[Participant], clearance: Classification
) -> None:
    lowered = [replace(who, clearance=min(who.clearance, clearance)) for who in others]

    assert readers(marked, lowered) <= readers(marked, others)
    assert readers(marked, [suspended(who) for who in others]) == set()


def assert_no_new_reader(wide: Label, narrow: Label, others: list[Participant]) -> None:
    assert readers(narrow, others) <= readers(wide, others)
    assert set(released(routed_among(narrow, others)[1])) <= set(released(routed_among(wide, others)[1]))


def readers(marked: Label, others: list[Participant]) -> set[str]:
    under = standing(POLICY, *others)
    return {who.id for who in others if reads(under, marked, who)}
