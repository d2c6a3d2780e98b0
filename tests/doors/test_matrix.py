"""Everybody asks for everything of everybody else, over every route of the OpenAPI document, and learns nothing.

A route that stands in no table here fails the first test: whoever opens a door says what may be seen through it. For
each object that a request can name, what is another's is answered as what is not there, byte for byte, and asks the
database the same.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from exchange import instant, shipped
from exchange.participant import ChangeKind, write_approval
from tests.doors.house import AUDITOR, EVERYBODY, House, fresh_id
from tests.doors.test_silence import counted, shape
from tests.doors.visitor import Visitor

Own = Callable[..., House]
Ask = Callable[[Visitor, str], httpx.Response]

OPERATOR = "one"  # the first of its officers
SENDERS = [id for id in EVERYBODY if id != "prt-museum"]  # in a ring: each sends to the next
VIEWERS = [*EVERYBODY, AUDITOR, OPERATOR]
CANARY = "canary-b3c1e7a9"
CORRECTED = {"reason": "ERROR", "corrected": {"text": "Seen at the station."}}
RECALLED = {"ground": "ERROR", "action": "DELETE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An item, who sent it and who got it, and what nobody else may be shown of it."""

    item: str
    sender: str
    reader: str
    words: str
    payload: str  # the end of its signed bytes: the words are hidden in base64 there

    def shows(self, text: str) -> bool:
        return self.words in text or self.payload in text


def reply(visitor: Visitor, item: str) -> dict[str, Any]:
    return visitor.write("ncb-fra", thread=item, in_reply_to=item)


def continued(visitor: Visitor, item: str) -> dict[str, Any]:
    return visitor.write("ncb-fra", thread=item)


def about(visitor: Visitor, kind: str, item: str, **body: Any) -> dict[str, Any]:
    """An act upon an item of which no more is known than its name."""
    document = visitor.write(type=kind, thread=item, body={"object": item} | body)
    del document["recipients"]
    return document


def feedback(visitor: Visitor, item: str) -> dict[str, Any]:
    return visitor.write("ncb-fra", type="feedback", body={"about": item, "result": "NONE"})


def asked_of(visitor: Visitor, item: str) -> dict[str, Any]:
    body = {"object": item, "wanted": {"use": "COURT"}, "reason": "a trial"}
    return visitor.write(item.partition(":")[0], type="permission-request", body=body)


def passed_on(visitor: Visitor, item: str) -> dict[str, Any]:
    return visitor.write("ncb-fra", type="forward", thread=item, body={"object": item})


def by_both(sent: Sent) -> set[str]:
    return {sent.sender, sent.reader}


def by_its_sender(sent: Sent) -> set[str]:
    return {sent.sender}


def by_its_reader(sent: Sent) -> set[str]:
    return {sent.reader}


# What a request can name, by the operation: how it is asked about, and to whom it is no stranger's.
OF_ITEMS: Mapping[str, tuple[tuple[Ask, Callable[[Sent], set[str]]], ...]] = {
    "message": ((lambda visitor, item: visitor.get(f"/v1/messages/{item}"), by_both),),
    "deliveries": ((lambda visitor, item: visitor.get(f"/v1/messages/{item}/deliveries"), by_its_sender),),
    "thread": ((lambda visitor, item: visitor.get(f"/v1/threads/{item}"), by_both),),
    "acknowledge": ((lambda visitor, item: visitor.acknowledge(item), by_its_reader),),
    "post": (
        (lambda visitor, item: visitor.send(reply(visitor, item)), by_both),
        (lambda visitor, item: visitor.send(continued(visitor, item)), by_both),
        (lambda visitor, item: visitor.send(feedback(visitor, item)), by_both),
        (lambda visitor, item: visitor.send(asked_of(visitor, item)), by_both),
        (lambda visitor, item: visitor.send(about(visitor, "restriction", item, lifted=True)), by_both),
        (lambda visitor, item: visitor.send(about(visitor, "correction", item, **CORRECTED)), by_both),
        (lambda visitor, item: visitor.send(about(visitor, "recall", item, **RECALLED)), by_both),
    ),
    "forward": ((lambda visitor, item: visitor.forward(passed_on(visitor, item)), by_both),),
    "preview": (
        (lambda visitor, item: visitor.preview(reply(visitor, item)), by_both),
        (lambda visitor, item: visitor.preview(continued(visitor, item)), by_both),
        (lambda visitor, item: visitor.preview(feedback(visitor, item)), by_both),
    ),
}
# What waits for an officer is the operator's alone, and what an entity sends and gets is its bureau's: a test for each.
OF_OTHERS = {"approve", "traffic"}

