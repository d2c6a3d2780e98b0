"""What nobody may learn: that something hidden exists, that somebody is suspended, what was said among others."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from exchange import jose, strictjson
from tests.doors.house import AUDITOR, House, fresh_id
from tests.doors.visitor import Visitor

Own = Callable[..., House]
Ask = Callable[[Visitor, str], httpx.Response]

RESTRICTED = {"classification": "RES", "purpose": ["P3"]}
CANARY = "canary-93b1d2"

ASKED: dict[str, Ask] = {
    "item": lambda visitor, item: visitor.get(f"/v1/messages/{item}"),
    "thread": lambda visitor, item: visitor.get(f"/v1/threads/{item}"),
    "deliveries": lambda visitor, item: visitor.get(f"/v1/messages/{item}/deliveries"),
    "acknowledgement": lambda visitor, item: visitor.acknowledge(item),
    "reply": lambda visitor, item: visitor.send(visitor.write("ncb-fra", thread=item, in_reply_to=item)),
    "feedback": lambda visitor, item: visitor.send(
        visitor.write("ncb-fra", type="feedback", body={"about": item, "result": "NONE"})
    ),
    "recall": lambda visitor, item: visitor.send(recall_of(visitor, item)),
}
POSTED = ("reply", "feedback", "recall")


def recall_of(visitor: Visitor, item: str) -> dict[str, Any]:
    about = {"item": item, "document": visitor.write("ncb-fra")}
    return visitor.write_act("recall", about, {"ground": "ERROR", "action": "DELETE"})


def hide(house: House) -> dict[str, str]:
    """Items that Madrid must not see: of nobody, of others, given to it and now above its clearance, given to it and
    taken back or restricted before it had read them.
    """
    paris = house["ncb-fra"]
    recalled, restricted = paris.sent("ncb-esp"), paris.sent("ncb-esp", "ncb-ita")
    paris.recall(recalled)
    paris.restrict(restricted, {"mode": "ALL_MINUS", "exclude": ["ESP"]})
    forbidden = paris.sent("ncb-esp", label=RESTRICTED)["item"]
    foreign = paris.sent("ncb-ita")["item"]
    house.grant("ncb-esp", "OUO")
    named = {"recalled": recalled["item"], "restricted": restricted["item"], "forbidden": forbidden}
    return {"unknown": f"ncb-fra:{fresh_id()}", "foreign": foreign, **named}


@pytest.fixture
def hidden(house: House) -> Iterator[dict[str, str]]:
    yield hide(house)
    house.grant("ncb-esp", "RES")


@pytest.mark.parametrize("asked", ASKED)
def test_unknown_foreign_and_forbidden_are_the_same_bytes(asked: str, hidden: dict[str, str], house: House) -> None:
    answers = {how: ASKED[asked](house["ncb-esp"], item) for how, item in hidden.items()}

    assert {answer.status_code for answer in answers.values()} == {422 if asked in POSTED else 404}
    assert len({shape(answer) for answer in answers.values()}) == 1


def shape(answer: httpx.Response) -> str:
    """All of an answer but its ticket, its moment, and what its own receipt says and measures."""
    problem = answer.json()
    assert len(problem.pop("ticket")) == 22
    receipt = problem.pop("receipt")
    assert sorted(receipt) == ["leaf", "openings", "position", "proof"]
    headers = [(name, value) for name, value in answer.headers.items() if name not in ("date", "content-length")]
    return repr((answer.status_code, headers, sorted(receipt["openings"]), problem))


def test_a_recipient_that_asks_for_deliveries_learns_no_more_than_a_stranger(house: House) -> None:
    held = house["ncb-fra"].sent("ncb-ita", "ncb-deu")["item"]

    assert house["ncb-ita"].reads(held)
    answers = [house["ncb-ita"].get(f"/v1/messages/{item}/deliveries") for item in (held, f"ncb-fra:{fresh_id()}")]

    assert len({shape(answer) for answer in answers}) == 1


@pytest.mark.parametrize("asked", ASKED)
def test_unknown_foreign_and_forbidden_ask_the_database_the_same(asked: str, own: Own) -> None:
    house = own()
    with house.opened():
        madrid, hidden = house["ncb-esp"], hide(house)
        madrid.token  # noqa: B018  not to be counted
        statements = []
        for item in hidden.values():
            with counted() as said:
                ASKED[asked](madrid, item)
            statements.append(said)

    assert statements[0]
    assert all(said == statements[0] for said in statements)


@pytest.mark.parametrize("asked", ASKED)
def test_an_auditor_sees_by_which_rule_an_item_was_hidden(asked: str, hidden: dict[str, str], house: House) -> None:
    since = house.size - 1

    for item in hidden.values():
        ASKED[asked](house["ncb-esp"], item)
    leaves = [e for e in house.leaves(since) if e["leaf"]["event"] == "request.refused"]

    assert {tuple(sorted(leaf["leaf"]["commit"])) for leaf in leaves} == {("decisions", "reason", "user")}
    assert len({len(strictjson.write(leaf["leaf"])) for leaf in leaves}) == 1
    why = [json.loads(leaf["openings"]["decisions"]["text"])["read"] for leaf in leaves]
    assert why[:2] == [[], []]
    assert [[(one["item"], one["asked"], one["rules"]) for one in read] for read in why[2:]] == [
        [(hidden["recalled"], "T1 OUO exercise | read | OUO EXERCISE | addressee recalled", ["recalled"])],
        [(hidden["restricted"], "T1 OUO exercise | read | OUO EXERCISE | addressee excluded", ["R09"])],
        [(hidden["forbidden"], "T1 OUO exercise | read | RES EXERCISE | addressee", ["R07", "R07.hide"])],
    ]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements of all engines of this process, in their order, but those that a gateway asks by itself."""
    said: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if threading.current_thread().name not in ("exchange-writer", "exchange-listener"):
            said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield said
    event.remove(Engine, "before_cursor_execute", note)


