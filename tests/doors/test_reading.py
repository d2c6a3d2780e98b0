"""Rights are asked again when an item is read, under what is in force when its leaf is written."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from fastapi import FastAPI

from exchange import instant
from exchange.leaf import Event
from exchange.main import Gateway
from exchange.web import create_app
from tests.doors.house import AUDITOR, House
from tests.doors.overtaking import OvertakenCommitter

Own = Callable[..., House]

RESTRICTED = {"classification": "RES", "purpose": ["P3"]}


@dataclass(frozen=True, slots=True)
class OvertakenStore:
    """A store that is asked for the rest of a page, and answers after something else has happened."""

    store: Any
    happens: Callable[[], None]
    asked: list[int] = field(default_factory=list)

    def inbox(self, reader: str, after: Any, limit: int) -> Any:
        self.asked.append(limit)
        if len(self.asked) == 2:
            self.happens()
        return self.store.inbox(reader, after, limit)


def with_inbox(gateway: Gateway, **parts: Any) -> FastAPI:
    """The same application, its inbox with other parts."""
    doors = replace(gateway.doors, inbox=replace(gateway.doors.inbox, **parts))
    return create_app(doors, cast(Any, gateway.app.router.lifespan_context))


def at_the_commit(gateway: Gateway, happens: Callable[[], None]) -> FastAPI:
    return with_inbox(gateway, committer=OvertakenCommitter(gateway.committer, Event.ITEMS_READ, happens))


def test_a_clearance_that_is_lowered_hides_the_item_at_the_next_read(house: House) -> None:
    madrid = house["ncb-esp"]
    cursor = madrid.caught_up()
    item = house["ncb-fra"].sent("ncb-esp", label=RESTRICTED)["item"]
    paths = (f"/v1/messages/{item}", f"/v1/threads/{item}")
    before = [madrid.get(path).status_code for path in paths]

    house.grant("ncb-esp", "OUO")
    during = [madrid.get(path).status_code for path in paths]
    page = madrid.inbox(cursor=cursor)
    house.grant("ncb-esp", "RES")
    after = [madrid.get(path).status_code for path in paths]

    assert (before, during, after) == ([200, 200], [404, 404], [200, 200])
    assert page["items"] == []
    assert [one["item"] for one in madrid.inbox(cursor=page["cursor"])["items"]] == [item]


def test_an_item_past_its_time_is_gone_for_its_readers_and_not_for_its_source(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    soon = {"expires": instant.write(datetime.now(UTC) + timedelta(seconds=1.2))}
    cursor = rome.caught_up()
    item = paris.sent("ncb-ita", label=soon)["item"]
    before = rome.reads(item)

    time.sleep(1.3)

    assert before
    assert not rome.reads(item)
    assert rome.inbox(cursor=cursor)["items"] == []
    assert paris.reads(item)


@pytest.mark.parametrize("path", ["/v1/messages/{}", "/v1/threads/{}"])
def test_what_was_decided_under_an_old_directory_is_decided_again_at_the_commit(path: str, own: Own) -> None:
    """Between the decision and the leaf a right is taken away: the item is not shown, and no leaf says that it was."""
    house = own()
    with house.opened():
        item = house["ncb-fra"].sent("ncb-esp", label=RESTRICTED)

    with house.opened(
        lambda gateway: with_inbox(
            gateway, committer=OvertakenCommitter(gateway.committer, Event.ITEMS_READ, lowered(house))
        )
    ):
        madrid = house["ncb-esp"]
        answer = madrid.get(path.format(item["item"]))
        shown = [e for e in house.leaves(item["position"]) if item["position"] in e["leaf"].get("items", [])]

    assert answer.status_code == 404
    assert shown == []


def test_a_page_shows_only_what_may_be_read_when_its_leaf_is_written(own: Own) -> None:
    house = own()
    with house.opened():
        plain = house["ncb-fra"].sent("ncb-esp")
        house["ncb-fra"].sent("ncb-esp", label=RESTRICTED)

    with house.opened(
        lambda gateway: with_inbox(
            gateway, committer=OvertakenCommitter(gateway.committer, Event.ITEMS_READ, lowered(house))
        )
    ):
        page = house["ncb-esp"].inbox()
        (read,) = [e for e in house.leaves(plain["position"]) if e["leaf"]["event"] == "items.read"]

    assert [one["item"] for one in page["items"]] == [plain["item"]]
    assert read["leaf"]["items"] == [plain["position"]]
    assert page["receipt"]["position"] == read["position"]


def test_a_page_that_is_refilled_is_decided_as_one(own: Own) -> None:
    """The first items are decided, the page is not full, and while more are fetched a right is taken away."""
    house = own()
    with house.opened():
        paris = house["ncb-fra"]
        expiring = {"expires": instant.write(datetime.now(UTC) + timedelta(seconds=0.5))}
        paris.sent("ncb-esp", label=RESTRICTED)
        paris.sent("ncb-esp", label=expiring)
        last = paris.sent("ncb-esp")
        time.sleep(0.6)

    asked: list[int] = []
    with house.opened(lambda gateway: with_inbox(gateway, store=OvertakenStore(gateway.store, lowered(house), asked))):
        page = house["ncb-esp"].inbox(limit=2)

    assert asked[:2] == [2, 1]
    assert [one["item"] for one in page["items"]] == [last["item"]]


def lowered(house: House) -> Callable[[], None]:
    """Madrid's clearance is taken away, over HTTP."""
    return lambda: house.grant("ncb-esp", "OUO")


