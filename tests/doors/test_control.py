"""Control after sending: what each of those who have an item sees of it once its source has acted upon it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from fastapi import FastAPI

from exchange import replay
from exchange.client import Client
from exchange.leaf import Event
from exchange.main import Gateway
from exchange.web import create_app
from tests.doors.house import AUDITOR, House, fresh_id
from tests.doors.overtaking import OvertakenCommitter
from tests.doors.visitor import Visitor

Own = Callable[..., House]

NOT_ITALY = {"mode": "ALL_MINUS", "exclude": ["ITA"]}
RESTRICTED = {"classification": "RES", "purpose": ["P3"]}


@dataclass(frozen=True, slots=True)
class Sees:
    """What one participant gets of one item, by every way to it. thread, replies: through the item's own name."""

    inbox: bool
    item: bool
    thread: bool
    acknowledges: bool
    replies: bool


EVERYTHING = Sees(inbox=True, item=True, thread=True, acknowledges=True, replies=True)
NOTHING = Sees(inbox=False, item=False, thread=False, acknowledges=False, replies=False)


def seen_by(visitor: Visitor, sent: dict[str, Any], cursor: str) -> Sees:
    """cursor: from where the inbox is read. Asked in this order, the last two say something themselves."""
    item, source = sent["item"], sent["document"]["sender"]
    thread = visitor.get(f"/v1/threads/{item}")
    shown = [one["item"] for one in thread.json()["items"]] if thread.status_code == 200 else []
    inbox = [one["item"] for one in visitor.inbox(cursor=cursor)["items"]]
    acknowledged = visitor.acknowledge(item).status_code == 201
    reply = visitor.send(visitor.write(source, thread=item, in_reply_to=item))
    assert reply.status_code == 201 or reply.json()["reason"] == "UNKNOWN_REFERENCE"
    return Sees(
        inbox=item in inbox,
        item=visitor.reads(item),
        thread=item in shown,
        acknowledges=acknowledged,
        replies=reply.status_code == 201,
    )


def begun(*visitors: Visitor) -> dict[str, str]:
    return {visitor.id: visitor.caught_up() for visitor in visitors}


def items(page: dict[str, Any]) -> list[str]:
    return [one["item"] for one in page["items"]]


# Recall