# Oversight and the operator


def test_oversight_gets_content_by_no_door(house: House) -> None:
    sent = house["ncb-fra"].sent({"all": True}, AUDITOR, subject=CANARY, body={"text": CANARY})
    house["ncb-ita"].reads(sent["item"])
    house["ncb-ita"].acknowledge(sent["item"])
    auditor = house[AUDITOR]
    size = house.size

    answers = [
        auditor.get("/v1/inbox"),
        auditor.get("/v1/sent"),
        auditor.get(f"/v1/messages/{sent['item']}"),
        auditor.get(f"/v1/messages/{sent['item']}/deliveries"),
        auditor.get(f"/v1/threads/{sent['item']}"),
        auditor.get("/v1/trail/entries", after=sent["position"] - 1),
        auditor.get("/v1/directory"),
        auditor.get("/v1/directory/changes"),
        auditor.get("/v1/trail/checkpoint"),
        auditor.get("/v1/trail/inclusion", position=sent["position"], size=size),
        auditor.get("/v1/trail/consistency", **{"from": 1, "to": size}),
        auditor.acknowledge(sent["item"]),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 404, 200, 200, 200, 200, 200, 200, 404]
    assert answers[0].json()["items"] == answers[1].json()["items"] == []
    payload = sent["jws"].split(".")[1]
    for answer in answers:
        assert CANARY not in answer.text
        assert payload[-200:] not in answer.text
    assert {"participant": AUDITOR, "outcome": "withheld"} in sent["routing"]


def test_entries_open_to_oversight_what_it_may_see_and_not_the_message(house: House) -> None:
    sent = house["ncb-fra"].sent("ncb-ita", subject=CANARY)

    (entry,) = [e for e in house.leaves(sent["position"] - 1) if e["position"] == sent["position"]]

    assert set(entry["leaf"]["commit"]) == {"message", "routing", "decisions", "user"}
    assert set(entry["openings"]) == {"routing", "decisions", "user"}


def test_the_operator_carries_and_reads_nothing(house: House) -> None:
    sent = house["ncb-fra"].sent({"all": True}, "opr-exchange", subject=CANARY)
    officer = house["one"]

    assert not officer.reads(sent["item"])
    assert officer.inbox()["items"] == []
    assert {"participant": "opr-exchange", "outcome": "withheld"} in sent["routing"]


# Suspension


@pytest.fixture
def suspended(house: House) -> Iterator[Visitor]:
    """Madrid, suspended until the end of the test or before."""
    madrid = house["ncb-esp"]
    house.suspend("ncb-esp")
    yield madrid
    house.reinstate("ncb-esp")


def test_a_suspended_reader_is_shown_as_released_and_gets_nothing(house: House, suspended: Visitor) -> None:
    rome = house["ncb-ita"]
    own = f"ncb-esp:{fresh_id()}"

    previewed = rome.preview(rome.write("ncb-esp", "ncb-fra")).json()["recipients"]
    sent = rome.sent("ncb-esp", "ncb-fra")
    deliveries = rome.get(f"/v1/messages/{sent['item']}/deliveries").json()["deliveries"]

    assert {"participant": "ncb-esp", "outcome": "released"} in sent["routing"]
    assert previewed == sent["routing"]
    states = [(one["participant"], one["state"]) for one in deliveries]
    assert states == [("ncb-esp", "released"), ("ncb-fra", "released")]
    for ask in ASKED.values():
        hidden, unknown = ask(suspended, sent["item"]), ask(suspended, own)
        assert shape(hidden) == shape(unknown)
    assert suspended.inbox()["items"] == []
    assert suspended.get("/v1/sent").json()["items"] == []


def test_what_came_during_a_suspension_is_read_after_it(house: House) -> None:
    madrid, rome = house["ncb-esp"], house["ncb-ita"]
    cursor = madrid.caught_up()
    house.suspend("ncb-esp")
    sent = rome.sent("ncb-esp")["item"]
    during = madrid.inbox(cursor=cursor)
    house.reinstate("ncb-esp")

    after = madrid.inbox(cursor=during["cursor"])

    assert during["items"] == []
    assert [one["item"] for one in after["items"]] == [sent]
    assert madrid.reads(sent)


