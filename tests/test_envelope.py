"""From verified bytes to a message: whole, ours, its sender's, and of now; or a refusal that helps most.

That each reason is given for its own fault stands beside the schemas, in examples; here stand the laws between them.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import envelope, instant, jose, shipped, strictjson
from exchange.envelope import Message, ToAll, ToCountry, ToParticipant, ToTier
from exchange.jose import Kind, SigningKey, VerifiedBytes
from exchange.label import Mode, Releasability, Tier
from exchange.participant import ParticipantId
from exchange.refusal import Reason
from tests.refused import outcome, refused
from tests.world import NOW, ORIGIN, fresh_id, sample, schemas

KEY = SigningKey.generate()
KEYS = {KEY.public.kid: KEY.public}
SENDER = ParticipantId("ncb-fra")
NAMES = sorted(
    f.name.removesuffix(".json")
    for f in (shipped.folder("schemas") / "examples" / "good").iterdir()
    if f.name.endswith(".json")
)
GIVEN = {  # all that `parse` says it may refuse for
    Reason.JSON_MALFORMED,
    Reason.UNKNOWN_TYPE,
    Reason.SCHEMA_VIOLATION,
    Reason.LABEL_INCOMPLETE,
    Reason.LABEL_FOREIGN,
    Reason.LABEL_INCONSISTENT,
    Reason.PERSON_STATUS_MISSING,
    Reason.WRONG_EXCHANGE,
    Reason.NOT_THE_SENDER,
    Reason.SEALING_REQUIRED,
    Reason.PURPOSE_MISSING,
    Reason.OUT_OF_TIME,
}


def opened(payload: bytes) -> VerifiedBytes:
    token = jose.sign(payload, Kind.MESSAGE, KEY)
    return jose.open_jws(token, Kind.MESSAGE, KEYS, limit=len(token))


def parsed(
    document: dict[str, Any] | bytes, *, sender: str = SENDER, origin: str = ORIGIN, now: datetime = NOW
) -> Message:
    payload = document if isinstance(document, bytes) else strictjson.write(document)
    return envelope.parse(opened(payload), sender=ParticipantId(sender), origin=origin, now=now, schemas=schemas())


def a_message(**members: Any) -> dict[str, Any]:
    return sample("drug-seizure", sender=SENDER) | members


def labelled(**members: Any) -> dict[str, Any]:
    document = a_message()
    return document | {"label": document["label"] | members}


# Both ways


@pytest.mark.parametrize("name", NAMES)
def test_what_a_sender_writes_is_read_member_for_member(name: str) -> None:
    document = sample(name)

    verified = jose.open_jws(envelope.write(document, KEY), Kind.MESSAGE, KEYS, limit=envelope.LIMIT)
    message = envelope.parse(
        verified, sender=ParticipantId(document["sender"]), origin=ORIGIN, now=NOW, schemas=schemas()
    )

    assert message.document == document
    assert (message.item, message.ulid) == (f"{document['sender']}:{document['id']}", document["id"])
    assert (message.type, message.subject, message.user) == (document["type"], document["subject"], document["user"])
    assert message.sent_at == message.label.created == NOW
    assert envelope.read(document, schemas()) == message


def test_a_message_that_starts_a_thread_is_its_name() -> None:
    first = parsed(a_message())
    reply = parsed(a_message(thread=first.item, in_reply_to=first.item))

    assert (first.thread, first.in_reply_to) == (first.item, None)
    assert (reply.thread, reply.in_reply_to) == (first.item, first.item)


def test_recipients_are_of_four_sorts() -> None:
    named = [{"participant": "ncb-ita"}, {"country": "DEU"}, {"tier": "T3"}, {"all": True}]

    message = parsed(a_message(recipients=named))

    assert message.recipients == (ToParticipant("ncb-ita"), ToCountry("DEU"), ToTier(Tier.T3), ToAll())


def test_a_reader_judges_no_message_by_its_own_clock_or_exchange() -> None:
    """What was accepted stays readable: `read` asks nothing that changes with time and place."""
    old = a_message(aud="exchange.example", sent_at="2020-01-01T00:00:00Z")

    assert envelope.read(old, schemas()).subject == old["subject"]
    with refused(Reason.WRONG_EXCHANGE):
        parsed(old)


# What helps most comes first


def test_a_fault_is_told_in_the_order_of_the_checks() -> None:
    """One message with everything wrong, mended step by step."""
    worst = labelled(policy="urn:example:national:1", originator="ncb-ita", classification="CON") | {
        "type": "feed-item",
        "aud": "exchange.example",
        "sent_at": "2020-01-01T00:00:00Z",
        "entities": [{"kind": "person"}],
        "urgent": True,
    }
    del worst["label"]["classification"]
    steps: list[tuple[Reason, dict[str, Any], dict[str, Any]]] = [
        (Reason.UNKNOWN_TYPE, {"type": "message"}, {}),
        (Reason.SCHEMA_VIOLATION, {"urgent": ...}, {}),
        (Reason.LABEL_INCOMPLETE, {}, {"classification": "CON"}),
        (Reason.LABEL_FOREIGN, {}, {"policy": "urn:exchange:policy:core:1"}),
        (Reason.PERSON_STATUS_MISSING, {"entities": []}, {}),
        (Reason.LABEL_INCONSISTENT, {}, {"expires": "2030-01-01T00:00:00Z"}),
        (Reason.WRONG_EXCHANGE, {"aud": ORIGIN}, {}),
        (Reason.NOT_THE_SENDER, {}, {"originator": SENDER}),
        (Reason.SEALING_REQUIRED, {}, {"classification": "RES"}),
        (Reason.PURPOSE_MISSING, {}, {"purpose": ["P3"]}),
        (Reason.OUT_OF_TIME, {"sent_at": instant.write(NOW)}, {}),
    ]
    worst["label"] |= {"expires": "2020-01-01T00:00:00Z", "purpose": []}

    for reason, mended, label in steps:
        with refused(reason):
            parsed(worst)
        worst = {name: value for name, value in (worst | mended).items() if value is not ...}
        worst["label"] = worst["label"] | label

    assert parsed(worst).sender == SENDER


def test_the_signer_the_sender_and_the_originator_are_one() -> None:
    """Each pair of two that agree, and the third that does not."""
    with refused(Reason.NOT_THE_SENDER):
        parsed(a_message(), sender="ncb-ita")
    with refused(Reason.NOT_THE_SENDER):
        parsed(labelled(originator="ncb-ita"))
    with refused(Reason.NOT_THE_SENDER):
        parsed(a_message(sender="ncb-ita"))
    with refused(Reason.NOT_THE_SENDER):
        parsed(sample("drug-seizure", sender="ncb-ita"))


@pytest.mark.parametrize("aud", ["exchange.example", "exchange.example/Training", "exchange.example/training/", "x"])
def test_a_message_for_another_exchange_is_no_message_here(aud: str) -> None:
    with refused(Reason.WRONG_EXCHANGE):
        parsed(a_message(aud=aud))
    with refused(Reason.WRONG_EXCHANGE):
        parsed(a_message(), origin=aud)


def test_confidential_content_is_not_taken_in_the_open_whatever_else_is_said() -> None:
    with refused(Reason.SEALING_REQUIRED):
        parsed(labelled(classification="CON", purpose=["P3"]))


def test_restricted_content_needs_a_purpose_and_the_rest_does_not() -> None:
    assert parsed(labelled(classification="OUO", purpose=[])).label.purpose == ()
    assert parsed(labelled(classification="RES", purpose=["P3"])).label.purpose == ("P3",)
    with refused(Reason.PURPOSE_MISSING):
        parsed(labelled(classification="RES", purpose=[]))


# Times

SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("age", "timely"),
    [
        (WEEK, True),
        (WEEK + SECOND, False),
        (-10 * SECOND, True),
        (-11 * SECOND, False),
    ],
    ids=["a week", "a second more", "ten seconds ahead", "a second more ahead"],
)
def test_a_message_is_at_most_a_week_old_and_ten_seconds_ahead(age: timedelta, timely: bool) -> None:
    document = sample("drug-seizure", sender=SENDER, at=NOW - age)

    assert (outcome(lambda: parsed(document)) is Reason.OUT_OF_TIME) is not timely


@pytest.mark.parametrize("seconds", [-11, -10, -9, 0, 9, 10, 11])
def test_the_time_in_the_id_and_the_time_stated_differ_by_ten_seconds_at_most(seconds: int) -> None:
    made = NOW - timedelta(minutes=1)
    document = a_message(id=fresh_id(made + seconds * SECOND), sent_at=instant.write(made))

    came_of_it = outcome(lambda: parsed(document))

    assert (came_of_it is Reason.OUT_OF_TIME) is (abs(seconds) > 10)


@pytest.mark.parametrize(
    ("id_age", "sent_age"),
    [(-15 * SECOND, -5 * SECOND), (WEEK + 5 * SECOND, WEEK - 5 * SECOND)],
    ids=["the id ahead", "the id too old"],
)
def test_the_time_in_the_id_lies_in_the_window_too(id_age: timedelta, sent_age: timedelta) -> None:
    document = a_message(id=fresh_id(NOW - id_age), sent_at=instant.write(NOW - sent_age))

    with refused(Reason.OUT_OF_TIME):
        parsed(document)


@pytest.mark.parametrize("id", ["7" + "Z" * 25, "0" * 26, "7ZZZZZZZZZ" + "0" * 16], ids=["last", "first", "year 10889"])
def test_an_id_of_a_time_that_no_calendar_has_is_out_of_time(id: str) -> None:
    with refused(Reason.OUT_OF_TIME):
        parsed(a_message(id=id))


@pytest.mark.parametrize("id", ["8" + "Z" * 25, "Z" * 26, "0" * 25, "01m7q39k20tqhnrvj36wavmayx", "I" * 26])
def test_an_id_that_is_no_ulid_does_not_fit(id: str) -> None:
    with refused(Reason.SCHEMA_VIOLATION):
        parsed(a_message(id=id))


def test_a_message_that_is_late_and_otherwise_wrong_is_told_what_is_wrong() -> None:
    """The time is looked at last: only what is right but late may be the retry of something accepted before."""
    late = sample("drug-seizure", sender=SENDER, at=NOW - 2 * WEEK)

    with refused(Reason.WRONG_EXCHANGE):
        parsed(late | {"aud": "exchange.example"})


# What it is about


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_about_the_item_that_its_body_names(name: str) -> None:
    document = sample(name)

    message = envelope.read(document, schemas())

    assert message.about == document["body"].get("object", document["body"].get("about"))
    assert (message.about is None) is (message.type in CARRYING)
    assert (message.recipients == ()) is (message.type in ("recall", "restriction", "correction"))
    assert (message.circle is None) is (message.type != "restriction")


CARRYING = ("message", "information-request", "information-answer", "clarification", "spontaneous-information")


def test_a_restriction_states_a_circle_and_its_end_states_none() -> None:
    fewer, lifted = (envelope.read(sample(name), schemas()) for name in ("fewer-readers", "restriction-lifted"))

    assert fewer.circle == Releasability(mode=Mode.ALL_MINUS, exclude=frozenset({"ITA"}), tiers=frozenset({Tier.T1}))
    assert lifted.circle == Releasability(mode=Mode.ALL)


def corrected(*entities: dict[str, Any], handling: tuple[str, ...] = ("EXERCISE",)) -> dict[str, Any]:
    """A correction that puts these entities right."""
    document = sample("weight-corrected", sender=SENDER)
    document["label"]["handling"] = list(handling)
    document["body"]["corrected"] = {"entities": list(entities)}
    return document


def test_what_a_correction_puts_right_is_held_to_the_rules_of_what_it_corrects() -> None:
    """A child or special data would otherwise come in by the back door: R29, R31, R32 and the marks of the label."""
    child = PERSON | {"age": 9}
    special = PERSON | {"special_data": True}

    with refused(Reason.PERSON_STATUS_MISSING):
        parsed(corrected({"kind": "person"}))
    with refused(Reason.LABEL_INCONSISTENT):
        parsed(corrected(child))
    with refused(Reason.LABEL_INCONSISTENT):
        parsed(corrected(special))

    assert parsed(corrected(child, handling=("EXERCISE", "MINOR"))).minors_state_their_age
    assert not parsed(corrected(PERSON, handling=("EXERCISE", "MINOR"))).minors_state_their_age
    assert not parsed(corrected(special, handling=("EXERCISE", "SENS"))).special_data_is_justified
    assert parsed(corrected(child, handling=("EXERCISE", "MINOR"))).entities == (child,)


# Size and shape


def test_a_message_is_bounded_by_the_limit_of_its_exchange_and_by_nothing_else() -> None:
    """A larger limit is a setting; a parser with a bound of its own would refuse what the gate let in."""
    large = {"name": "scan.png", "mime": "image/png", "data": "A" * 200_000}

    message = parsed(a_message(attachments=[large, large]))

    assert len(message.document["attachments"]) == 2


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_another_version_is_not_spoken(version: Any) -> None:
    with refused(Reason.UNKNOWN_TYPE):
        parsed(a_message(schema_version=version))


@pytest.mark.parametrize("kind", [None, 1, True, [], {}, "", "Message", "message ", ["message"], {"message": 1}])
def test_what_has_no_known_type_is_not_spoken(kind: Any) -> None:
    with refused(Reason.UNKNOWN_TYPE):
        parsed(a_message(type=kind))


@given(payload=st.binary(min_size=1, max_size=100))
def test_any_bytes_are_refused_as_a_message(payload: bytes) -> None:
    assert outcome(lambda: parsed(payload)) in {Reason.JSON_MALFORMED, Reason.UNKNOWN_TYPE}


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where every value of a document stands."""
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, below in steps:
        yield (*path, step)
        yield from places(below, (*path, step))


