"""What a reader was shown and has yet to acknowledge: listed to it alone, and nothing that it was not shown before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI

from exchange import instant
from exchange.main import Gateway
from exchange.participant import ChangeKind
from tests.doors.house import House
from tests.doors.test_reading import RESTRICTED, with_inbox
from tests.doors.visitor import Visitor

Own = Callable[..., House]

NOT_FOR_SPAIN = {"mode": "ALL_MINUS", "exclude": ["ESP"]}


def owed(visitor: Visitor, **params: str | int) -> dict[str, Any]:
    answer = visitor.get("/v1/owed", **params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def names(visitor: Visitor, *of: dict[str, Any]) -> list[str]:
    """Those of these items that the visitor owes, in the order in which they are listed."""
    return [one["item"] for one in owed(visitor)["items"] if one["item"] in [sent["item"] for sent in of]]


def shown(visitor: Visitor, *items: dict[str, Any]) -> None:
    assert all(visitor.reads(sent["item"]) for sent in items)


def test_what_was_shown_is_owed_until_it_is_acknowledged(own: Own) -> None:
    house = own()
    with house.opened():
        paris, rome = house["ncb-fra"], house["ncb-ita"]
        laid = {"urgency": "U2", "handling": ["EXERCISE", "H1"]}
        first, second, unread = paris.sent("ncb-ita", label=laid), paris.sent("ncb-ita"), paris.sent("ncb-ita")
        before = owed(rome)
        shown(rome, second, first)
        entry = rome.get(f"/v1/messages/{first['item']}").json()
        during = owed(rome)
        answers = [rome.acknowledge(first["item"], duties=["H1"]), rome.acknowledge(second["item"])]
        after, of_others = owed(rome), [owed(house[id]) for id in ("ncb-fra", "ncb-deu")]

    assert before == after == {"items": []}
    assert [one["item"] for one in during["items"]] == [first["item"], second["item"]]
    told = ("item", "position", "sender", "type", "urgency", "released_at", "due_at", "duties")
    assert during["items"][0] == {name: entry[name] for name in told}
    assert "duties" not in during["items"][1]
    assert unread["jws"] not in str(during)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert of_others == [{"items": []}] * 2


def test_what_is_past_its_time_is_overdue_and_stays_owed(own: Own) -> None:
    house, ahead = own(), [timedelta()]

    def later(gateway: Gateway) -> FastAPI:
        return with_inbox(gateway, now=lambda: datetime.now(UTC) + ahead[0])

    with house.opened(later):
        rome, sent = house["ncb-ita"], house["ncb-fra"].sent("ncb-ita", label={"urgency": "U1"})
        shown(rome, sent)
        (before,) = owed(rome)["items"]
        ahead[0] = timedelta(minutes=10)
        (after,) = owed(rome)["items"]

    assert instant.parse(before["due_at"]) - instant.parse(before["released_at"]) == timedelta(minutes=10)
    assert "overdue" not in before
    assert after == before | {"overdue": True}


def test_what_may_not_be_read_any_more_is_not_owed(house: House) -> None:
    paris, madrid = house["ncb-fra"], house["ncb-esp"]
    recalled, kept, limited, secret = (paris.sent("ncb-esp", label=label) for label in ({}, {}, {}, RESTRICTED))
    items = (recalled, kept, limited, secret)
    shown(madrid, *items)
    before = names(madrid, *items)

    paris.recall(recalled)
    paris.restrict(limited, NOT_FOR_SPAIN)
    house.grant("ncb-esp", "OUO")
    during = names(madrid, *items)
    house.grant("ncb-esp", "RES")
    paris.lift(limited)
    after = names(madrid, *items)

    assert before == [sent["item"] for sent in items]
    assert during == [kept["item"]]
    assert after == [kept["item"], secret["item"], limited["item"]]  # as it was released anew


def test_a_purpose_that_is_not_an_items_does_not_list_it(house: House) -> None:
    visitor, sent = house.visitor("ncb-esp"), house["ncb-fra"].sent("ncb-esp", label={"purpose": ["P3"]})
    shown(house["ncb-esp"], sent)
    house.change(ChangeKind.RIGHTS, participant="ncb-esp", clearance="RES", purposes=["P3", "P4"], crime_areas=["DRG"])
    visitor.purpose = "P4"
    listed = names(house["ncb-esp"], sent), names(visitor, sent)
    house.grant("ncb-esp", "RES")

    assert listed == ([sent["item"]], [])


def test_it_comes_in_full_pages_without_a_gap_for_what_is_hidden(own: Own) -> None:
    house = own()
    with house.opened():
        paris, madrid = house["ncb-fra"], house["ncb-esp"]
        labels: tuple[dict[str, Any], ...] = ({}, RESTRICTED, {}, {}, RESTRICTED)
        sent = [paris.sent("ncb-esp", label=label)["item"] for label in labels]
        assert len(madrid.inbox()["items"]) == len(sent)
        house.grant("ncb-esp", "OUO")

        pages = [owed(madrid, limit=2)]
        while cursor := pages[-1].get("cursor"):
            pages.append(owed(madrid, limit=2, cursor=cursor))

        cursor = pages[0]["cursor"]
        asked = [house["ncb-ita"].get("/v1/owed", cursor=cursor), madrid.get("/v1/inbox", cursor=cursor)]

    plain = [item for item, label in zip(sent, labels, strict=True) if not label]
    assert [[one["item"] for one in page["items"]] for page in pages] == [plain[:2], plain[2:]]
    assert [answer.json()["reason"] for answer in asked] == ["CURSOR_WRONG"] * 2


def test_to_ask_what_is_owed_discloses_nothing_and_leaves_no_leaf(own: Own) -> None:
    house = own()
    with house.opened():
        rome, sent = house["ncb-ita"], house["ncb-fra"].sent("ncb-ita", subject="canary-51f0")
        shown(rome, sent)
        unread = house["ncb-fra"].sent("ncb-ita")["item"]
        size = house.size
        rome.token  # noqa: B018  not to be counted
        page = rome.get("/v1/owed").text
        since = [e["leaf"]["event"] for e in house.leaves(size - 1)]

    assert sent["item"] in page
    assert unread not in page
    assert "canary-51f0" not in page
    assert sent["jws"].split(".")[1] not in page
    assert "items.read" not in since