def test_a_suspended_reader_is_not_woken_by_what_it_may_not_read(house: House, suspended: Visitor) -> None:
    cursor = suspended.inbox()["cursor"]
    with ThreadPoolExecutor(1) as pool:
        began = time.monotonic()
        waiting = pool.submit(suspended.inbox, cursor=cursor, wait=2)
        time.sleep(0.5)
        house["ncb-ita"].sent("ncb-esp")
        page = waiting.result()

    assert page["items"] == []
    assert time.monotonic() - began >= 2


def test_nobody_but_oversight_and_itself_is_told_of_a_suspension(house: House, suspended: Visitor) -> None:
    def told(viewer: Visitor) -> Any:
        listed = viewer.get("/v1/directory").json()["participants"]
        return next(one for one in listed if one["id"] == "ncb-esp").get("status")

    assert told(house["ncb-ita"]) is None
    assert told(house["agy-drugs"]) is None
    assert told(suspended) == told(house[AUDITOR]) == told(house["one"]) == "suspended"


def test_who_is_suspended_is_told_so_where_it_posts(suspended: Visitor) -> None:
    answer = suspended.send(suspended.write("ncb-ita"))

    assert (answer.json()["reason"], answer.json()["rules"]) == ("DENIED", ["R02"])


# Counting


def test_what_may_not_be_read_leaves_no_gap_in_pages(house: House) -> None:
    paris, madrid = house["ncb-fra"], house["ncb-esp"]
    cursor = madrid.caught_up()
    plain = [paris.sent("ncb-esp")["item"]]
    for _ in range(3):
        paris.sent("ncb-esp", label=RESTRICTED)
    plain.append(paris.sent("ncb-esp")["item"])
    house.grant("ncb-esp", "OUO")

    page = madrid.inbox(cursor=cursor, limit=2)
    house.grant("ncb-esp", "RES")

    assert [one["item"] for one in page["items"]] == plain


def test_what_was_passed_over_comes_when_it_may_be_read_and_once(house: House) -> None:
    paris, madrid = house["ncb-fra"], house["ncb-esp"]
    begun = madrid.caught_up()
    plain, restricted = [], []
    for _ in range(3):
        plain.append(paris.sent("ncb-esp")["item"])
        restricted.append(paris.sent("ncb-esp", label=RESTRICTED)["item"])
    house.grant("ncb-esp", "OUO")
    during, cursor = followed(madrid, begun, limit=2)
    still, cursor = followed(madrid, cursor, limit=2)

    house.grant("ncb-esp", "RES")
    newest = paris.sent("ncb-esp")["item"]
    first = madrid.inbox(cursor=cursor, limit=2)
    lost = madrid.inbox(cursor=cursor, limit=2)  # whoever loses an answer asks again with the cursor it had
    after, cursor = followed(madrid, first["cursor"], limit=2)
    house.suspend("ncb-esp")
    house.reinstate("ncb-esp")
    later, _ = followed(madrid, cursor, limit=2)

    assert (during, still) == (plain, [])
    assert [one["item"] for one in lost["items"]] == [one["item"] for one in first["items"]] == restricted[:2]
    assert after == [restricted[2], newest]
    assert later == []


def test_another_directory_alone_shows_nothing_again(house: House) -> None:
    """Were it so, a reader would see by it that something is kept from it."""
    paris, madrid = house["ncb-fra"], house["ncb-esp"]
    begun = madrid.caught_up()
    paris.sent("ncb-esp", label=RESTRICTED)
    paris.sent("ncb-esp")
    house.grant("ncb-esp", "OUO")
    _, cursor = followed(madrid, begun)

    house.grant("ncb-esp", "OUO")
    again, _ = followed(madrid, cursor)
    house.grant("ncb-esp", "RES")

    assert again == []


def followed(visitor: Visitor, cursor: str, limit: int = 100) -> tuple[list[str], str]:
    """Everything from here on, page by page, and where that ended."""
    items: list[str] = []
    while page := visitor.inbox(cursor=cursor, limit=limit):
        items += [one["item"] for one in page["items"]]
        cursor = page["cursor"]
        if not page["items"]:
            break
    return items, cursor


def test_a_cursor_says_nothing(house: House) -> None:
    madrid = house["ncb-esp"]
    end = madrid.caught_up()

    cursors = [madrid.inbox(cursor=end)["cursor"] for _ in range(5)]

    assert len(set(cursors)) == 5
    assert {len(jose.decode(cursor.encode())) for cursor in cursors} == {len(jose.decode(end.encode()))}


def test_a_cursor_of_another_reader_or_feed_is_wrong_like_any_other(house: House) -> None:
    madrid, rome = house["ncb-esp"], house["ncb-ita"]
    others, feeds = rome.inbox()["cursor"], madrid.get("/v1/sent").json()["cursor"]

    answers = [madrid.get("/v1/inbox", cursor=cursor) for cursor in (others, feeds, "A" * len(others), "none")]

    assert {answer.json()["reason"] for answer in answers} == {"CURSOR_WRONG"}
    assert len({shape(answer) for answer in answers}) == 1
