"""Decisions decided again: what the policy in force decides passes, and whatever was decided otherwise is found."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from exchange import leaf, replay, routing, strictjson
from exchange.audit import Auditor, Decided, Finding, Report
from exchange.envelope import ToAll
from exchange.jose import SigningKey
from exchange.label import Tier
from exchange.leaf import Draft, Event, Field, ItemKey
from exchange.participant import ChangeKind
from exchange.policy import PolicySet, PolicyTexts, Standing, may_post
from exchange.refusal import Reason, Refusal
from tests import network
from tests.network import NOW, label, message, shipped_texts, standing, suspended, without_policy
from tests.trails import SCHEMAS, HandMadeTrail, decisions

TEXTS = shipped_texts()
POLICY = PolicySet.load(TEXTS)
BEFORE = network.founded_before()
WITHOUT_CLEARANCE = without_policy(without_policy(TEXTS, "R07"), "R07.hide")

NOT_WHAT_IT_DECIDES = "what was decided here is not what the policy in force decides"
NO_TEXTS = "the policy set in force from here on is missing or wrong: what it decides cannot be decided again"


def begun(texts: PolicyTexts = TEXTS) -> HandMadeTrail:
    """France, that may post, and Italy."""
    trail = HandMadeTrail(policy=texts.digest)
    trail.begin()
    trail.admit("ncb-fra")
    trail.introduce("ncb-ita", SigningKey.generate(), "ITA")
    return trail


def activate(trail: HandMadeTrail, texts: PolicyTexts) -> int:
    position = trail.change(ChangeKind.POLICY, *trail.officers, policy=texts.document)
    trail.policy = texts.digest
    return position


def audited(trail: HandMadeTrail, *, texts: Mapping[str, Any] | None = TEXTS.document) -> Report:
    auditor = Auditor(
        trail.checkpoint(),
        trail_key=trail.trail_key.vkey(),
        schemas=SCHEMAS,
        genesis=trail.genesis,
        deciding=replay.under,
        policy=texts,
    )
    for entry in trail.entries:
        auditor.examine(entry)
    return auditor.conclude()


def test_what_the_policy_decides_is_decided_so_again() -> None:
    trail = begun()
    trail.accept()
    trail.accept()

    report = audited(trail)

    assert report.findings == ()
    assert (report.decided_again, report.checked["decisions"]) == (True, 2)


ABOUT_ITALY: dict[str, dict[str, Any]] = {
    "another outcome": {"outcome": "NOHIT"},
    "another rule": {"rules": ["source"]},
    "no rule": {"rules": []},
    "cleared as it is not": {"asked": "T1 RES exercise | read | OUO EXERCISE | addressee"},
    "of another tier": {"asked": "T2 OUO exercise | read | OUO EXERCISE | addressee"},
    "another label than its sender's": {"asked": "T1 OUO exercise | read | PUB EXERCISE | addressee"},
    "at another door": {"asked": "T1 OUO exercise | submit | OUO EXERCISE | -"},
    "as its source": {"asked": "T1 OUO exercise | read | OUO EXERCISE | addressee source"},
    "not addressed": {
        "asked": "T1 OUO exercise | read | OUO EXERCISE | -",
        "outcome": "NOHIT",
        "rules": ["no-rule-permits"],
    },
    "no question": {"asked": "who knows"},
    "no text": {"asked": ["T1"]},
    "nobody of this directory": {"to": ["ncb-ita", "ncb-atl"]},
}


@pytest.mark.parametrize("falsified", ABOUT_ITALY.values(), ids=ABOUT_ITALY)
def test_a_decision_that_was_not_made_so_is_found_where_it_stands(falsified: Mapping[str, Any]) -> None:
    trail = begun()
    written = decisions(**falsified)
    outcome = "released" if written["read"][0]["outcome"] == "CONTENT" else "withheld"
    told = [{"outcome": outcome, "participant": id} for id in written["read"][0]["to"]]
    trail.accept()

    forged = trail.accept(decided=written, told=strictjson.write(told))
    trail.accept()

    report = audited(trail)
    assert report.findings == (Finding(forged, NOT_WHAT_IT_DECIDES),)
    assert report.checked["decisions"] == 2


@pytest.mark.parametrize(
    "post",
    [
        {"asked": "T1 RES exercise | submit | OUO EXERCISE | -"},
        {"asked": "T1 OUO exercise | submit | RES EXERCISE | -"},
        {"asked": "T1 OUO exercise | submit | OUO EXERCISE NOENT | -"},
        {"asked": "T1 OUO exercise | submit | OUO | -"},
        {"asked": "T1 OUO exercise | read | OUO EXERCISE | addressee"},
        {"asked": "T6 OUO | inspect | trail | -"},
        {"rules": ["R46"]},
        {"asked": None},
    ],
)
def test_a_permit_to_post_that_was_not_given_so_is_found(post: Mapping[str, Any]) -> None:
    trail = begun()
    written = decisions()
    written["post"] |= post

    forged = trail.accept(decided=written)

    assert audited(trail).findings == (Finding(forged, NOT_WHAT_IT_DECIDES),)


def test_what_is_released_by_another_policy_than_the_one_in_force_is_found() -> None:
    """A gateway that names one policy set and asks another: Italy is not cleared, and gets it."""
    trail = begun(WITHOUT_CLEARANCE)
    released = decisions(asked="T1 OUO exercise | read | RES EXERCISE | addressee")
    released["post"]["asked"] = "T1 RES exercise | submit | RES EXERCISE | -"
    trail.change(
        ChangeKind.RIGHTS, *trail.officers, participant="ncb-fra", clearance="RES", purposes=[], crime_areas=[]
    )

    honest = trail.accept(decided=released, classification="RES")
    activated = activate(trail, TEXTS)
    dishonest = trail.accept(decided=released, classification="RES")

    assert honest < activated < dishonest
    assert audited(trail, texts=WITHOUT_CLEARANCE.document).findings == (Finding(dishonest, NOT_WHAT_IT_DECIDES),)


@pytest.mark.parametrize("texts", [None, {}, WITHOUT_CLEARANCE.document, {"schema": "", "policies": {}, "cases": {}}])
def test_without_the_texts_of_the_first_policy_set_it_is_not_said_that_all_is_well(
    texts: Mapping[str, Any] | None,
) -> None:
    trail = begun()
    trail.accept()

    report = audited(trail, texts=texts)

    assert report.findings == (Finding(0, NO_TEXTS),)
    assert "decisions" not in report.checked


def test_a_policy_set_that_is_none_is_found_where_it_came_into_force() -> None:
    trail = begun()
    trail.accept()

    activated = activate(trail, replace(TEXTS, policies={"a.cedar": "// permits nothing\n"}))
    trail.accept()

    assert audited(trail).findings == (Finding(activated, NO_TEXTS),)


# ---- what came before


def test_what_the_set_of_an_exchange_founded_before_decided_is_decided_so_again() -> None:
    """It declares fewer facts than are computed today, and stands in the trail as it is."""
    trail = begun(BEFORE)
    trail.accept()
    activate(trail, TEXTS)
    trail.accept()

    report = audited(trail, texts=BEFORE.document)

    assert (report.findings, report.decided_again) == ((), True)


def test_of_a_set_that_knows_no_agreements_none_is_asked() -> None:
    """An agency posted before there were any. Under a set that reads them, the same words would be a lie."""
    posted_then: dict[str, Any] = {
        "post": {"asked": "T3 OUO | submit | OUO | -", "outcome": "ALLOW", "rules": ["may-submit"]},
        "read": [{"asked": "T1 OUO | read | OUO | addressee", "outcome": "CONTENT", "rules": ["addressee"], "to": []}],
    }
    decided = Decided.parse(strictjson.write(posted_then))
    agency = network.participant("agy-wildlife", Tier.T3, "XXA")
    under = network.standing(POLICY, agency)
    routed = route(standing(POLICY))
    stated = replace(
        stated_by(routed), actor=agency.id, rules=("may-submit",), label=leaf.label_facts(label()), type="message"
    )

    assert agency.agreement is None
    assert replay.by(PolicySet.load(BEFORE, strict=False))(stated, under.directory, decided)
    assert not replay.by(POLICY)(stated, under.directory, decided)


# ---- what routing writes


def stated_by(routed: routing.Routing) -> leaf.Leaf:
    """The leaf of it, as intake has it written."""
    said = routed.permit.message
    draft = Draft(
        event=Event.MESSAGE_ACCEPTED,
        actor=said.sender,
        object=said.item,
        label=leaf.label_facts(said.label),
        rules=routed.permit.rules,
        sealed={Field.USER: b"u"},
    )
    written = leaf.write(draft, at=NOW, directory=7, policy="5c", key=ItemKey(bytes(32)), blind=bytes(16))
    return leaf.read(written)


def route(under: Standing) -> routing.Routing:
    sent = message(label("RES", "NOENT", exclude="BRA"), ToAll(), "ncb-deu", "ovs-auditor")
    return routing.route(may_post(POLICY, sent, under.directory.participants[sent.sender], NOW), under, NOW)


def test_whatever_routing_decides_is_decided_so_again() -> None:
    under = standing(POLICY)
    routed = route(under)

    decided = Decided.parse(strictjson.write(routed.for_audit()))

    assert decided.released == {who.id for who in routed.released}
    assert decided.is_told_in(strictjson.write(routed.for_sender()))
    assert replay.by(POLICY)(stated_by(routed), under.directory, decided)
    assert not replay.by(PolicySet.load(WITHOUT_CLEARANCE))(stated_by(routed), under.directory, decided)


def test_routing_asked_as_if_everybody_were_active_and_so_does_the_replay() -> None:
    members = network.network()
    shaken = standing(POLICY, *(suspended(who) if who.id == "ncb-deu" else who for who in members))
    routed = route(shaken)

    decided = Decided.parse(strictjson.write(routed.for_audit()))

    assert replay.by(POLICY)(stated_by(routed), shaken.directory, decided)


def test_a_sender_that_was_suspended_was_permitted_nothing() -> None:
    under = standing(POLICY)
    routed = route(under)
    decided = Decided.parse(strictjson.write(routed.for_audit()))
    shaken = standing(POLICY, *(suspended(who) if who.id == "ncb-fra" else who for who in network.network()))

    assert not replay.by(POLICY)(stated_by(routed), shaken.directory, decided)


@pytest.mark.parametrize("changed", [{"until": NOW}, {"review_by": NOW}, {"scopes": frozenset(("*/read",))}], ids=str)
def test_an_entity_without_a_grant_of_its_bureau_was_permitted_nothing(changed: dict[str, Any]) -> None:
    entity = network.participant("ent-fra-customs", Tier.T2, grant=network.GRANTED)
    members = [who for who in network.network() if who.id != entity.id]
    under = standing(POLICY, *members, entity)
    sent = message(label(originator="ent-fra-customs"), "ncb-deu")
    routed = routing.route(may_post(POLICY, sent, entity, NOW), under, NOW)
    decided = Decided.parse(strictjson.write(routed.for_audit()))
    ended = standing(POLICY, *members, replace(entity, grant=replace(network.GRANTED, **changed)))

    assert replay.by(POLICY)(stated_by(routed), under.directory, decided)
    assert not replay.by(POLICY)(stated_by(routed), ended.directory, decided)


def test_texts_that_are_no_policy_set_decide_nothing() -> None:
    with pytest.raises(Refusal) as refused:
        replay.under({"schema": "", "policies": {}, "cases": {}})

    assert refused.value.reason is Reason.POLICY_WRONG