# What names nothing of anybody's: how it is asked, and what the operator and oversight get there.
PLAIN: Mapping[str, tuple[Callable[[House, Visitor], httpx.Response], int, int]] = {
    "livez": (lambda house, visitor: visitor.http.get(house.url + "/livez"), 200, 200),
    "readyz": (lambda house, visitor: visitor.http.get(house.url + "/readyz"), 200, 200),
    "metadata": (
        lambda house, visitor: visitor.http.get(house.url + "/.well-known/oauth-authorization-server"),
        200,
        200,
    ),
    "token": (lambda house, visitor: visitor.ask_token(), 200, 200),
    "directory": (lambda house, visitor: visitor.get("/v1/directory"), 200, 200),
    "changes": (lambda house, visitor: visitor.get("/v1/directory/changes"), 200, 200),
    "propose": (lambda house, visitor: visitor.post("/v1/directory/changes", b""), 400, 400),
    "policy": (lambda house, visitor: visitor.get(f"/v1/policies/{in_force(house)}"), 200, 200),
    "inbox": (lambda house, visitor: visitor.get("/v1/inbox"), 200, 200),
    "sent": (lambda house, visitor: visitor.get("/v1/sent"), 200, 200),
    "owed": (lambda house, visitor: visitor.get("/v1/owed"), 200, 200),
    "checkpoint": (lambda house, visitor: visitor.get("/v1/trail/checkpoint"), 200, 200),
    "inclusion": (lambda house, visitor: visitor.get("/v1/trail/inclusion", position=1, size=2), 200, 200),
    "consistency": (lambda house, visitor: visitor.get("/v1/trail/consistency", **{"from": 1, "to": 2}), 200, 200),
    "entries": (lambda house, visitor: visitor.get("/v1/trail/entries"), 403, 200),
}


def in_force(house: House) -> str:
    return str(house[OPERATOR].get("/v1/directory").json()["policy"])


@pytest.fixture
def ring(house: House) -> list[Sent]:
    return sent_around(house)


def sent_around(house: House) -> list[Sent]:
    """Each sends the next one an item, which that reads and acknowledges."""
    around = []
    for sender, reader in zip(SENDERS, [*SENDERS[1:], SENDERS[0]], strict=True):
        words = f"{CANARY}-{sender}-{fresh_id()}"
        sent = house[sender].sent(reader, subject=words, body={"text": words})
        payload = sent["jws"].split(".")[1][-200:]
        around.append(Sent(item=sent["item"], sender=sender, reader=reader, words=words, payload=payload))
        assert house[reader].reads(sent["item"])
        assert house[reader].acknowledge(sent["item"]).status_code == 201
    return around


def traffic(visitor: Visitor, entity: str) -> httpx.Response:
    return visitor.get(f"/v1/entities/{entity}/traffic")


def asked_for(ask: Ask, visitor: Visitor, named: str) -> list[str]:
    """The statements that a request comes to."""
    with counted() as statements:
        ask(visitor, named)
    return statements


def test_every_route_of_the_document_stands_in_a_table() -> None:
    document = json.loads((shipped.folder("schemas") / "openapi.json").read_text("utf-8"))
    operations = [one["operationId"] for path in document["paths"].values() for one in path.values()]

    assert sorted(operations) == sorted([*OF_ITEMS, *OF_OTHERS, *PLAIN])


