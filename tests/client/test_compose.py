"""From what is said to what is signed: everything that is absent is filled in, nothing that is there is touched."""

from datetime import UTC, datetime
from typing import Any

import pytest
from ulid import ULID

from exchange import envelope, shipped
from exchange.client.compose import EXERCISE_NOTE, OUO_NOTE, Author, Draft, compose, recipient
from exchange.participant import ParticipantId
from exchange.schema import Schemas

NOW = datetime(2026, 11, 22, 5, 17, tzinfo=UTC)
AUTHOR = Author(participant="ncb-fra", user="u-1", origin="exchange.example/live", training=False, now=NOW)
TRAINING = Author(participant="ncb-fra", user="u-1", origin="exchange.example/training", training=True, now=NOW)
SCHEMAS = Schemas.compile(shipped.texts("schemas", ".schema.json"))


def written(author: Author = AUTHOR, **members: Any) -> Draft:
    said: dict[str, Any] = {"type": "message", "subject": "S", "body": {"text": "t"}, "recipients": ["ncb-ita"]}
    return compose(author, **(said | members))


def test_what_is_filled_in_makes_a_message_that_the_gate_accepts() -> None:
    draft = written()

    read = envelope.read(draft.document, SCHEMAS)
    message = envelope.check(read, sender=ParticipantId("ncb-fra"), origin=AUTHOR.origin, now=NOW)

    assert (message.sender, message.label.originator, message.user) == ("ncb-fra", "ncb-fra", "u-1")
    assert message.sent_at == message.label.created == NOW
    assert ULID.from_str(message.ulid).datetime == NOW


def test_an_absent_classification_becomes_ouo_and_is_said() -> None:
    draft = written(case_ref="FRA-1")

    assert draft.document["label"]["classification"] == "OUO"
    assert draft.notes == (OUO_NOTE,)


def test_a_stated_classification_is_left_and_not_remarked() -> None:
    draft = written(case_ref="FRA-1", label={"classification": "RES", "purpose": ["P3"]})

    assert draft.document["label"]["classification"] == "RES"
    assert draft.notes == ()


def test_in_training_every_label_says_exercise_once() -> None:
    absent = written(TRAINING, case_ref="FRA-1", label={"classification": "OUO", "handling": ["H2"]})
    stated = written(TRAINING, case_ref="FRA-1", label={"classification": "OUO", "handling": ["EXERCISE"]})

    assert absent.document["label"]["handling"] == ["H2", "EXERCISE"]
    assert absent.notes == (EXERCISE_NOTE,)
    assert stated.document["label"]["handling"] == ["EXERCISE"]
    assert stated.notes == ()


def test_a_case_that_is_not_named_gets_a_name_and_is_said() -> None:
    draft = written(label={"classification": "OUO"})

    assert draft.document["case_ref"] == f"ncb-fra/{draft.document['id']}"
    assert len(draft.notes) == 1


def test_what_is_given_stays_as_it_is() -> None:
    given: dict[str, Any] = {
        "id": "01KAJ4Y0000000000000000000",
        "sent_at": "2026-11-22T05:00:00Z",
        "thread": "ncb-ita:01",
    }

    draft = written(**given, entities=None)

    assert draft.document.items() >= given.items()
    assert "entities" not in draft.document


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("ncb-ita", {"participant": "ncb-ita"}),
        ("country:DEU", {"country": "DEU"}),
        ("group:OP-HARBOUR-2", {"group": "OP-HARBOUR-2"}),
        ("tier:T3", {"tier": "T3"}),
        ("all", {"all": True}),
    ],
)
def test_recipients_are_named_in_five_ways(text: str, members: dict[str, Any]) -> None:
    assert recipient(text) == members
    assert written(recipients=[text, members]).document["recipients"] == [members, members]


@pytest.mark.parametrize(
    "text", ["", "country:", "country:de", "country:DEUT", "tier:T9", "all:", "group:", "group:x", ":x"]
)
def test_other_recipients_are_not_guessed_at(text: str) -> None:
    with pytest.raises(ValueError, match="is no recipient"):
        recipient(text)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="is no type"):
        written(type="gossip")