PLACES = list(places(sample("every-label-member")))
odd_values = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
) | st.sampled_from(
    ["", " ", "T1", "ncb-fra", "9999-12-31T23:59:59Z", [], {}, [[]], [{}], {"": ""}, "\u202e", "P3", "x" * 300]
)


@given(place=st.sampled_from(PLACES), value=odd_values)
@settings(max_examples=150)
def test_whatever_stands_wherever_it_is_a_message_or_refused(place: tuple[str | int, ...], value: Any) -> None:
    document = sample("every-label-member")
    sender = document["sender"]
    node = document
    for step in place[:-1]:
        node = node[step]  # type: ignore[index]
    node[place[-1]] = value  # type: ignore[index]

    came_of_it = outcome(lambda: parsed(document, sender=sender))

    assert isinstance(came_of_it, Message) or came_of_it in GIVEN


def test_every_member_that_must_be_there_is_missed() -> None:
    optional = {"entities", "thread", "in_reply_to", "attachments"}

    for name in a_message().keys() - optional:
        without = {n: v for n, v in a_message().items() if n != name}
        with refused(Reason.SCHEMA_VIOLATION, Reason.UNKNOWN_TYPE):
            parsed(without)


# What the policy asks of a message (R31, R32)


def with_entities(*entities: dict[str, Any], handling: tuple[str, ...] = ("EXERCISE",)) -> Message:
    document = labelled(handling=list(handling))
    return envelope.read(document | {"entities": list(entities)}, schemas())