@pytest.mark.parametrize("operation", OF_ITEMS)
def test_an_item_of_others_is_answered_as_one_that_is_not_there(operation: str, house: House, ring: list[Sent]) -> None:
    for viewer in VIEWERS:
        visitor = house[viewer]
        for ask, known_to in OF_ITEMS[operation]:
            absent = ask(visitor, f"ncb-fra:{fresh_id()}")
            for sent in ring:
                if viewer in known_to(sent):
                    continue
                answer = ask(visitor, sent.item)
                assert shape(answer) == shape(absent), (viewer, sent.sender)
                assert not sent.shows(answer.text)
                assert sent.item not in answer.text


@pytest.mark.parametrize("operation", OF_ITEMS)
def test_an_item_is_there_for_those_whose_it_is(operation: str, house: House, ring: list[Sent]) -> None:
    """The control: whoever is no stranger to an item is not answered like one."""
    sent = ring[SENDERS.index("ncb-deu")]
    for ask, known_to in OF_ITEMS[operation]:
        for viewer in sorted(known_to(sent), key=[sent.reader, sent.sender].index):
            absent, answer = (ask(house[viewer], item) for item in (f"ncb-fra:{fresh_id()}", sent.item))
            assert absent.status_code in (404, 422)
            assert answer.status_code not in (404, 422), (operation, viewer, answer.text)


@pytest.mark.parametrize("operation", OF_ITEMS)
def test_an_item_of_others_asks_the_database_as_one_that_is_not_there(operation: str, own: Own) -> None:
    house = own()
    with house.opened():
        sent = sent_around(house)[0]
        for viewer in VIEWERS:
            visitor = house[viewer]
            visitor.token  # noqa: B018  not to be counted
            for ask, known_to in OF_ITEMS[operation]:
                if viewer in known_to(sent):
                    continue
                said = [asked_for(ask, visitor, item) for item in (f"ncb-fra:{fresh_id()}", sent.item)]
                assert said[0] == said[1], (operation, viewer)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_what_names_nothing_shows_nothing_of_others(viewer: str, house: House, ring: list[Sent]) -> None:
    visitor = house[viewer]
    house.suspend("ncb-esp")  # with a reason that is nobody's business
    house.reinstate("ncb-esp")

    for operation, (ask, _, _) in PLAIN.items():
        answer = ask(house, visitor)
        for sent in ring:
            if viewer not in by_both(sent):
                assert not sent.shows(answer.text), (operation, sent.sender)
                assert sent.item not in answer.text or (operation, viewer) == ("entries", AUDITOR)


@pytest.mark.parametrize(("viewer", "place"), [(OPERATOR, 0), (AUDITOR, 1)])
def test_operator_and_oversight_can_do_all_but_read(viewer: str, place: int, house: House, ring: list[Sent]) -> None:
    """R12, R46: each route that is theirs works, and through none comes an item."""
    visitor = house[viewer]

    answers = {operation: ask(house, visitor) for operation, (ask, *_) in PLAIN.items()}

    assert {operation: answer.status_code for operation, answer in answers.items()} == {
        operation: expected[place] for operation, (_, *expected) in PLAIN.items()
    }
    assert [answers[feed].json()["items"] for feed in ("inbox", "sent", "owed")] == [[], [], []]
    for answer in answers.values():
        assert not any(sent.shows(answer.text) for sent in ring)


def test_what_an_entity_sends_is_shown_to_its_bureau_and_to_others_as_of_an_entity_that_is_not_there(
    house: House, ring: list[Sent]
) -> None:
    for viewer in VIEWERS:
        absent = traffic(house[viewer], "ent-fra-nobody")
        for named in (*EVERYBODY, AUDITOR):
            if (viewer, named) != ("ncb-fra", "ent-fra-customs"):
                assert shape(traffic(house[viewer], named)) == shape(absent), (viewer, named)

    page = traffic(house["ncb-fra"], "ent-fra-customs")
    ours = [sent for sent in ring if "ent-fra-customs" in by_both(sent)]
    assert page.status_code == 200
    assert {sent.item for sent in ours} <= {one["item"] for one in page.json()["traffic"]}
    assert not any(sent.shows(page.text) for sent in ring)


