"""The shipped schemas and their examples: closed, bounded, in the vocabulary of the code; good fits, bad does not."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from exchange import envelope, instant, jose, shipped
from exchange.jose import Kind, SigningKey, VerifiedBytes
from exchange.label import Classification, Handling, Mode, Tier, Visibility
from exchange.participant import ChangeKind, ParticipantId, Status, Use
from exchange.participant.change import parse_genesis
from exchange.refusal import Reason, Refusal
from exchange.schema import SUFFIX, Schemas

TEXTS = shipped.texts("schemas", SUFFIX)
SCHEMAS = Schemas.compile(TEXTS)
EXAMPLES = Path(__file__).parent.parent / "schemas" / "examples"
GOOD = sorted(EXAMPLES.glob("good/**/*.json"))
BAD = sorted(EXAMPLES.glob("bad/**/*.json"))

ORIGIN = "exchange.example/training"
NOW = instant.parse("2026-11-20T12:00:00Z")  # the good examples are at most four days old then
KEY = SigningKey.generate()

STORY = {"urgent-request", "request-answer", "drug-seizure", "restricted-network", "wildlife-report"}
NETWORK = {"ncb-fra", "ncb-ita", "ncb-deu", "ncb-bra", "agy-wildlife", "agy-drugs"}
KEYWORDS = {
    *("$schema", "$id", "$ref", "$defs", "title", "description", "type", "enum", "const", "format", "pattern", "not"),
    *("required", "properties", "additionalProperties", "unevaluatedProperties", "propertyNames", "items", "contains"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    *("minimum", "maximum", "allOf", "if", "then", "else"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(EXAMPLES).with_suffix(""))


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def kind_of(path: Path, document: Any) -> str:
    """Messages lie at the top and say what they are; every other kind has a folder of its name."""
    return document["type"] if path.parent.name in ("good", "bad") else path.parent.name


def signed(document: Any) -> VerifiedBytes:
    public = KEY.public
    return jose.open_jws(envelope.write(document, KEY), Kind.MESSAGE, {public.kid: public}, limit=envelope.LIMIT)


def subschemas(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within a schema, and where it stands. What stands in `if` or `not` asks and does not admit."""
    if not isinstance(schema, dict):
        return
    yield where, schema
    for keyword in ("$defs", "properties"):
        for name, below in schema.get(keyword, {}).items():
            yield from subschemas(below, f"{where}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames", "then", "else"):
        yield from subschemas(schema.get(keyword), f"{where}/{keyword}")
    for number, below in enumerate(schema.get("allOf", ())):
        yield from subschemas(below, f"{where}/allOf/{number}")


ALL = [(name, where, schema) for name in TEXTS for where, schema in subschemas(json.loads(TEXTS[name]))]


def codes(name: str, *path: str) -> set[str]:
    """The enumeration at a path of a schema."""
    node = json.loads(TEXTS[name + SUFFIX])
    for step in path:
        node = node[step]
    return set(node["enum"])


@pytest.mark.parametrize("schema", [pytest.param(s, id=f"{name}#{where}") for name, where, s in ALL])
def test_every_schema_is_closed_and_bounded(schema: dict[str, Any]) -> None:
    assert schema.keys() <= KEYWORDS, "a misspelt keyword asserts nothing"
    if schema.get("type") == "string":
        assert schema["maxLength"] <= 262_144
    if schema.get("type") == "array":
        assert schema["maxItems"] <= 250
        assert "items" in schema
    if "pattern" in schema:
        assert schema["pattern"][0] == "^"
        assert schema["pattern"][-1] == "$"
        assert "maxLength" in schema


def test_every_object_is_closed() -> None:
    """But for the envelope, which each type closes together with its body, and what only adds to its parent."""
    opened = {
        f"{name}#{where}"
        for name, where, schema in ALL
        if ("properties" in schema or schema.get("type") == "object")
        and schema.get("additionalProperties", schema.get("unevaluatedProperties", True)) is True
    }

    assert opened == {
        "envelope.schema.json#",
        "entity.schema.json#",  # closed by the branch for its kind
        "change.schema.json#",  # likewise
        "information-answer.schema.json#/properties/body/then",
        "information-answer.schema.json#/properties/body/else",
        "permission-answer.schema.json#/properties/body/else",
        "restriction.schema.json#/properties/body/then",
    }


def test_the_codes_of_the_schemas_are_those_of_the_code() -> None:
    assert codes("terms", "$defs", "classification") == set(Classification.__members__)
    assert codes("terms", "$defs", "tier") == set(Tier)
    assert codes("label", "properties", "handling", "items") == set(Handling)
    assert codes("label", "properties", "hit_visibility") == set(Visibility)
    assert codes("terms", "$defs", "releasability", "properties", "mode") == set(Mode)
    assert codes("change", "properties", "kind") == set(ChangeKind)
    assert codes("change", "$defs", "key_add", "properties", "use") == set(Use)
    assert codes("change", "$defs", "status", "properties", "status") == set(Status) - {Status.ENDED}


def test_every_type_of_message_has_its_schema() -> None:
    assert set(envelope.TYPES) <= set(SCHEMAS.names())


@pytest.mark.parametrize("type", envelope.TYPES)
def test_every_type_of_message_has_examples_good_and_bad(type: str) -> None:
    good = [path.stem for path in GOOD if path.parent.name == "good" and read(path)["type"] == type]
    bad = [path.stem for path in BAD if path.parent.name == "bad" and read(path)["document"].get("type") == type]

    assert len(good) >= 2
    assert len(bad) >= 3