PERSON = {"kind": "person", "person_status": "MIS"}


@pytest.mark.parametrize(
    ("persons", "stated"),
    [
        ([], True),
        ([PERSON], False),
        ([PERSON | {"age": 0}], True),
        ([PERSON | {"birth_date": "2019-05-30"}], True),
        ([PERSON | {"age": 7}, PERSON], False),
        ([{"kind": "item", "description": "A school bag"}], True),
    ],
)
def test_the_age_of_minors_is_stated_for_each_person(persons: list[dict[str, Any]], stated: bool) -> None:
    assert with_entities(*persons).minors_state_their_age is stated


BAG = {"kind": "item", "description": "A school bag"}


@pytest.mark.parametrize(
    ("entities", "handling", "justified"),
    [
        ([], ("EXERCISE",), True),
        ([BAG], ("EXERCISE",), True),
        ([PERSON | {"special_data": False}], ("EXERCISE",), True),
        ([PERSON | {"special_data": True}], ("EXERCISE",), False),
        ([PERSON | {"special_data": True, "necessity": "   "}], ("EXERCISE",), False),
        ([PERSON | {"special_data": True, "necessity": "To tell two of one name apart"}], ("EXERCISE",), True),
        ([PERSON | {"special_data": True, "necessity": "x"}, PERSON | {"special_data": True}], ("EXERCISE",), False),
        ([], ("EXERCISE", "SENS"), False),
        ([PERSON | {"necessity": "x"}], ("EXERCISE", "SENS"), False),
        ([PERSON | {"special_data": True, "necessity": "x"}], ("EXERCISE", "SENS"), True),
    ],
)
def test_special_data_is_justified_where_it_stands(
    entities: list[dict[str, Any]], handling: tuple[str, ...], justified: bool
) -> None:
    assert with_entities(*entities, handling=handling).special_data_is_justified is justified