@pytest.mark.parametrize("viewer", ["ncb-ita", "ncb-fra", AUDITOR, OPERATOR])
def test_the_traffic_of_anothers_entity_asks_the_database_as_that_of_none(viewer: str, own: Own) -> None:
    house = own()
    with house.opened():
        visitor = house[viewer]
        visitor.token  # noqa: B018  not to be counted
        entities = ("ent-fra-nobody", "ncb-deu" if viewer == "ncb-fra" else "ent-fra-customs")
        said = [asked_for(traffic, visitor, entity) for entity in entities]

    assert said[0] == said[1]


@pytest.mark.parametrize("viewer", [id for id in SENDERS if id not in ("ncb-fra", "ncb-ita")])
def test_a_group_of_others_is_answered_as_one_that_is_not_there(viewer: str, house: House) -> None:
    """Wherever a code can be named: as a recipient, in the label of a message and in a restriction's circle."""
    visitor, code = house[viewer], f"OP-M{fresh_id()[-6:]}"
    since = instant.write(datetime.now(UTC) - timedelta(minutes=1))
    members = [{"participant": id, "from": since} for id in ("ncb-fra", "ncb-ita")]
    house.change(ChangeKind.GROUP, group=code, name=CANARY, members=members)
    sent, answers = visitor.sent("ncb-ita"), []
    for named in (code, "OP-NONE"):
        circle = {"mode": "ALL_MINUS", "exclude": [named]}
        answers.append(
            [
                visitor.send(visitor.write({"group": named})),
                visitor.preview(visitor.write({"group": named})),
                visitor.send(visitor.write("ncb-ita", label={"releasable_to": circle})),
                visitor.preview(visitor.write("ncb-ita", label={"releasable_to": circle})),
                visitor.send(visitor.write_act("restriction", sent, {"releasable_to": circle})),
            ]
        )
    house.change(ChangeKind.GROUP, group=code, name=CANARY, members=[])

    for foreign, absent in zip(*answers, strict=True):
        assert foreign.status_code == absent.status_code, foreign.text
        assert foreign.is_success or shape(foreign) == shape(absent)
        assert CANARY not in foreign.text
    assert {answer.status_code for answer in answers[0][:2]} == {422}


def test_what_was_recalled_unread_is_answered_as_what_is_not_there(house: House) -> None:
    visitor = house["ncb-ita"]
    cursor = visitor.caught_up()
    sent = house["ncb-fra"].sent("ncb-ita")
    house["ncb-fra"].recall(sent)

    assert visitor.inbox(cursor=cursor)["items"] == []
    for operation, asks in OF_ITEMS.items():
        for ask, _ in asks:
            gone, absent = ask(visitor, sent["item"]), ask(visitor, f"ncb-fra:{fresh_id()}")
            assert shape(gone) == shape(absent), operation


def test_a_change_that_waits_is_answered_to_others_as_one_that_is_not_there(house: House) -> None:
    one, two = house.world.officers[:2]
    content = {"participant": "ncb-esp", "clearance": "RES", "purposes": ["P3", "P4"], "crime_areas": ["DRG"]}
    change = house.world.change(ChangeKind.RIGHTS, one, id=fresh_id(), made_at=datetime.now(UTC), **content)
    waiting = house[OPERATOR].post("/v1/directory/changes", change).json()["change"]

    for viewer in [*EVERYBODY, AUDITOR]:
        visitor, officer = house[viewer], house.world[viewer].officer
        answers = []
        for id in (waiting, fresh_id()):
            stated = {"origin": house.world.origin, "change": id, "digest": "0" * 64}
            approval = write_approval(**stated, made_at=datetime.now(UTC), key=officer)
            answers.append(visitor.post(f"/v1/directory/changes/{id}/approvals", approval))
        assert shape(answers[0]) == shape(answers[1]), viewer
        assert answers[0].status_code == 404

    approval = house.world.approval(change, two)
    assert house[OPERATOR].post(f"/v1/directory/changes/{waiting}/approvals", approval).status_code == 201
    house.grant("ncb-esp", "RES")