def test_what_acts_upon_an_item_names_no_recipients_but_a_forward() -> None:
    named = {read(path)["type"] for path in GOOD if path.parent.name == "good" and "recipients" in read(path)}

    assert set(envelope.TYPES) - named == set(envelope.RULINGS) - {"forward"}


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_good_example_fits_its_schema(path: Path) -> None:
    document = read(path)

    SCHEMAS.check(kind_of(path, document), document)


@pytest.mark.parametrize("path", [p for p in GOOD if p.parent.name == "good"], ids=name_of)
def test_a_good_message_passes_the_gate(path: Path) -> None:
    document = read(path)
    sender = ParticipantId(document["sender"])

    message = envelope.parse(signed(document), sender=sender, origin=ORIGIN, now=NOW, schemas=SCHEMAS)

    assert message.item == f"{document['sender']}:{document['id']}"
    assert message.minors_state_their_age
    assert message.special_data_is_justified


@pytest.mark.parametrize("path", [p for p in GOOD if p.parent.name == "good"], ids=name_of)
def test_a_good_message_is_synthetic_and_of_one_piece(path: Path) -> None:
    document = read(path)
    persons = [entity for entity in document.get("entities", ()) if entity["kind"] == "person"]
    countries = {paper["country"] for person in persons for paper in person.get("documents", ())}
    nationalities = {country for person in persons for country in person.get("nationality", ())}

    assert countries | nationalities <= {"UTO"}
    assert "EXERCISE" in document["label"]["handling"]
    assert {document["sender"], *(r.get("participant", "ncb-fra") for r in document.get("recipients", ()))} <= NETWORK
    assert document["sent_at"] == document["label"]["created"]
    assert _time_of(document["id"]) == _to_the_millisecond(instant.parse(document["sent_at"]))


def test_the_story_is_complete_and_its_thread_holds_together() -> None:
    assert {path.stem for path in GOOD if path.parent.name == "good"} >= STORY
    request, answer = (read(EXAMPLES / "good" / f"{name}.json") for name in ("urgent-request", "request-answer"))

    item = f"{request['sender']}:{request['id']}"

    assert answer["in_reply_to"] == answer["thread"] == item
    assert answer["sent_at"] > request["sent_at"]


def test_the_good_genesis_founds_a_directory() -> None:
    text = (EXAMPLES / "good" / "genesis" / "training.json").read_bytes()

    genesis = parse_genesis(text, schemas=SCHEMAS)

    assert len(genesis.directory.owners) == 3


@pytest.mark.parametrize("path", [p for p in BAD if p.parent.name == "bad"], ids=name_of)
def test_a_bad_message_is_refused_for_its_reason(path: Path) -> None:
    """Each by the gate itself, signed by ncb-fra, whose messages they pretend to be."""
    example = read(path)
    verified = signed(example["document"])

    with pytest.raises(Refusal) as refused:
        envelope.parse(verified, sender=ParticipantId("ncb-fra"), origin=ORIGIN, now=NOW, schemas=SCHEMAS)

    assert refused.value.reason.code == example["because"]
    assert example["at"] in [fault.path for fault in refused.value.faults] or not (
        example["at"] or refused.value.faults
    )


@pytest.mark.parametrize("path", [p for p in BAD if p.parent.name != "bad"], ids=name_of)
def test_a_bad_document_of_another_kind_is_refused(path: Path) -> None:
    example = read(path)

    with pytest.raises(Refusal) as refused:
        SCHEMAS.check(path.parent.name, example["document"])

    assert refused.value.reason.code == example["because"] == "SCHEMA_VIOLATION"
    assert example["at"] in [fault.path for fault in refused.value.faults]


def test_a_bad_message_is_bad_in_one_thing_only() -> None:
    """So that each example shows its own reason: a schema fault is told once or twice, not drowned among others."""
    for path in BAD:
        example = read(path)
        if example["because"] != "SCHEMA_VIOLATION":
            continue
        with pytest.raises(Refusal) as refused:
            SCHEMAS.check(kind_of(path, example["document"]), example["document"])
        assert len(refused.value.faults) <= 2, path


def test_every_reason_that_the_content_can_give_has_a_bad_example() -> None:
    given = {Reason[read(path)["because"]] for path in BAD}

    assert given == {
        Reason.JSON_MALFORMED,
        Reason.LABEL_FOREIGN,
        Reason.LABEL_INCOMPLETE,
        Reason.LABEL_INCONSISTENT,
        Reason.NOT_THE_SENDER,
        Reason.OUT_OF_TIME,
        Reason.PERSON_STATUS_MISSING,
        Reason.PURPOSE_MISSING,
        Reason.SCHEMA_VIOLATION,
        Reason.SEALING_REQUIRED,
        Reason.UNKNOWN_TYPE,
        Reason.WRONG_EXCHANGE,
    }


def test_an_instant_fits_its_pattern_only_as_it_is_written() -> None:
    """Every instant of the schema is one that instant.parse reads; not the reverse, years have four digits here."""
    document = read(EXAMPLES / "good" / "acknowledgement" / "drug-seizure-received.json")

    for text in ("1000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2028-02-29T00:00:00.5Z"):
        SCHEMAS.check("acknowledgement", {**document, "made_at": text})
        instant.parse(text)
    for text in ("0999-01-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-06-30T23:59:60Z", "2026-11-18T24:00:00Z"):
        with pytest.raises(Refusal):
            SCHEMAS.check("acknowledgement", {**document, "made_at": text})


def _time_of(ulid: str) -> datetime:
    return ULID.from_str(ulid).datetime


def _to_the_millisecond(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond % 1000)