def test_an_item_that_is_recalled_is_gone_and_told_to_those_who_have_read_it(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    before = begun(rome, berlin)
    sent = paris.sent("ncb-ita", "ncb-deu")
    assert rome.reads(sent["item"])

    recall = paris.recall(sent)
    notice = rome.get(f"/v1/messages/{recall['item']}").json()

    assert recall["routing"] == [{"participant": "ncb-ita", "outcome": "released"}]
    assert items(rome.inbox(cursor=before["ncb-ita"])) == [recall["item"]]
    assert items(berlin.inbox(cursor=before["ncb-deu"])) == []
    assert notice["jws"] == recall["jws"]
    assert seen_by(rome, sent, before["ncb-ita"]) == NOTHING
    assert seen_by(berlin, sent, before["ncb-deu"]) == NOTHING
    assert not berlin.reads(recall["item"])


def test_its_source_keeps_what_it_has_recalled_and_sees_that_it_has(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    rome.reads(sent["item"])
    recall = paris.recall(sent)
    rome.acknowledge(recall["item"])

    shown = paris.get(f"/v1/messages/{sent['item']}").json()
    deliveries = paris.get(f"/v1/messages/{sent['item']}/deliveries").json()
    of_the_recall = paris.get(f"/v1/messages/{recall['item']}/deliveries").json()

    assert shown["recalled"] is True
    assert shown["jws"] == sent["jws"]
    assert deliveries["recalled"] is True
    assert [one["state"] for one in deliveries["deliveries"]] == ["read"]
    assert [(one["participant"], one["state"]) for one in of_the_recall["deliveries"]] == [("ncb-ita", "acknowledged")]
    assert [one["item"] for one in paris.get(f"/v1/threads/{sent['item']}").json()["items"]] == [
        sent["item"],
        recall["item"],
    ]


def test_who_waits_for_its_inbox_is_woken_by_a_recall(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    rome.reads(sent["item"])
    cursor = rome.caught_up()
    recall = paris.recall(sent)

    assert items(rome.inbox(cursor=cursor, wait=20)) == [recall["item"]]


def test_a_recall_that_is_sent_again_gets_its_first_receipt_and_another_is_refused(house: House) -> None:
    paris = house["ncb-fra"]
    sent = paris.sent("ncb-ita")
    recall = paris.recall(sent)

    again = paris.post("/v1/messages", recall["jws"].encode())
    other = paris.send(paris.write_act("recall", sent, {"ground": "COURT", "action": "RETURN"}))

    assert (again.status_code, again.json()["leaf"]) == (200, recall["leaf"])
    assert (other.status_code, other.json()["reason"]) == (409, "RECALLED")


def test_what_is_recalled_is_not_referred_to_and_its_id_not_used_again(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    rome.reads(sent["item"])
    paris.recall(sent)
    name = sent["item"]
    feedback = {"about": name, "result": "NONE"}

    answers = [
        paris.send(paris.write("ncb-ita", thread=name, in_reply_to=name)),
        paris.send(paris.write("ncb-ita", type="feedback", body=feedback)),
        paris.send(paris.write_act("correction", sent, {"reason": "ERROR", "corrected": {"text": "x"}})),
        paris.send(paris.write_act("restriction", sent, {"releasable_to": NOT_ITALY})),
        rome.send(rome.write("ncb-fra", type="feedback", body=feedback)),
        rome.send(rome.write("ncb-fra", thread=name, in_reply_to=name)),
        rome.send(rome.write_act("recall", sent, {"ground": "ERROR", "action": "DELETE"})),
        paris.send(sent["document"] | {"subject": "Other words"}),
        paris.post("/v1/messages", sent["jws"].encode()),
    ]

    reasons = [answer.json().get("reason") for answer in answers]
    assert reasons == ["RECALLED"] * 4 + ["UNKNOWN_REFERENCE"] * 3 + ["ID_REUSED", None]
    assert answers[-1].status_code == 200


def test_a_thread_goes_on_for_those_who_hold_another_item_of_it(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    second = paris.sent("ncb-ita", thread=sent["item"])
    paris.recall(sent)

    answer = rome.send(rome.write("ncb-fra", thread=sent["item"], in_reply_to=second["item"]))
    thread = rome.get(f"/v1/threads/{sent['item']}").json()["items"]

    assert answer.status_code == 201
    assert sent["item"] not in [one["item"] for one in thread]


# Restriction


def test_who_is_restricted_loses_the_item_and_is_told_if_it_had_read_it(house: House) -> None:
    paris, rome, berlin, madrid = (house[id] for id in ("ncb-fra", "ncb-ita", "ncb-deu", "ncb-esp"))
    before = begun(rome, berlin, madrid)
    sent = paris.sent("ncb-ita", "ncb-deu", "ncb-esp")
    assert rome.reads(sent["item"])

    restriction = paris.restrict(sent, {"mode": "ALL_MINUS", "exclude": ["ITA", "ESP"]})

    assert restriction["routing"] == [{"participant": "ncb-ita", "outcome": "released"}]
    assert seen_by(rome, sent, before["ncb-ita"]) == NOTHING
    assert seen_by(madrid, sent, before["ncb-esp"]) == NOTHING
    assert seen_by(berlin, sent, before["ncb-deu"]) == EVERYTHING
    assert items(rome.inbox(cursor=before["ncb-ita"])) == [restriction["item"]]
    assert items(madrid.inbox(cursor=before["ncb-esp"])) == []
    assert paris.get(f"/v1/messages/{sent['item']}").json()["restricted"] is True
    assert "restricted" not in berlin.get(f"/v1/messages/{sent['item']}").json()


def test_what_is_lifted_is_released_anew_to_those_who_lost_it_and_once(house: House) -> None:
    paris, rome, berlin, madrid = (house[id] for id in ("ncb-fra", "ncb-ita", "ncb-deu", "ncb-esp"))
    sent = paris.sent("ncb-ita", "ncb-deu", "ncb-esp")
    assert rome.reads(sent["item"])
    restriction = paris.restrict(sent, {"mode": "ONLY", "include": ["DEU"]})
    cursors = begun(rome, berlin, madrid)

    lift = paris.lift(sent)
    pages = {visitor.id: visitor.inbox(cursor=cursors[visitor.id]) for visitor in (rome, berlin, madrid)}

    assert lift["routing"] == [
        {"participant": "ncb-deu", "outcome": "released"},
        {"participant": "ncb-ita", "outcome": "released"},
    ]
    assert items(pages["ncb-ita"]) == [sent["item"], lift["item"]]
    assert items(pages["ncb-esp"]) == [sent["item"]]
    assert items(pages["ncb-deu"]) == [lift["item"]]
    assert items(rome.inbox()).count(sent["item"]) == 1
    assert restriction["item"] in items(rome.inbox())
    assert "restricted" not in paris.get(f"/v1/messages/{sent['item']}").json()


def test_a_restriction_takes_the_place_of_the_one_before_and_never_widens_the_label(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent({"all": True}, label={"releasable_to": {"mode": "ALL_MINUS", "exclude": ["BRA"]}})
    reads = {}

    for country in ("ITA", "DEU"):
        paris.restrict(sent, {"mode": "ALL_MINUS", "exclude": [country]})
        reads[country] = (rome.reads(sent["item"]), berlin.reads(sent["item"]))
    paris.restrict(sent, {"mode": "ALL"})

    assert reads == {"ITA": (False, True), "DEU": (True, False)}
    assert rome.reads(sent["item"])
    assert not house["ncb-bra"].reads(sent["item"])


def test_who_is_suspended_at_the_lift_has_the_item_when_it_is_not(house: House) -> None:
    paris, madrid = house["ncb-fra"], house["ncb-esp"]
    sent = paris.sent("ncb-esp")
    paris.restrict(sent, {"mode": "ONLY", "include": ["DEU"]})
    cursor = madrid.caught_up()
    house.suspend("ncb-esp")
    paris.lift(sent)
    house.reinstate("ncb-esp")

    assert items(madrid.inbox(cursor=cursor)) == [sent["item"]]


# Correction


def test_a_correction_reaches_those_who_hold_the_item_and_links_it(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent = paris.sent("ncb-ita", "ncb-deu", label={"releasable_to": {"mode": "ALL_MINUS", "exclude": ["BRA"]}})
    rome.reads(sent["item"])
    cursors = begun(rome, berlin)

    correction = paris.correct(sent)

    assert [one["participant"] for one in correction["routing"]] == ["ncb-deu", "ncb-ita"]
    for visitor in (rome, berlin):
        assert items(visitor.inbox(cursor=cursors[visitor.id])) == [correction["item"]]
    for visitor in (paris, rome, berlin):
        assert visitor.get(f"/v1/messages/{sent['item']}").json()["newer"] == correction["item"]


def test_a_correction_does_not_go_round_a_restriction(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita", "ncb-deu")
    rome.reads(sent["item"])
    paris.restrict(sent, NOT_ITALY)

    correction = paris.correct(sent)

    assert [one["participant"] for one in correction["routing"]] == ["ncb-deu"]
    assert not rome.reads(correction["item"])


def test_a_correction_that_is_recalled_is_no_newer_version_for_who_had_not_read_it(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")
    correction = paris.correct(sent)

    paris.recall(correction)

    assert "newer" not in rome.get(f"/v1/messages/{sent['item']}").json()
    assert not rome.reads(correction["item"])


# Who may act, and on what


def test_only_its_source_acts_upon_an_item_and_who_has_it_is_told_so(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    sent = paris.sent("ncb-ita")

    answers = [
        rome.send(rome.write_act(type, sent, body))
        for type, body in (
            ("recall", {"ground": "ERROR", "action": "DELETE"}),
            ("restriction", {"releasable_to": NOT_ITALY}),
            ("restriction", {"lifted": True}),
            ("correction", {"reason": "ERROR", "corrected": {"text": "x"}}),
        )
    ]

    assert {(answer.json()["reason"], *answer.json()["rules"]) for answer in answers} == {("DENIED", "R37")}
    assert rome.reads(sent["item"])


def test_a_recall_and_a_restriction_stand(house: House) -> None:
    paris = house["ncb-fra"]
    sent, other = paris.sent("ncb-ita"), paris.sent("ncb-ita")
    recall, restriction = paris.recall(sent), paris.restrict(other, NOT_ITALY)

    answers = [
        paris.send(paris.write_act("recall", act, {"ground": "ERROR", "action": "DELETE"}))
        for act in (recall, restriction)
    ]

    assert [answer.json()["reason"] for answer in answers] == ["ACT_WRONG", "ACT_WRONG"]


@pytest.mark.parametrize(
    "label",
    [
        {"classification": "RES", "purpose": ["P3"]},
        {"releasable_to": NOT_ITALY},
        {"releasable_to": {"mode": "ALL", "tiers": ["T3"]}},
        {"handling": ["EXERCISE", "NOENT"]},
        {"handling": []},
        {"purpose": ["P3"]},
        {"expires": "2126-01-01T00:00:00Z"},
    ],
    ids=lambda label: "-".join(map(str, label)),
)
def test_what_is_told_may_be_read_by_all_who_may_read_the_item(label: dict[str, Any], house: House) -> None:
    paris, sent = house["ncb-fra"], house["ncb-fra"].sent("ncb-ita")

    answer = paris.send(paris.write_act("recall", sent, {"ground": "ERROR", "action": "DELETE"}, label=label))

    assert (answer.status_code, answer.json()["reason"]) == (422, "LABEL_INCONSISTENT")
    assert house["ncb-ita"].reads(sent["item"])


def test_an_act_stands_in_the_thread_of_its_item(house: House) -> None:
    paris, sent = house["ncb-fra"], house["ncb-fra"].sent("ncb-ita")
    document = paris.write_act("recall", sent, {"ground": "ERROR", "action": "DELETE"})
    del document["thread"]

    answer = paris.send(document)

    assert answer.json()["reason"] == "UNKNOWN_REFERENCE"
    assert answer.json()["faults"][0]["path"] == "/thread"


def test_a_correction_that_its_sender_may_not_post_is_denied(house: House) -> None:
    madrid, sent = house["ncb-esp"], house["ncb-esp"].sent("ncb-ita", label=RESTRICTED)
    house.grant("ncb-esp", "OUO")
    denied = madrid.send(madrid.write_act("correction", sent, {"reason": "ERROR", "corrected": {"text": "x"}}))
    recall = madrid.send(madrid.write_act("recall", sent, {"ground": "ERROR", "action": "DELETE"}))
    house.grant("ncb-esp", "RES")

    assert denied.json()["reason"] == "NOT_CLEARED"
    assert recall.status_code == 201


def test_who_is_suspended_recalls_nothing(house: House) -> None:
    madrid, sent = house["ncb-esp"], house["ncb-esp"].sent("ncb-ita")
    house.suspend("ncb-esp")
    answer = madrid.send(madrid.write_act("recall", sent, {"ground": "ERROR", "action": "DELETE"}))
    house.reinstate("ncb-esp")

    assert (answer.json()["reason"], answer.json()["rules"]) == ("DENIED", ["R02"])
    assert house["ncb-ita"].reads(sent["item"])


# What auditors find


async def test_everything_that_sources_do_is_decided_again_from_the_trail(own: Own) -> None:
    house = own()
    house.served.start()
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    sent, other = paris.sent("ncb-ita", "ncb-deu"), paris.sent("ncb-ita", "ncb-deu")
    rome.reads(sent["item"])
    paris.restrict(sent, {"mode": "ONLY", "include": ["DEU"], "tiers": ["T1"]})
    paris.correct(sent)
    paris.lift(sent)
    berlin.reads(sent["item"])
    paris.recall(sent)
    paris.restrict(other, NOT_ITALY)
    paris.recall(other)
    rome.caught_up()

    async with Client.open(house.profile(AUDITOR)) as auditor:
        report = await auditor.trail.audit(auditor.schemas, genesis=house.served.pin.genesis, deciding=replay.under)

    assert report.findings == ()
    assert report.decided_again


# Beside one another


def overtaken(event: Event, actor: str, happens: Callable[[], Any]) -> Callable[[Gateway], FastAPI]:
    def with_doors(gateway: Gateway) -> FastAPI:
        committer = cast(Any, OvertakenCommitter(gateway.committer, event, happens, actor))
        doors = replace(
            gateway.doors,
            inbox=replace(gateway.doors.inbox, committer=committer),
            intake=replace(gateway.doors.intake, committer=committer),
        )
        return create_app(doors, cast(Any, gateway.app.router.lifespan_context))

    return with_doors


@pytest.mark.parametrize("way", ["inbox", "item", "thread", "acknowledgement", "reply"])
def test_what_is_recalled_while_it_is_asked_for_is_not_shown(way: str, own: Own) -> None:
    house = own()
    with house.opened():
        sent = house["ncb-fra"].sent("ncb-ita")
    name = sent["item"]
    ask: dict[str, Callable[[Visitor], Any]] = {
        "inbox": lambda visitor: visitor.get("/v1/inbox"),
        "item": lambda visitor: visitor.get(f"/v1/messages/{name}"),
        "thread": lambda visitor: visitor.get(f"/v1/threads/{name}"),
        "acknowledgement": lambda visitor: visitor.acknowledge(name),
        "reply": lambda visitor: visitor.send(visitor.write("ncb-fra", thread=name, in_reply_to=name)),
    }
    events = {"acknowledgement": Event.ITEM_ACKNOWLEDGED, "reply": Event.MESSAGE_ACCEPTED}

    recalled: list[dict[str, Any]] = []
    happens = overtaken(
        events.get(way, Event.ITEMS_READ), "ncb-ita", lambda: recalled.append(house["ncb-fra"].recall(sent))
    )
    with house.opened(happens):
        answer = ask[way](house["ncb-ita"])
        later = house.leaves(recalled[0]["position"])

    assert answer.status_code == {"inbox": 200, "reply": 422}.get(way, 404)
    assert answer.json().get("items", []) == []
    assert recalled[0]["routing"] == []
    assert [e for e in later if sent["position"] in e["leaf"].get("items", [])] == []


def test_who_reads_while_it_is_recalled_is_told(own: Own) -> None:
    """The recall is decided when nobody has read the item, and committed after somebody has."""
    house = own()
    with house.opened():
        sent = house["ncb-fra"].sent("ncb-ita", "ncb-deu")

    happens = overtaken(Event.MESSAGE_ACCEPTED, "ncb-fra", lambda: house["ncb-ita"].reads(sent["item"]))
    with house.opened(happens):
        recall = house["ncb-fra"].recall(sent)
        notices = items(house["ncb-ita"].inbox())

    assert recall["routing"] == [{"participant": "ncb-ita", "outcome": "released"}]
    assert notices == [recall["item"]]


def test_two_recalls_at_once_are_one(own: Own) -> None:
    house = own()
    with house.opened():
        paris, sent = house["ncb-fra"], house["ncb-fra"].sent("ncb-ita")

    with house.opened(overtaken(Event.MESSAGE_ACCEPTED, "ncb-fra", lambda: paris.recall(sent))):
        answer = paris.send(paris.write_act("recall", sent, {"ground": "COURT", "action": "RETURN"}))

    assert (answer.status_code, answer.json()["reason"]) == (409, "RECALLED")


def test_an_unknown_item_is_not_recalled(house: House) -> None:
    paris = house["ncb-fra"]
    absent = {"item": f"ncb-fra:{fresh_id()}", "document": paris.write("ncb-ita")}

    answer = paris.send(paris.write_act("recall", absent, {"ground": "ERROR", "action": "DELETE"}))

    assert (answer.status_code, answer.json()["reason"]) == (422, "UNKNOWN_REFERENCE")
    assert answer.json()["faults"] == [{"path": "/body/object", "says": "names an item that you sent"}]