# What a page, an item and an acknowledgement say


def test_the_sender_reads_its_own_item_and_its_evidence(house: House) -> None:
    paris = house["ncb-fra"]
    sent = paris.sent("ncb-ita")

    shown = paris.get(f"/v1/messages/{sent['item']}").json()

    assert shown["jws"] == sent["jws"]
    assert shown["evidence"]["leaf"] == sent["leaf"]
    assert set(shown["evidence"]["openings"]) == {"message"}


def test_a_recipient_is_given_the_opening_of_the_message_and_of_nothing_else(house: House) -> None:
    sent = house["ncb-fra"].sent("ncb-ita", "ncb-deu")

    shown = house["ncb-ita"].get(f"/v1/messages/{sent['item']}").json()

    assert set(sent["openings"]) == {"message", "routing"}
    assert shown["evidence"]["openings"] == {"message": sent["openings"]["message"]}


def test_an_acknowledgement_counts_once(house: House) -> None:
    rome = house["ncb-ita"]
    item = house["ncb-fra"].sent("ncb-ita")["item"]
    token = rome.acknowledgement(item)

    first, again, anew = (
        rome.post("/v1/acknowledgements", token),
        rome.post("/v1/acknowledgements", token),
        rome.acknowledge(item),
    )

    assert [answer.status_code for answer in (first, again, anew)] == [201, 201, 201]
    assert first.json()["leaf"] == again.json()["leaf"] == anew.json()["leaf"]


def test_nobody_acknowledges_for_another_or_its_own_item(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    item = paris.sent("ncb-ita")["item"]

    reasons = [
        rome.acknowledge(item, reader="ncb-deu").json()["reason"],
        paris.acknowledge(item).json()["reason"],
        rome.acknowledge(item, aud="exchange.example/other").json()["reason"],
        rome.acknowledge(item, made_at=instant.write(datetime.now(UTC) - timedelta(days=8))).json()["reason"],
        rome.acknowledge(item, state="read").json()["reason"],
    ]

    assert reasons == ["NOT_THE_SENDER", "NOT_FOUND", "WRONG_EXCHANGE", "OUT_OF_TIME", "SCHEMA_VIOLATION"]


def test_a_thread_shows_each_only_what_is_its_own(house: House) -> None:
    paris, rome, berlin = house["ncb-fra"], house["ncb-ita"], house["ncb-deu"]
    first = paris.sent("ncb-ita", "ncb-deu")["item"]
    aside = rome.sent("ncb-fra", thread=first, in_reply_to=first)["item"]
    answer = berlin.sent("ncb-fra", "ncb-ita", thread=first)["item"]

    def thread(visitor: Any) -> list[str]:
        return [one["item"] for one in visitor.get(f"/v1/threads/{first}").json()["items"]]

    assert thread(paris) == thread(rome) == [first, aside, answer]
    assert thread(berlin) == [first, answer]
    assert house["ncb-bra"].get(f"/v1/threads/{first}").status_code == 404


def test_an_unknown_thread_leaves_a_refusal_and_no_reading(house: House) -> None:
    size = house.size

    house["ncb-bra"].get("/v1/threads/ncb-fra:01KAJ0000000000000000000AA")

    events = [e["leaf"]["event"] for e in house.leaves(size - 1)]
    assert events.count("items.read") == 0
    assert events.count("request.refused") == 1


# Clocks


def test_an_entry_says_until_when_it_is_to_be_acknowledged(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    ends = {"expires": "2099-01-01T00:00:00Z", "review_by": "2098-01-01T00:00:00Z"}
    sent, plain = paris.sent("ncb-ita", label={"urgency": "U1"} | ends), paris.sent("ncb-ita")

    urgent, routine = (rome.get(f"/v1/messages/{one['item']}").json() for one in (sent, plain))
    own = paris.get(f"/v1/messages/{sent['item']}").json()

    waits = [instant.parse(one["due_at"]) - instant.parse(one["released_at"]) for one in (urgent, routine)]
    assert waits == [timedelta(minutes=10), timedelta(days=7)]
    assert [urgent[name] for name in ends] == list(ends.values())
    assert (urgent["urgency"], routine["urgency"]) == ("U1", "U4")
    assert "due_at" not in own
    assert not {"expires", "review_by"} & routine.keys()


def test_a_sender_sees_who_is_overdue(own: Own) -> None:
    house, ahead = own(), [timedelta()]

    def later(gateway: Gateway) -> FastAPI:
        return with_inbox(gateway, now=lambda: datetime.now(UTC) + ahead[0])

    with house.opened(later):
        paris, rome = house["ncb-fra"], house["ncb-ita"]
        sent = paris.sent("ncb-ita", "ncb-deu", AUDITOR, label={"urgency": "U1"})
        rome.acknowledge(sent["item"])
        address = f"/v1/messages/{sent['item']}/deliveries"
        before = paris.get(address).json()["deliveries"]
        ahead[0] = timedelta(minutes=10)
        after = paris.get(address).json()["deliveries"]

    assert [one["participant"] for one in after] == [AUDITOR, "ncb-deu", "ncb-ita"]
    assert [one.get("overdue") for one in before] == [None, None, None]
    assert [one.get("overdue") for one in after] == [None, True, None]
    assert ["due_at" in one for one in after] == [False, True, True]
