"""A policy set is sound or it is refused: its annotations, its forms, its facts, its schema."""

from dataclasses import replace
from typing import Any

import pytest

from exchange.participant import policy_digest
from exchange.policy import PolicySet, PolicyTexts, parse_texts
from exchange.refusal import Reason, Refusal
from tests.network import shipped_texts

WORDS = {"id": "R99", "source": "a test", "verified": "own", "tell": "audit", "says": "words"}
READ = 'forbid(principal, action == Action::"ReadContent", resource) when { %s };'


def annotated(policy: str, **words: str | None) -> str:
    """The policy under the annotations of WORDS, with these changed or (None) left out."""
    lines = [f'@{name}("{said}")' for name, said in {**WORDS, **words}.items() if said is not None]
    return "\n".join([*lines, policy])


def with_file(text: str) -> PolicyTexts:
    texts = shipped_texts()
    return replace(texts, policies={**texts.policies, "added.cedar": text})


def with_schema(*changes: tuple[str, str]) -> PolicyTexts:
    schema = shipped_texts().schema
    for old, new in changes:
        assert old in schema
        schema = schema.replace(old, new)
    return replace(shipped_texts(), schema=schema)


def faults_of(texts: PolicyTexts) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refused:
        PolicySet.load(texts)
    assert refused.value.reason is Reason.POLICY_WRONG
    return [(fault.path, fault.says) for fault in refused.value.faults]


def test_a_sound_policy_can_be_added() -> None:
    policy = PolicySet.load(with_file(annotated(READ % "resource.rank == 7")))

    assert policy.rules["R99"].file == "added.cedar"
    assert policy.rules["R99"].acts == ("ReadContent",)


@pytest.mark.parametrize("name", WORDS)
def test_every_annotation_is_there(name: str) -> None:
    words: dict[str, Any] = {name: None}

    assert f"lacks @{name}" in [says for _, says in faults_of(with_file(annotated(READ % "true", **words)))]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"advice": "x"}, "has an annotation that nobody reads"),
        ({"verified": "rumoured"}, "@verified is seen, recalled or own"),
        ({"tell": "everybody"}, "@tell is sender or audit"),
        ({"reason": "TOO_BAD"}, "@reason is the code of a reason"),
        ({"says": " "}, "lacks @says"),
        ({"id": "R 99"}, "@id is letters, digits, dots and hyphens, at most 32"),
        ({"id": "R01"}, "@id is that of a rule that is not written in Cedar"),
        ({"id": "no-rule-permits"}, "@id is that of a rule that is not written in Cedar"),
    ],
)
def test_annotations_are_a_closed_set(words: dict[str, str], says: str) -> None:
    assert says in [said for _, said in faults_of(with_file(annotated(READ % "true", **words)))]


def test_two_policies_of_one_id_are_refused() -> None:
    assert faults_of(with_file(annotated(READ % "true", id="R09"))) == [
        ("/policies/R09", "is the @id of one policy alone")
    ]


@pytest.mark.parametrize(
    "condition",
    [
        "context has addressee",
        "principal in resource",
        'principal == Participant::"ncb-fra"',
        "principal == resource",
        "if context.expired then true else false",
        "principal.clearance + 1 > resource.rank",
        "-resource.rank < 0",
        "context == {addressee: true}",
        'action in [Action::"ReadContent"]',
        'Action::"ReadContent" == action',
        'principal.tier in Tier::"T1"',
        "resource.hit is Visibility",
    ],
)
def test_a_form_that_is_not_modelled_is_refused(condition: str) -> None:
    faults = faults_of(with_file(annotated(READ % condition)))

    assert any(says.startswith("uses nothing that is not modelled here") for _, says in faults)


@pytest.mark.parametrize(
    "scope",
    [
        'principal == Participant::"ncb-fra", action == Action::"ReadContent", resource',
        'principal in Participant::"ncb-fra", action == Action::"ReadContent", resource',
        'principal, action == Action::"ReadContent", resource == Item::"i"',
    ],
)
def test_a_scope_that_names_somebody_is_refused(scope: str) -> None:
    faults = faults_of(with_file(annotated(f"forbid({scope});")))

    assert any("no id reaches a policy" in says for _, says in faults)