def test_a_sample_can_be_moved_in_time_and_is_still_good() -> None:
    """What the other tests build on."""
    for name in NAMES:
        document = sample(name, at=NOW + WEEK)
        assert parsed(document, sender=document["sender"], now=NOW + WEEK).sent_at == NOW + WEEK


@pytest.mark.parametrize(
    ("entity", "mark"),
    [
        (PERSON | {"special_data": True, "necessity": "To tell two of one name apart"}, "SENS"),
        (PERSON | {"age": 17}, "MINOR"),
        (PERSON | {"birth_date": "2019-05-30"}, "MINOR"),
    ],
)
def test_what_an_entity_holds_the_label_says(entity: dict[str, Any], mark: str) -> None:
    unmarked = labelled(handling=["EXERCISE"]) | {"entities": [entity]}
    marked = labelled(handling=["EXERCISE", mark]) | {"entities": [entity]}

    with refused(Reason.LABEL_INCONSISTENT):
        parsed(unmarked)

    assert parsed(marked).label.handling == {"EXERCISE", mark}


@pytest.mark.parametrize("person", [{"age": 18}, {"birth_date": "1990-01-01"}, {}])
def test_who_is_of_age_or_of_unknown_age_needs_no_mark(person: dict[str, Any]) -> None:
    document = labelled(handling=["EXERCISE"]) | {"entities": [PERSON | person]}

    assert parsed(document).document["entities"]
