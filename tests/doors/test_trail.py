"""The trail as participants check it and auditors read it."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from exchange import jose, leaf, merkle
from exchange.client import Client
from exchange.note import Checkpoint, TrailVerifier
from tests import world as worlds
from tests.doors.house import AUDITOR, House

Own = Callable[..., House]


def checkpoint(house: House) -> Checkpoint:
    verifier = TrailVerifier.from_vkey(house.world.trail_key.vkey())
    return verifier.open(house["ncb-ita"].get("/v1/trail/checkpoint").text)


def hashes(answer: Any) -> list[bytes]:
    return [base64.b64decode(one) for one in answer.json()["hashes"]]


def test_every_entry_proves_itself_under_the_checkpoint(house: House) -> None:
    house["ncb-fra"].sent("ncb-ita")
    head = checkpoint(house)
    entries = house["aud-exchange"].get("/v1/trail/entries", limit=500).json()["entries"]

    for entry in [*entries[:3], *entries[-3:]]:
        if entry["position"] >= head.size:
            continue
        position = entry["position"]
        answer = house["ncb-deu"].get("/v1/trail/inclusion", position=position, size=head.size)
        hashed = merkle.leaf_hash(entry["leaf"].encode())
        merkle.verify_inclusion(hashed, position, head.size, hashes(answer), head.root)


def test_every_older_head_is_a_prefix(house: House) -> None:
    older = checkpoint(house)
    house["ncb-fra"].sent("ncb-ita")
    newer = checkpoint(house)

    answer = house["ncb-deu"].get("/v1/trail/consistency", **{"from": older.size, "to": newer.size})

    assert newer.size > older.size
    merkle.verify_consistency(older.size, older.root, newer.size, newer.root, hashes(answer))


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("inclusion", {"position": 1, "size": 10**9}),
        ("inclusion", {"position": 5, "size": 5}),
        ("inclusion", {"position": 0, "size": 0}),
        ("consistency", {"from": 3, "to": 2}),
        ("consistency", {"from": 0, "to": 10**9}),
        ("consistency", {"from": 10**9, "to": 10**9}),
    ],
)
def test_what_is_not_in_the_tree_has_no_proof(path: str, asked: dict[str, int], house: House) -> None:
    assert house["ncb-deu"].get(f"/v1/trail/{path}", **asked).json()["reason"] == "RANGE_WRONG"


def test_the_question_of_an_auditor_is_an_entry_itself(house: House) -> None:
    size = house.size

    house[AUDITOR].get("/v1/trail/entries", after=size - 1)

    (asked,) = [e for e in house.leaves(size - 1)[:1] if e["leaf"]["event"] == "question.asked"]
    assert asked["leaf"]["actor"] == AUDITOR
    assert asked["leaf"]["object"] == f"entries after {size - 1}"
    assert asked["openings"]["user"]["text"] == "u-117"


def test_entries_are_for_oversight_only(house: House) -> None:
    for id in ("ncb-fra", "agy-drugs", "ent-fra-customs", "one"):
        answer = house[id].get("/v1/trail/entries")
        assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_ALLOWED")


def test_what_an_auditor_may_open_opens_the_leaf(house: House) -> None:
    sent = house["ncb-fra"].sent("ncb-ita", "ncb-bra", label={"classification": "RES", "purpose": ["P3"]})
    page = house[AUDITOR].get("/v1/trail/entries", after=sent["position"] - 1, limit=1).json()

    (entry,) = page["entries"]
    stated = leaf.read(entry["leaf"].encode())
    for name, opening in entry["openings"].items():
        salt = jose.decode(opening["salt"].encode())
        assert leaf.opens(stated, leaf.Field(name), salt, opening["text"].encode())


async def test_an_auditor_verifies_the_whole_trail_over_the_wire(house: House) -> None:
    house["ncb-fra"].sent("ncb-ita")

    async with Client.open(house.profile(AUDITOR)) as auditor:
        report = await auditor.trail.audit(worlds.schemas(), genesis=house.served.pin.genesis)

    assert report.findings == ()
    assert report.entries == report.size > len(house.world.history)


def test_a_flood_is_ten_leaves_and_then_one_number(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__REFUSALS_PER_MINUTE="10")
    with house.opened() as gateway:
        paris, since = house["ncb-fra"], house.size
        answers = [paris.get("/v1/messages/none") for _ in range(25)]

        house.on_its_loop(gateway.doors.edge.refusals.count(everything=True))
        recorded = [e["leaf"] for e in house.leaves(since - 1)]

    singly = [one for one in recorded if one["event"] == "request.refused"]
    (counted,) = [one for one in recorded if one["event"] == "refusals.counted"]
    assert {answer.status_code for answer in answers} == {404}
    assert ["receipt" in answer.json() for answer in answers] == [True] * 10 + [False] * 15
    assert len(singly) == 10
    assert (counted["actor"], counted["type"], counted["count"]) == ("ncb-fra", "NOT_FOUND", 15)


def test_a_gateway_that_stops_writes_down_what_it_had_counted(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__REFUSALS_PER_MINUTE="1")
    with house.opened():
        since = house.size
        for _ in range(5):
            house["ncb-fra"].get("/v1/messages/none")

    with house.opened():
        (counted,) = [e["leaf"] for e in house.leaves(since - 1) if e["leaf"]["event"] == "refusals.counted"]

    assert counted["count"] == 4


def test_strangers_leave_no_leaf(house: House) -> None:
    size = house.size

    for _ in range(3):
        assert house["ncb-fra"].http.get(house.url + "/v1/inbox").status_code == 401

    assert house.size == size


def test_every_leaf_of_a_call_commits_to_its_user(house: House) -> None:
    since, paris, rome = house.size - 1, house["ncb-fra"], house["ncb-ita"]
    item = paris.sent("ncb-ita")["item"]
    paris.preview(paris.write("ncb-ita"))
    rome.inbox()
    rome.acknowledge(item)
    rome.get("/v1/messages/nothing")
    house.suspend("ncb-esp")
    house.reinstate("ncb-esp")
    house[AUDITOR].get("/v1/directory/changes")

    entries = house.leaves(since)

    calls = {e["leaf"]["event"] for e in entries} - {"refusals.counted"}
    assert calls == {
        "message.accepted",
        "question.asked",
        "items.read",
        "item.acknowledged",
        "request.refused",
        "directory.proposed",
        "directory.changed",
    }
    users = [e["openings"]["user"]["text"] for e in entries if e["leaf"]["event"] in calls]
    assert set(users) == {"u-117"}
