"""Posting: once and for all, proven, told no more than is due."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from exchange import jose
from tests import world as worlds
from tests.doors.house import AUDITOR, House

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_the_other_signature_of_the_same_bytes_is_a_repeat(house: House) -> None:
    """ES256 is malleable: with s goes n - s. Who has the first has made no second message."""
    paris = house["ncb-fra"]
    sent = paris.sent("ncb-ita")
    signed, _, signature = sent["jws"].rpartition(".")
    raw = jose.decode(signature.encode())
    mirrored = raw[:32] + (_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")

    answer = paris.post("/v1/messages", f"{signed}.{jose.encode(mirrored)}".encode())

    assert (answer.status_code, answer.json()["position"]) == (200, sent["position"])
    assert paris.get(f"/v1/messages/{sent['item']}").json()["jws"] == sent["jws"]


def test_the_same_bytes_at_once_are_accepted_once(house: House) -> None:
    visitors = [house.visitor("ncb-fra") for _ in range(8)]
    token = visitors[0].sign(visitors[0].write("ncb-ita"))
    for visitor in visitors:
        visitor.token  # noqa: B018

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda visitor: visitor.post("/v1/messages", token), visitors))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["leaf"] for answer in answers}) == 1


@pytest.mark.parametrize(
    "name",
    ["drug-seizure", "missing-child", "biometric-identification", "every-label-member", "port-tip", "ivory-tip"],
)
def test_the_examples_are_accepted_as_they_are(name: str, house: House) -> None:
    document = worlds.sample(name, at=datetime.now(UTC))

    answer = house[document["sender"]].send(document)

    assert answer.status_code == 201, answer.text
    assert answer.json()["routing"]


@pytest.mark.parametrize("name", ["recalled-in-error", "fewer-readers", "weight-corrected"])
def test_what_names_no_recipients_has_no_preview(name: str, house: House) -> None:
    document = worlds.sample(name, at=datetime.now(UTC))

    answer = house[document["sender"]].preview(document)

    assert answer.json()["reason"] == "UNKNOWN_TYPE"


def test_who_sends_restricted_is_told_its_duties(house: House) -> None:
    restricted = house["ncb-fra"].sent("ncb-ita", label={"classification": "RES", "purpose": ["P3"]})
    plain = house["ncb-fra"].sent("ncb-ita")

    again = house["ncb-fra"].post("/v1/messages", restricted["jws"].encode())

    assert restricted["duties"] == ["RES"]
    assert "duties" not in plain
    assert (again.status_code, again.json()["duties"]) == (200, restricted["duties"])


def test_a_reply_needs_the_thread_it_is_in(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    item, other = paris.sent("ncb-ita")["item"], paris.sent("ncb-ita")["item"]

    answers = [
        rome.send(rome.write("ncb-fra", in_reply_to=item)),
        rome.send(rome.write("ncb-fra", thread=other, in_reply_to=item)),
        rome.send(rome.write("ncb-fra", thread=item, in_reply_to=item)),
    ]

    assert [answer.status_code for answer in answers][1:] == [422, 201]
    assert answers[1].json()["reason"] == "UNKNOWN_REFERENCE"
    assert answers[0].status_code == 422


def test_a_preview_stores_nothing_but_its_question(house: House) -> None:
    paris = house["ncb-fra"]
    size, document = house.size, paris.write("ncb-ita", subject="not sent yet")

    previewed = paris.preview(document)
    recorded = house.leaves(size - 1)

    assert previewed.status_code == 200
    mine = [e for e in recorded if e["leaf"]["actor"] == "ncb-fra"]
    assert [e["leaf"]["event"] for e in mine] == ["question.asked"]
    assert "not sent yet" not in json.dumps(mine)
    assert not paris.reads(f"ncb-fra:{document['id']}")


def test_the_largest_message_goes_through_and_one_byte_more_does_not(house: House) -> None:
    paris = house["ncb-fra"]
    limit = 256 * 1024

    def sized(length: int) -> bytes:
        return paris.sign(paris.write("ncb-ita", attachments=[attachment(length)]))

    fits = [token for token in map(sized, range(143_000, 147_000, 300)) if len(token) <= limit][-1]

    assert limit - 2000 < len(fits) <= limit
    assert paris.post("/v1/messages", fits).status_code == 201
    assert paris.post("/v1/messages", fits + b"A" * (limit - len(fits) + 1)).json()["reason"] == "BODY_TOO_LARGE"


def attachment(length: int) -> dict[str, str]:
    return {"name": "photo.jpg", "mime": "image/jpeg", "data": base64.b64encode(bytes(length)).decode()}


# All or none

ALL_OR_NONE = {"mode": "all-or-none"}


def test_all_or_none_goes_to_all_of_those_who_are_named_or_to_nobody(house: House) -> None:
    paris, rome = house["ncb-fra"], house["ncb-ita"]
    cursor = rome.caught_up()
    not_germany = {"releasable_to": {"mode": "ALL_MINUS", "exclude": ["DEU"]}}
    document = paris.write("ncb-ita", "ncb-deu", AUDITOR, delivery=ALL_OR_NONE, label=not_germany)

    refused, previewed = paris.send(document), paris.preview(document)
    sent = paris.sent("ncb-ita", "ncb-deu", delivery=ALL_OR_NONE)

    problem = refused.json()
    assert (refused.status_code, problem["reason"], problem["rules"]) == (409, "NOT_TO_ALL", ["R09"])
    assert [fault["path"] for fault in problem["faults"]] == ["/recipients/1", "/recipients/2"]
    assert previewed.json()["outcome"] == "DENY"
    assert {one["outcome"] for one in sent["routing"]} == {"released"}
    assert [one["item"] for one in rome.inbox(cursor=cursor)["items"]] == [sent["item"]]


def test_all_or_none_tells_nothing_of_a_suspension(house: House) -> None:
    house.suspend("ncb-esp")
    answer = house["ncb-fra"].send(house["ncb-fra"].write("ncb-ita", "ncb-esp", delivery=ALL_OR_NONE))
    house.reinstate("ncb-esp")

    assert answer.status_code == 201


@pytest.mark.parametrize("circle", [{"country": "DEU"}, {"tier": "T1"}, {"all": True}])
def test_all_or_none_is_not_asked_of_a_circle(circle: dict[str, Any], house: House) -> None:
    answer = house["ncb-fra"].send(house["ncb-fra"].write("ncb-ita", circle, delivery=ALL_OR_NONE))

    assert (answer.status_code, answer.json()["reason"]) == (422, "LABEL_INCONSISTENT")
    assert [fault["path"] for fault in answer.json()["faults"]] == ["/recipients"]


def test_a_retry_of_all_or_none_gets_its_first_receipt_whatever_changed(house: House) -> None:
    paris = house["ncb-fra"]
    label = {"classification": "RES", "purpose": ["P3"]}
    sent = paris.sent("ncb-esp", delivery=ALL_OR_NONE, label=label)
    house.grant("ncb-esp", "OUO")
    again = paris.post("/v1/messages", sent["jws"].encode())
    house.grant("ncb-esp", "RES")

    assert (again.status_code, again.json()["leaf"]) == (200, sent["leaf"])
