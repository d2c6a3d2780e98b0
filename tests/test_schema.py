"""What may be compiled, what a fault may say, and what a hostile document may cost."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exchange import shipped
from exchange.refusal import Fault, Reason, Refusal
from exchange.schema import MOST_FAULTS, SUFFIX, Schemas

SCHEMAS = Schemas.compile(shipped.texts("schemas", SUFFIX))
CANARY = "q7_canary"  # stands in no schema
NUMBER = 86_753_090


def specimen(**keywords: Any) -> Schemas:
    """One schema, called `specimen`."""
    return Schemas.compile({f"specimen{SUFFIX}": json.dumps({"$id": "urn:exchange:schema:specimen:1", **keywords})})


def example(name: str) -> Any:
    return json.loads((shipped.folder("schemas") / "examples" / "good" / f"{name}.json").read_text("utf-8"))


def faults_of(schemas: Schemas, name: str, document: object) -> tuple[Fault, ...]:
    with pytest.raises(Refusal) as refused:
        schemas.check(name, document)
    assert refused.value.reason is Reason.SCHEMA_VIOLATION
    return refused.value.faults


def spoilt(node: Any, value: object) -> Iterator[None]:
    """In turn, every value below this node replaced by another, and every object given a member more."""
    steps = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for step in steps:
        kept, node[step] = node[step], value
        yield
        node[step] = kept
        yield from spoilt(kept, value)
    if isinstance(node, dict):
        node[CANARY] = value
        yield
        del node[CANARY]


def test_a_schema_under_the_name_of_another_is_not_compiled() -> None:
    with pytest.raises(ValueError, match="another schema"):
        Schemas.compile({f"specimen{SUFFIX}": '{"$id": "urn:exchange:schema:message:1"}'})


@pytest.mark.parametrize(
    "keywords",
    [
        {"type": "nothing"},
        {"$ref": "urn:exchange:schema:absent:1"},
        {"$ref": "https://example.com/schema.json"},
        {"format": "no-such-format"},
        {"pattern": "^(a+)+(?=b)$"},
        {"pattern": "^(a)\\1$"},
    ],
    ids=["type", "reference", "fetched", "format", "look-around", "back-reference"],
)
def test_what_is_wrong_in_a_schema_is_found_when_it_is_compiled(keywords: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        specimen(**keywords)


def test_a_vocabulary_is_no_document() -> None:
    assert faults_of(SCHEMAS, "terms", {}) == (Fault("", "has no members that rule each other out"),)


def test_a_fault_points_to_what_is_missing() -> None:
    document = example("drug-seizure")
    del document["label"]["releasable_to"]["mode"]

    assert faults_of(SCHEMAS, "message", document) == (Fault("/label/releasable_to/mode", "is there"),)


def test_a_fault_in_one_place_is_told_once() -> None:
    """What is nested in a closed object is not told a second time as an unknown member of it."""
    document = example("change/policy")
    document["policy"]["schema"] = 1

    assert faults_of(SCHEMAS, "change", document) == (
        Fault("/policy/schema", "is of the JSON type that the schema names"),
    )


def test_at_most_eight_faults_are_told() -> None:
    assert len(faults_of(SCHEMAS, "message", {})) == MOST_FAULTS


@pytest.mark.parametrize("value", [CANARY, NUMBER, None, [CANARY, CANARY], {CANARY: [NUMBER]}], ids=repr)
@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("information-request", "urgent-request"),
        ("information-answer", "request-answer"),
        ("message", "every-label-member"),
        ("message", "weld-measurements"),
        ("acknowledgement", "acknowledgement/drug-seizure-received"),
        ("change", "change/admit"),
        ("change", "change/policy"),
        ("genesis", "genesis/training"),
    ],
)
def test_no_fault_repeats_what_was_sent(schema: str, name: str, value: object) -> None:
    document = example(name)
    refused: list[Refusal] = []

    for _ in spoilt(document, value):
        try:
            SCHEMAS.check(schema, document)
        except Refusal as refusal:
            refused.append(refusal)

    told = [json.dumps([(fault.path, fault.says) for fault in refusal.faults]) for refusal in refused]
    assert len(told) > 5
    assert "[]" not in told
    assert not any(CANARY in text or str(NUMBER) in text for text in told)
    assert not any("is as its schema says" in text for text in told), "a keyword without words of its own"


def test_the_names_of_files_in_a_policy_set_come_back_in_no_fault() -> None:
    """They are the one place where a document may have members that no schema names."""
    document = example("change/policy")
    document["policy"]["policies"] = {CANARY: 1}

    assert faults_of(SCHEMAS, "change", document)[0].path == "/policy/policies"


def test_names_of_members_need_no_escape_in_a_pointer() -> None:
    assert not any("~" in name or "/" in name for name in SCHEMAS._members)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("recipients", [{CANARY: 1}] * 50_000),
        ("entities", [{"kind": "person", "names": [""] * 16}] * 3_000),
        ("case_ref", "a" * 250_000),
        ("attachments", [{"name": "a" * 60_000, "mime": "a/" + "a" * 60_000, "data": "A" * 120_001}]),
    ],
)
def test_a_hostile_document_is_turned_away_in_milliseconds(member: str, value: object) -> None:
    """As large as a message may be. Listing each of its faults would take half a second of everybody's time."""
    document = {**example("drug-seizure"), member: value}
    before = time.process_time()

    faults = faults_of(SCHEMAS, "message", document)

    assert time.process_time() - before < 0.25
    assert 1 <= len(faults) <= MOST_FAULTS
    assert faults[0].path.startswith(f"/{member}")
