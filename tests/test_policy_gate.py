"""The gate's own rules, acted out: each example of policies/cases/gate.cases that the gate can judge by bytes alone."""

from collections.abc import Callable
from typing import Any

import pytest
from ulid import ULID

from exchange import envelope, instant, jose, shipped, strictjson
from exchange.jose import Kind, SigningKey
from exchange.participant import ParticipantId
from exchange.policy.cases import ACCEPTED, GateCase, read_cases
from exchange.refusal import Reason, Refusal
from exchange.schema import SUFFIX, Schemas
from tests.network import NOW, shipped_texts

ORIGIN = "exchange.example/test"
SCHEMAS = Schemas.compile(shipped.texts("schemas", SUFFIX))
OWN, ANOTHERS = SigningKey.generate(), SigningKey.generate()
CASES = [case for case in read_cases(shipped_texts().cases)[1] if case.posted_to == "gate"]


def document(*entities: dict[str, Any], **changed_label: str) -> dict[str, Any]:
    """A message as it should be."""
    at = instant.write(NOW)
    label = {
        "policy": "urn:exchange:policy:core:1",
        "classification": "OUO",
        "originator": "ncb-fra",
        "created": at,
        "releasable_to": {"mode": "ALL"},
    }
    return {
        "id": str(ULID.from_datetime(NOW)),
        "type": "message",
        "schema_version": 1,
        "aud": ORIGIN,
        "sender": "ncb-fra",
        "user": "u-117",
        "recipients": [{"participant": "ncb-ita"}],
        "case_ref": "FR-2026-0001",
        "subject": "a test",
        "label": {**label, **changed_label},
        "sent_at": at,
        "body": {"text": "synthetic"},
        "entities": list(entities),
    }


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


def signed(members: dict[str, Any]) -> bytes:
    return envelope.write(members, OWN)


def altered() -> bytes:
    header, payload, signature = signed(document()).split(b".")
    words = jose.decode(payload).replace(b"synthetic", b"synthetik")
    return b".".join((header, jose.encode(words).encode(), signature))


def named_as_its_own() -> bytes:
    """Another's signature under a header that names the sender's key."""
    header, payload, _ = signed(document()).split(b".")
    forged = jose.sign(jose.decode(payload), Kind.MESSAGE, ANOTHERS)
    return b".".join((header, payload, forged.rsplit(b".", 1)[1]))


def label_outside() -> bytes:
    """Signed without its label; the label was put in afterwards."""
    header, _, signature = signed(without(document(), "label")).split(b".")
    return b".".join((header, jose.encode(strictjson.write(document())).encode(), signature))


PERSON = {"kind": "person", "names": ["Anna Muster"], "person_status": "WIT"}
EXAMPLES: dict[str, Callable[[], bytes]] = {
    "a message as it should be": lambda: signed(document()),
    "one byte of the message altered": altered,
    "signed with another's key, named as its own": named_as_its_own,
    "the label outside of the signature": label_outside,
    "a classification of OUO": lambda: signed(document(classification="OUO")),
    "no classification": lambda: signed(
        {**document(), "label": without(document()["label"], "classification")},
    ),
    "a person with a status": lambda: signed(document(PERSON)),
    "a person without a status": lambda: signed(document(without(PERSON, "person_status"))),
    "a vehicle without a status": lambda: signed(document({"kind": "vehicle", "description": "a grey van"})),
    "a label of the core policy": lambda: signed(document(policy="urn:exchange:policy:core:1")),
    "a label of a foreign policy": lambda: signed(document(policy="urn:elsewhere:policy:1")),
}


def test_every_example_is_acted_out_and_no_other() -> None:
    assert EXAMPLES.keys() == {case.example for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.example)
def test_the_gate_answers_as_its_cases_say(case: GateCase) -> None:
    token = EXAMPLES[case.example]()

    try:
        verified = jose.open_jws(token, Kind.MESSAGE, {OWN.public.kid: OWN.public}, limit=envelope.LIMIT)
        envelope.parse(verified, sender=ParticipantId("ncb-fra"), origin=ORIGIN, now=NOW, schemas=SCHEMAS)
        answered = ACCEPTED, {case.by}
    except Refusal as refusal:
        answered = refusal.reason.code, set(refusal.rules)

    assert answered == (case.answer, {case.by})


def test_what_is_altered_would_be_read_if_it_were_not_signed() -> None:
    """The control: the altered, the forged and the relabelled message fail for their signature and for nothing else."""
    for example in ("one byte of the message altered", "the label outside of the signature"):
        payload = jose.decode(EXAMPLES[example]().split(b".")[1])
        verified = jose.open_jws(
            jose.sign(payload, Kind.MESSAGE, OWN), Kind.MESSAGE, {OWN.public.kid: OWN.public}, limit=envelope.LIMIT
        )

        envelope.parse(verified, sender=ParticipantId("ncb-fra"), origin=ORIGIN, now=NOW, schemas=SCHEMAS)


def test_a_reason_that_is_a_rule_names_it_in_its_refusal() -> None:
    named = {reason.code: Refusal(reason).rules for reason in Reason if reason.rule is not None}

    assert named == {
        "BAD_SIGNATURE": ("R01",),
        "BEYOND_GRANT": ("R05",),
        "ERASED": ("R50",),
        "ID_REUSED": ("R50",),
        "KEY_NOT_VALID": ("R01",),
        "LABEL_FOREIGN": ("R52",),
        "LABEL_INCOMPLETE": ("R06",),
        "PERSON_STATUS_MISSING": ("R29",),
    }
