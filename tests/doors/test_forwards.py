"""Forwards: who may pass on what to whom, what those see who get it, and how its source keeps control."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from exchange import cli, instant, replay
from exchange.client import Client
from exchange.leaf import Event
from tests.doors.house import AUDITOR, House, fresh_id
from tests.doors.test_control import overtaken
from tests.doors.test_silence import counted, hide, shape
from tests.doors.visitor import Visitor

Own = Callable[..., House]

CONTROLLED = {"handling": ["EXERCISE", "ORCON"]}


def items(page: dict[str, Any]) -> list[str]:
    return [one["item"] for one in page["items"]]


def passed_on(by: Visitor, about: dict[str, Any], *to: str, **members: Any) -> dict[str, Any]:
    """A forward, accepted: as `sent`."""
    document = by.write_forward(about, *to, **members)
    answer = by.forward(document)
    assert answer.status_code == 201, answer.text
    accepted: dict[str, Any] = answer.json()
    return accepted | {"item": f"{by.id}:{document['id']}", "document": document, "jws": by.sign(document).decode()}


def ask(by: Visitor, about: dict[str, Any], *wanted: str) -> dict[str, Any]:
    body = {"wanted": {"recipients": list(wanted)}, "reason": "for the joint team"}
    to = [{"participant": about["document"]["sender"]}]
    return by.acts("permission-request", about, body, recipients=to)


def answer(
    by: Visitor, about: dict[str, Any], request: dict[str, Any], *, granted: bool = True, **body: Any
) -> dict[str, Any]:
    until = instant.write(datetime.now(UTC) + timedelta(days=1))
    wanted = request["document"]["body"]["wanted"]["recipients"]
    said = {"granted": granted} | ({"until": until, "recipients": wanted} if granted else {}) | body
    to = [{"participant": request["document"]["sender"]}]
    return by.acts("permission-answer", about, said, recipients=to, in_reply_to=request["item"])


def reason(response: httpx.Response) -> str:
    return str(response.json()["reason"])


# What those see who get it


def test_who_is_passed_an_item_gets_the_sources_own_bytes_and_the_note(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita")
    cursor = berlin.caught_up()

    note = passed_on(rome, sent, "ncb-deu")
    page = berlin.inbox(cursor=cursor)
    held = {one["item"]: one for one in page["items"]}

    assert note["routing"] == [{"participant": "ncb-deu", "outcome": "released"}]
    assert set(held) == {sent["item"], note["item"]}
    assert held[sent["item"]]["jws"] == sent["jws"]
    assert berlin.reads(sent["item"])
    assert berlin.acknowledge(sent["item"]).status_code == 201
    assert items(berlin.get(f"/v1/threads/{sent['item']}").json()) == [sent["item"], note["item"]]


def test_the_source_sees_to_whom_its_item_was_passed_on_and_keeps_control(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita")
    note = passed_on(rome, sent, "ncb-deu")
    assert berlin.reads(sent["item"])
    deliveries = paris.get(f"/v1/messages/{sent['item']}/deliveries").json()["deliveries"]

    recall = paris.recall(sent)

    told = [(one["participant"], one["state"], one.get("by")) for one in deliveries]
    assert told == [("ncb-ita", "released", None), ("ncb-deu", "read", "ncb-ita")]
    assert [one["participant"] for one in recall["routing"]] == ["ncb-deu"]
    assert not berlin.reads(sent["item"])
    assert not rome.reads(sent["item"])
    assert berlin.reads(note["item"])
    assert not paris.reads(note["item"])


def test_who_held_it_already_gets_the_note_alone(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita", "ncb-deu")
    cursors = berlin.caught_up(), paris.caught_up()

    note = passed_on(rome, sent, "ncb-deu", "ncb-fra")

    assert items(berlin.inbox(cursor=cursors[0])) == [note["item"]]
    assert items(paris.inbox(cursor=cursors[1])) == [note["item"]]


def test_the_label_keeps_its_readers_and_says_so(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita", label={"releasable_to": {"mode": "ALL_MINUS", "exclude": ["BRA"]}})

    note = passed_on(rome, sent, "ncb-bra", "ncb-deu")

    assert note["routing"] == [
        {"participant": "ncb-bra", "outcome": "withheld", "rule": "R09"},
        {"participant": "ncb-deu", "outcome": "released"},
    ]
    assert not house["ncb-bra"].reads(sent["item"])


def test_a_restriction_holds_for_those_to_whom_it_is_passed_on_and_is_not_told(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita")
    paris.restrict(sent, {"mode": "ALL_MINUS", "exclude": ["DEU"]})

    note = passed_on(rome, sent, "ncb-deu")
    paris.lift(sent)

    assert note["routing"] == [{"participant": "ncb-deu", "outcome": "withheld"}]
    assert not berlin.reads(sent["item"])
    assert not berlin.reads(note["item"])


def test_a_forward_that_is_sent_again_gets_its_first_receipt(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    note = passed_on(rome, sent, "ncb-deu")
    paris.recall(sent)

    again = rome.post("/v1/forwards", note["jws"].encode())

    assert (again.status_code, again.json()["leaf"]) == (200, note["leaf"])


# Control of the originator


def test_what_its_source_controls_is_passed_on_by_permission_alone(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita", label=CONTROLLED)

    refused = rome.forward(rome.write_forward(sent, "ncb-deu"))
    request = ask(rome, sent, "ncb-deu")
    permission = answer(paris, sent, request)
    another = rome.forward(rome.write_forward(sent, "ncb-bra", permission=permission["item"]))
    note = passed_on(rome, sent, "ncb-deu", permission=permission["item"])

    problem = refused.json()
    assert (refused.status_code, problem["reason"], problem["rules"]) == (403, "ORIGINATOR_CONTROL", ["R17"])
    assert problem["offer"] == "permission-request"
    assert [fault["path"] for fault in problem["faults"]] == ["/recipients/0"]
    assert reason(another) == "ORIGINATOR_CONTROL"
    assert note["routing"][0]["outcome"] == "released"
    assert berlin.reads(sent["item"])


def test_whom_the_source_addressed_itself_needs_no_permission(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita", "ncb-deu", label=CONTROLLED)

    assert rome.forward(rome.write_forward(sent, "ncb-deu", "ncb-fra")).status_code == 201
    assert paris.forward(paris.write_forward(sent, "ncb-bra")).status_code == 201


def test_a_permission_that_is_recalled_or_denied_or_over_permits_nothing(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent, other = paris.sent("ncb-ita", label=CONTROLLED), paris.sent("ncb-ita", label=CONTROLLED)
    request = ask(rome, sent, "ncb-deu")
    recalled, denied = answer(paris, sent, request), answer(paris, sent, request, granted=False)
    over = answer(paris, sent, request, until=instant.write(datetime.now(UTC) - timedelta(seconds=1)))
    of_another = answer(paris, other, ask(rome, other, "ncb-deu"))
    paris.recall(recalled)

    answers = [
        rome.forward(rome.write_forward(sent, "ncb-deu", permission=named))
        for named in (*(one["item"] for one in (recalled, denied, over, of_another)), f"ncb-fra:{fresh_id()}")
    ]

    assert {reason(one) for one in answers} == {"UNKNOWN_REFERENCE"}
    assert {one.json()["faults"][0]["path"] for one in answers} == {"/body/permission"}
    assert len({shape(one) for one in answers}) == 1


def test_a_permission_is_asked_of_the_source_and_answered_to_whoever_asked(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita", "ncb-deu", label=CONTROLLED)
    request = ask(rome, sent, "ncb-bra")
    wanted = {"wanted": {"recipients": ["ncb-bra"]}, "reason": "why"}
    granted = {"granted": False}

    def posted(by: Visitor, type: str, body: dict[str, Any], *to: str, **members: Any) -> httpx.Response:
        recipients = [{"participant": id} for id in to]
        return by.send(by.write_act(type, sent, body, recipients=recipients, **members))

    answers = [
        posted(rome, "permission-request", wanted, "ncb-deu"),
        posted(rome, "permission-request", wanted, "ncb-fra", "ncb-deu"),
        posted(paris, "permission-request", wanted, "ncb-ita"),
        posted(paris, "permission-answer", granted, "ncb-deu", in_reply_to=request["item"]),
        posted(paris, "permission-answer", granted, "ncb-ita", in_reply_to=sent["item"]),
        posted(rome, "permission-answer", granted, "ncb-fra", in_reply_to=request["item"]),
    ]
    stranger = posted(berlin, "permission-answer", granted, "ncb-ita", in_reply_to=request["item"])

    assert {reason(one) for one in answers} == {"ACT_WRONG"}
    assert reason(stranger) == "UNKNOWN_REFERENCE"


# What is no forward


def test_a_forward_has_its_own_door_and_nothing_else_has(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")

    answers = [
        rome.send(rome.write_forward(sent, "ncb-deu")),
        rome.preview(rome.write_forward(sent, "ncb-deu")),
        rome.forward(rome.write("ncb-deu")),
    ]

    assert [reason(one) for one in answers] == ["UNKNOWN_TYPE"] * 3


def test_a_note_is_marked_at_least_as_what_it_carries(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita", label={"releasable_to": {"mode": "ALL_MINUS", "exclude": ["BRA"]}})

    answers = [
        rome.forward(rome.write_forward(sent, "ncb-deu", label=label))
        for label in ({"classification": "PUB"}, {"releasable_to": {"mode": "ALL"}})
    ]

    assert [reason(one) for one in answers] == ["LABEL_INCONSISTENT"] * 2


def test_an_act_upon_an_item_is_not_passed_on(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    rome.reads(sent["item"])
    recall = paris.recall(sent)

    assert reason(rome.forward(rome.write_forward(recall, "ncb-deu"))) == "ACT_WRONG"
    assert reason(rome.forward(rome.write_forward(sent, "ncb-deu"))) == "UNKNOWN_REFERENCE"
    assert reason(paris.forward(paris.write_forward(sent, "ncb-deu"))) == "RECALLED"


@pytest.mark.parametrize("named", ["object", "permission"])
def test_what_may_not_be_seen_is_passed_on_like_what_is_not_there(named: str, own: Own) -> None:
    house = own()
    with house.opened():
        madrid, hidden = house["ncb-esp"], hide(house)
        held = house["ncb-fra"].sent("ncb-esp")
        madrid.token  # noqa: B018  not to be counted
        answers, statements = [], []
        for item in hidden.values():
            about = held if named == "permission" else {"item": item, "document": held["document"]}
            document = madrid.write_forward(about, "ncb-ita", permission=item if named == "permission" else None)
            with counted() as said:
                answers.append(madrid.forward(document))
            statements.append(said)

    assert {reason(one) for one in answers} == {"UNKNOWN_REFERENCE"}
    assert len({shape(one) for one in answers}) == 1
    assert statements[0]
    assert all(said == statements[0] for said in statements)


# Beside one another


@pytest.mark.parametrize("taken", ["object", "permission"])
def test_what_is_recalled_while_it_is_passed_on_is_not(taken: str, own: Own) -> None:
    house = own()
    with house.opened():
        paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
        sent = paris.sent("ncb-ita", label=CONTROLLED)
        permission = answer(paris, sent, ask(rome, sent, "ncb-deu"))
    recalled = sent if taken == "object" else permission

    with house.opened(overtaken(Event.MESSAGE_ACCEPTED, "ncb-ita", lambda: paris.recall(recalled))):
        refused = rome.forward(rome.write_forward(sent, "ncb-deu", permission=permission["item"]))
        cursor = berlin.inbox()

    assert reason(refused) == "UNKNOWN_REFERENCE"
    assert [fault["path"] for fault in refused.json()["faults"]] == [f"/body/{taken}"]
    assert cursor["items"] == []


def test_what_is_restricted_while_it_is_passed_on_is_withheld(own: Own) -> None:
    house = own()
    with house.opened():
        paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
        sent = paris.sent("ncb-ita")

    restricted = {"mode": "ALL_MINUS", "exclude": ["DEU"]}
    with house.opened(overtaken(Event.MESSAGE_ACCEPTED, "ncb-ita", lambda: paris.restrict(sent, restricted))):
        note = passed_on(rome, sent, "ncb-deu")
        inbox = berlin.inbox()

    assert note["routing"] == [{"participant": "ncb-deu", "outcome": "withheld"}]
    assert inbox["items"] == []


def test_two_that_pass_it_on_at_once_release_it_once(own: Own) -> None:
    house = own()
    with house.opened():
        paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
        sent = paris.sent("ncb-ita", "ncb-bra")

    with house.opened(
        overtaken(Event.MESSAGE_ACCEPTED, "ncb-ita", lambda: passed_on(house["ncb-bra"], sent, "ncb-deu"))
    ):
        passed_on(rome, sent, "ncb-deu")
        inbox = items(berlin.inbox())

    assert inbox.count(sent["item"]) == 1
    assert len(inbox) == 3


# What auditors find


@pytest.fixture
def busy(own: Own) -> House:
    """A house in which items were passed on, with permission and without, to those who may and may not have them."""
    house = own()
    house.served.start()
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent, free = paris.sent("ncb-ita", label=CONTROLLED), paris.sent("ncb-ita")
    permission = answer(paris, sent, ask(rome, sent, "ncb-deu"))
    passed_on(rome, sent, "ncb-deu", permission=permission["item"])
    passed_on(rome, free, "ncb-deu", "ncb-bra", "prt-museum")
    passed_on(house["ncb-deu"], free, "ncb-esp", "ncb-bra", "ncb-fra")
    house["ncb-deu"].caught_up()
    paris.restrict(free, {"mode": "ONLY", "include": ["ITA"]})
    paris.correct(free)
    paris.lift(free)
    house["ncb-esp"].caught_up()
    paris.recall(sent)
    return house


async def test_forwards_and_permissions_are_decided_again_from_the_trail(busy: House) -> None:
    async with Client.open(busy.profile(AUDITOR)) as auditor:
        report = await auditor.trail.audit(auditor.schemas, genesis=busy.served.pin.genesis, deciding=replay.under)

    assert report.findings == ()
    assert report.decided_again


def test_every_row_follows_from_the_trail(busy: House, capsys: pytest.CaptureFixture[str]) -> None:
    busy.served.stop()
    words = ["trail", "verify", "--database", busy.served.folder, "--trail-key", busy.served.pin.trail_key, "--json"]
    capsys.readouterr()

    code = cli.run([str(word) for word in words])

    assert (code, json.loads(capsys.readouterr().out)["findings"]) == (0, [])


# What a permission is worth, and to whom


def test_a_permission_counts_for_whom_it_was_given_to_and_not_for_whoever_holds_it(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita", "ncb-deu", label=CONTROLLED)
    free = sent["document"] | {"label": sent["document"]["label"] | {"handling": ["EXERCISE"]}}
    given = answer(paris, sent | {"document": free}, ask(rome, sent, "ncb-esp"))
    passed_on(rome, given, "ncb-deu")

    by_another = berlin.forward(berlin.write_forward(sent, "ncb-esp", permission=given["item"]))
    by_who_asked = rome.forward(rome.write_forward(sent, "ncb-esp", permission=given["item"]))

    assert berlin.reads(given["item"])
    assert (reason(by_another), by_another.json()["faults"][0]["path"]) == ("UNKNOWN_REFERENCE", "/body/permission")
    assert by_who_asked.status_code == 201


def test_what_is_hidden_from_its_holder_before_the_commit_is_not_passed_on(own: Own) -> None:
    house = own()
    label = {"classification": "RES", "purpose": ["P3"]}

    def narrowed() -> None:
        house.grant("ncb-esp", "OUO")

    with house.opened(overtaken(Event.MESSAGE_ACCEPTED, "ncb-esp", narrowed)):
        sent = house["ncb-fra"].sent("ncb-esp", label=label)
        document = house["ncb-esp"].write_forward(sent, "ncb-ita")
        refused = house["ncb-esp"].forward(document)

    assert reason(refused) == "UNKNOWN_REFERENCE"
    assert refused.json()["faults"][0]["path"] == "/body/object"


def test_the_note_itself_was_passed_on_by_nobody(house: House) -> None:
    sent = house["ncb-fra"].sent("ncb-ita")
    note = passed_on(house["ncb-ita"], sent, "ncb-deu")

    shown = house["ncb-ita"].get(f"/v1/messages/{note['item']}/deliveries").json()["deliveries"]

    assert [(one["participant"], "by" in one) for one in shown] == [("ncb-deu", False)]


# Duties


def test_duties_travel_with_an_item_and_are_acknowledged_all_of_them(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    label = {"handling": ["H1", "EXERCISE"], "permitted_action": "PA2", "classification": "RES", "purpose": ["P3"]}
    sent, plain = paris.sent("ncb-ita", label=label), paris.sent("ncb-deu")
    passed_on(rome, sent, "ncb-deu")
    duties = ["H1", "PA2", "RES"]

    shown = [visitor.get(f"/v1/messages/{sent['item']}").json()["duties"] for visitor in (rome, berlin)]
    answers = [
        berlin.acknowledge(sent["item"]),
        berlin.acknowledge(sent["item"], duties=duties[1:]),
        berlin.acknowledge(sent["item"], duties=[*duties, "H2"]),
        berlin.acknowledge(plain["item"], duties=duties),
        berlin.acknowledge(f"ncb-fra:{fresh_id()}", duties=duties),
        berlin.acknowledge(sent["item"], duties=duties[::-1]),
        berlin.acknowledge(plain["item"]),
    ]

    assert sent["duties"] == duties
    assert shown == [duties, duties]
    assert "duties" not in berlin.get(f"/v1/messages/{plain['item']}").json()
    reasons = [one.json().get("reason") for one in answers]
    assert reasons == ["DUTIES_MISSING"] * 4 + ["NOT_FOUND", None, None]
