"""An entity does what its bureau grants it, by type and operation, from one commit to the next."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from exchange import instant
from exchange.label import Tier
from exchange.participant import ChangeKind
from tests.doors.house import AUDITOR, House
from tests.doors.test_silence import shape

CUSTOMS = "ent-fra-customs"
CANARY = "canary-77c1e0f5"


@pytest.fixture(autouse=True)
def granted_again(house: House) -> Iterator[None]:
    yield
    house.let(CUSTOMS)


def soon(seconds: float = 1) -> str:
    return instant.write(datetime.now(UTC) + timedelta(seconds=seconds))


def test_an_entity_posts_the_types_that_it_was_granted(house: House) -> None:
    customs = house[CUSTOMS]

    before = customs.send(customs.write("ncb-ita"))
    house.let(CUSTOMS, scopes=["information-request/submit", "*/read"])
    after = customs.send(customs.write("ncb-ita"))
    previewed = customs.preview(customs.write("ncb-ita")).json()
    house.let(CUSTOMS, scopes=["message/submit"])
    again = customs.send(customs.write("ncb-ita"))

    assert [answer.status_code for answer in (before, after, again)] == [201, 403, 201]
    assert (after.json()["reason"], after.json()["rules"]) == ("SCOPE", ["R04"])
    assert (previewed["outcome"], previewed["rules"]) == ("DENY", ["R04"])


def test_what_was_accepted_is_the_first_receipt_whatever_became_of_the_grant(house: House) -> None:
    customs = house[CUSTOMS]
    sent = customs.sent("ncb-ita")

    house.let(CUSTOMS, scopes=[])
    again = customs.post("/v1/messages", sent["jws"].encode())

    assert (again.status_code, again.json()["leaf"]) == (200, sent["leaf"])


def test_a_grant_that_is_not_said_anew_in_time_is_stale(house: House) -> None:
    customs, held = house[CUSTOMS], house["ncb-ita"].sent(CUSTOMS)["item"]

    house.let(CUSTOMS, review_by=soon())
    time.sleep(1.1)
    answer, read = customs.send(customs.write("ncb-ita")), customs.reads(held)
    house.let(CUSTOMS)

    assert (answer.json()["reason"], answer.json()["rules"]) == ("GRANT_STALE", ["R03"])
    assert not read
    assert customs.reads(held)


def test_a_grant_ends_by_itself(house: House) -> None:
    customs, held = house[CUSTOMS], house["ncb-ita"].sent(CUSTOMS)["item"]

    house.let(CUSTOMS, until=soon(), review_by=soon(60))
    time.sleep(1.1)

    assert customs.send(customs.write("ncb-ita")).json()["rules"] == ["R04"]
    assert not customs.reads(held)
    assert customs.inbox()["items"] == []


def test_what_an_entity_may_not_read_is_not_there_and_comes_when_it_may(house: House) -> None:
    customs = house[CUSTOMS]
    cursor = customs.caught_up()

    house.let(CUSTOMS, scopes=["message/submit"])
    sent = house["ncb-ita"].sent(CUSTOMS)
    page, shown = customs.inbox(cursor=cursor), customs.get(f"/v1/messages/{sent['item']}")
    house.let(CUSTOMS, scopes=["*/read"])
    later = customs.inbox(cursor=page["cursor"])

    assert sent["routing"] == [{"participant": CUSTOMS, "outcome": "released"}]  # its grant is nobody else's business
    assert page["items"] == []
    assert shown.json()["reason"] == "NOT_FOUND"
    assert "rules" not in shown.json()
    assert [one["item"] for one in later["items"]] == [sent["item"]]


def test_its_own_items_an_entity_sees_whatever_becomes_of_the_grant(house: House) -> None:
    sent = house[CUSTOMS].sent("ncb-ita")["item"]

    house.let(CUSTOMS, scopes=[])

    assert house[CUSTOMS].reads(sent)


def test_an_entity_is_held_back_with_its_bureau(house: House) -> None:
    customs = house[CUSTOMS]

    house.suspend("ncb-fra")
    try:
        answer = customs.send(customs.write("ncb-ita"))
    finally:
        house.reinstate("ncb-fra")

    assert (answer.json()["reason"], answer.json()["rules"]) == ("DENIED", ["R02"])
    assert customs.send(customs.write("ncb-ita")).status_code == 201


def test_what_a_bureau_loses_its_entity_loses(house: House) -> None:
    restricted = {"classification": "RES", "purpose": ["P3"]}
    house.let(CUSTOMS, clearance="RES")
    before = house["ncb-ita"].sent(CUSTOMS, label=restricted)["item"]
    read_before = house[CUSTOMS].reads(before)

    house.grant("ncb-fra", "OUO")
    house.grant("ncb-fra", "RES")

    assert read_before
    assert not house[CUSTOMS].reads(before)


def test_an_auditor_sees_by_which_rule_an_entity_was_refused(house: House) -> None:
    since = house.size
    house.let(CUSTOMS, scopes=[])

    house[CUSTOMS].send(house[CUSTOMS].write("ncb-ita"))

    (refused,) = [e["leaf"] for e in house.leaves(since - 1) if e["leaf"]["event"] == "request.refused"]
    assert (refused["actor"], refused["type"], refused["rules"]) == (CUSTOMS, "SCOPE", ["R04"])


def test_an_entity_that_was_ended_does_nothing_more(house: House) -> None:
    id = f"ent-ita-u{secrets.token_hex(4)}"
    house.newcomer(id, "ITA", tier=Tier.T2)
    sent = house[id].sent("ncb-deu")["item"]

    house.change(ChangeKind.ENTITY_END, house.world["ncb-ita"].officer, participant=id, reason="merged")

    assert house[id].send(house[id].write("ncb-deu")).json()["rules"] == ["R02", "R03", "R04"]
    assert house["ncb-deu"].reads(sent)


# What its bureau sees of it


def traffic(house: House, viewer: str, entity: str = CUSTOMS, **asked: int) -> httpx.Response:
    return house[viewer].get(f"/v1/entities/{entity}/traffic", **asked)


def test_a_bureau_sees_what_its_entity_sent_and_received_and_no_content(house: House) -> None:
    since = house.size - 1
    sent = house[CUSTOMS].sent("ncb-ita", "ncb-deu", subject=CANARY, body={"text": CANARY})
    received = house["ncb-ita"].sent(CUSTOMS, "ncb-deu", subject=CANARY)
    house["ncb-ita"].sent("ncb-deu")

    answer = traffic(house, "ncb-fra", after=since)

    assert CANARY not in answer.text
    assert answer.json()["next"] is None
    assert [{name: one[name] for name in ("item", "direction", "peers")} for one in answer.json()["traffic"]] == [
        {"item": sent["item"], "direction": "sent", "peers": ["ncb-deu", "ncb-ita"]},
        {"item": received["item"], "direction": "received", "peers": ["ncb-ita"]},
    ]
    (first, _) = answer.json()["traffic"]
    assert (first["position"], first["type"], first["classification"]) == (sent["position"], "message", "OUO")


def test_traffic_comes_in_pages(house: House) -> None:
    since = house.size - 1
    items = [house[CUSTOMS].sent("ncb-ita")["item"], house["ncb-ita"].sent(CUSTOMS)["item"]]
    items += [house[CUSTOMS].sent("ncb-ita")["item"] for _ in range(2)]
    found: list[str] = []
    after: int | None = since

    while after is not None:
        page = traffic(house, "ncb-fra", after=after, limit=2).json()
        found, after = found + [one["item"] for one in page["traffic"]], page["next"]

    assert found == items


def test_a_look_at_traffic_is_an_entry(house: House) -> None:
    since = house.size

    count = len(traffic(house, "ncb-fra").json()["traffic"])

    (asked,) = [e["leaf"] for e in house.leaves(since - 1) if e["leaf"]["actor"] == "ncb-fra"]
    assert (asked["event"], asked["object"], asked["count"]) == (
        "question.asked",
        f"traffic of {CUSTOMS} after -1",
        count,
    )


def test_traffic_is_its_bureaus_alone_and_foreign_is_absent(house: House) -> None:
    answers = [traffic(house, viewer) for viewer in ("ncb-ita", CUSTOMS, AUDITOR, "one", "agy-drugs")]
    answers += [traffic(house, "ncb-fra", entity) for entity in ("ncb-ita", "ncb-fra", "ent-fra-nobody")]

    assert {shape(answer) for answer in answers} == {shape(traffic(house, "ncb-fra", "ent-fra-nobody"))}
    assert {answer.json()["reason"] for answer in answers} == {"NOT_FOUND"}


def test_a_bureau_that_is_suspended_sees_no_traffic(house: House) -> None:
    house.suspend("ncb-fra")
    try:
        answer = traffic(house, "ncb-fra")
    finally:
        house.reinstate("ncb-fra")

    assert answer.json()["reason"] == "NOT_FOUND"