def test_a_template_is_refused() -> None:
    text = annotated("forbid(principal == ?principal, action, resource);")

    assert faults_of(with_file(text)) == [("/policies/added.cedar", "has no templates")]


@pytest.mark.parametrize("condition", ["true", "principal.country"])
def test_a_fault_points_and_does_not_quote_an_id_that_is_none(condition: str) -> None:
    """decisions/0018: what an officer wrote for an id may be anything."""
    faults = faults_of(with_file(annotated(READ % condition, id="q7 canary of /any/ length")))

    assert ("/policies/added.cedar/policy0", "@id is letters, digits, dots and hyphens, at most 32") in faults
    assert "canary" not in str(faults)


def test_text_that_is_not_cedar_is_refused() -> None:
    assert faults_of(with_file("permit(everybody);")) == [("/policies/added.cedar", "is Cedar")]


@pytest.mark.parametrize(
    "condition",
    ['principal.tier == Tier::"T9"', "principal.country", "context.subscribed", "principal.tier < resource.rank"],
)
def test_a_policy_fits_the_schema(condition: str) -> None:
    assert ("/policies/added.cedar/R99", "fits the schema") in faults_of(with_file(annotated(READ % condition)))


def test_a_policy_speaks_of_acts_that_some_door_asks() -> None:
    texts = with_schema(("action Inspect", "action Export, Inspect"))
    text = annotated('forbid(principal, action == Action::"Export", resource);')

    faults = faults_of(replace(texts, policies={**texts.policies, "added.cedar": text}))

    assert any("an action that no door asks" in says for _, says in faults)


@pytest.mark.parametrize(
    "change",
    [
        ("active: Bool", "active: Bool, country: String"),
        (", exercise: Bool };", " };"),
        ("clearance: Long", "clearance: String"),
        ('"T5", "T6"', '"T5"'),
        ('"BLACK"', '"BLAK"'),
        ('"SENS", ', ""),
        ("expired: Bool", "expired: Bool, subscribed: Bool"),
        ("recalled: Bool, granted", "granted"),
        ("type Owning = { isSource: Bool };", "type Owning = {};"),
        (", expired: Bool", ""),
        ("action Inspect", "action Inspekt"),
        ("resource: [Trail]", "resource: [Item]"),
        ("entity Trail;", "entity"),
    ],
    ids=lambda change: change[1].strip(),
)
def test_a_schema_declares_exactly_the_facts_that_are_computed(change: tuple[str, str]) -> None:
    """An attribute that nobody computes, or a fact that no schema declares, stops the start and not a decision."""
    assert "/schema" in [path for path, _ in faults_of(with_schema(change))]


def test_a_set_without_policies_is_refused() -> None:
    assert faults_of(replace(shipped_texts(), policies={})) == [("/policies", "has a policy")]


def test_every_fault_is_told_at_once_and_its_cause_is_in_cedars_words() -> None:
    text = annotated(READ % "true", tell=None) + annotated(READ % "principal.country", id="R98")

    with pytest.raises(Refusal) as refused:
        PolicySet.load(with_file(text))

    assert {fault.path for fault in refused.value.faults} == {"/policies/added.cedar/R98", "/policies/added.cedar/R99"}
    assert "country" in str(refused.value.__cause__)
    assert not any("country" in fault.says for fault in refused.value.faults)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"schema": "", "policies": {}},
        {"schema": "", "policies": {}, "cases": {}, "more": {}},
        {"schema": 1, "policies": {}, "cases": {}},
        {"schema": "", "policies": [], "cases": {}},
        {"schema": "", "policies": {"a": 1}, "cases": {}},
        {"schema": "", "policies": {}, "cases": {1: ""}},
    ],
)
def test_texts_of_another_shape_are_refused(members: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        parse_texts(members)

    assert refused.value.reason is Reason.POLICY_WRONG
    assert refused.value.faults


def test_a_policy_set_is_named_by_the_digest_of_all_its_texts() -> None:
    texts = shipped_texts()

    assert parse_texts(texts.document) == texts
    assert PolicySet.load(texts).digest == policy_digest(texts.document)
    assert replace(texts, cases={}).digest != texts.digest
