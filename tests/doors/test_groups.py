"""Groups over HTTP: set by officers, shown to their members, named by nobody else."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from exchange import instant
from exchange.participant import ChangeKind
from tests.doors.house import AUDITOR, House
from tests.doors.test_directory import CHANGES, content

HARBOUR = {"group": "OP-HARBOUR"}


def set_group(house: House, *members: str, code: str = "OP-HARBOUR") -> None:
    since = instant.write(datetime.now(UTC) - timedelta(minutes=1))
    stated = [{"participant": id, "from": since} for id in members]
    house.change(ChangeKind.GROUP, group=code, name="Operation Harbour", members=stated)


@pytest.fixture(autouse=True)
def harbour(house: House) -> Iterator[None]:
    set_group(house, "ncb-fra", "ncb-ita", "agy-drugs")
    yield
    set_group(house)


def sent_to(house: House, sender: str, group: str = "OP-HARBOUR") -> httpx.Response:
    visitor = house[sender]
    return visitor.send(visitor.write({"group": group}))


def told(answer: httpx.Response) -> tuple[str, str]:
    problem = answer.json()
    return problem["reason"], repr(problem["faults"])


def test_a_message_to_a_group_reaches_its_members(house: House) -> None:
    sent = house["ncb-fra"].sent(HARBOUR)

    assert [one["participant"] for one in sent["routing"]] == ["agy-drugs", "ncb-ita"]
    assert house["ncb-ita"].reads(sent["item"])
    assert not house["ncb-deu"].reads(sent["item"])


def test_who_is_not_in_a_group_does_not_know_of_it(house: House) -> None:
    foreign, none = sent_to(house, "ncb-deu"), sent_to(house, "ncb-deu", "OP-NONE")

    assert told(foreign) == told(none)
    assert foreign.json()["reason"] == "UNKNOWN_RECIPIENT"


def test_a_label_does_not_tell_who_is_in_a_foreign_group(house: House) -> None:
    berlin, answers = house["ncb-deu"], []
    for code in ("OP-HARBOUR", "OP-NONE"):
        marked = {"releasable_to": {"mode": "ALL_MINUS", "exclude": [code]}}
        answers.append(berlin.preview(berlin.write("ncb-ita", "ncb-bra", label=marked)))

    assert told(answers[0]) == told(answers[1])


def test_who_leaves_a_group_reads_no_more_what_is_for_the_group(house: House) -> None:
    marked = {"releasable_to": {"mode": "ONLY", "include": ["OP-HARBOUR"]}}
    held = house["ncb-fra"].sent(HARBOUR, label=marked)["item"]
    read = house["ncb-ita"].reads(held)

    set_group(house, "ncb-fra", "agy-drugs")
    left = house["ncb-ita"].reads(held)
    set_group(house, "ncb-fra", "agy-drugs", "ncb-ita")

    assert (read, left) == (True, False)
    assert house["ncb-ita"].reads(held)


def test_a_group_is_shown_to_its_members_the_operator_and_oversight(house: House) -> None:
    def shown(viewer: str) -> tuple[bool, bool]:
        groups = [one["group"] for one in house[viewer].get("/v1/directory").json()["groups"]]
        changes = [content(one["change"].encode()) for one in house[viewer].get(CHANGES).json()["changes"]]
        return "OP-HARBOUR" in groups, any(one["kind"] == "group.set" for one in changes)

    for viewer in ("ncb-fra", "agy-drugs", "one", AUDITOR):
        assert shown(viewer) == (True, True)
    assert shown("ncb-deu") == shown("prt-museum") == (False, False)


def test_what_is_restricted_to_a_group_comes_when_somebody_comes_into_it(house: House) -> None:
    paris, berlin = house["ncb-fra"], house["ncb-deu"]
    cursor = berlin.caught_up()
    now = datetime.now(UTC)
    joins = now + timedelta(seconds=4)
    past, soon = instant.write(now - timedelta(minutes=1)), instant.write(joins)
    members = [{"participant": "ncb-fra", "from": past}, {"participant": "ncb-deu", "from": soon}]
    house.change(ChangeKind.GROUP, group="OP-HARBOUR", name="Operation Harbour", members=members)
    sent = paris.sent("ncb-deu")
    paris.restrict(sent, {"mode": "ONLY", "include": ["OP-HARBOUR"]})
    before = berlin.inbox(cursor=cursor)

    time.sleep(max(0.0, (joins - datetime.now(UTC)).total_seconds()) + 0.1)
    after = berlin.inbox(cursor=before["cursor"])

    assert before["items"] == []
    assert [one["item"] for one in after["items"]] == [sent["item"]]
