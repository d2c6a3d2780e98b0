"""An agency takes part by agreement: what that does not cover it neither posts nor reads."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from exchange import instant
from tests.doors.house import House
from tests.doors.test_directory import CHANGES, content, taking_part

DRUGS = "agy-drugs"


@pytest.fixture(autouse=True)
def agreed_again(house: House) -> Iterator[None]:
    yield
    house.agree(DRUGS)


def test_an_agency_posts_the_types_and_areas_of_its_agreement(house: House) -> None:
    agency = house[DRUGS]
    house.agree(DRUGS, types=["message"], crime_areas=["DRG"])

    answers = [
        agency.send(agency.write("ncb-ita", label={"crime_area": ["DRG.SYN", "VEH"]})),
        agency.send(agency.write("ncb-ita")),
        agency.send(agency.write("ncb-ita", label={"crime_area": ["VEH"]})),
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 403]
    assert (answers[2].json()["reason"], answers[2].json()["rules"]) == ("NO_AGREEMENT", ["agreement"])


def test_what_an_agreement_does_not_cover_is_not_there_and_comes_when_it_does(house: House) -> None:
    agency, cursor = house[DRUGS], house[DRUGS].caught_up()
    house.agree(DRUGS, crime_areas=["DRG"])

    sent = house["ncb-ita"].sent(DRUGS, label={"crime_area": ["VEH"]})
    page, shown = agency.inbox(cursor=cursor), agency.get(f"/v1/messages/{sent['item']}")
    house.agree(DRUGS)
    later = agency.inbox(cursor=page["cursor"])

    assert sent["routing"] == [{"participant": DRUGS, "outcome": "released"}]
    assert page["items"] == []
    assert shown.json()["reason"] == "NOT_FOUND"
    assert [one["item"] for one in later["items"]] == [sent["item"]]


def test_an_agreement_ends_by_itself(house: House) -> None:
    agency, held = house[DRUGS], house["ncb-ita"].sent(DRUGS)["item"]
    own = agency.sent("ncb-ita")
    read = agency.reads(held)

    house.agree(DRUGS, until=instant.write(datetime.now(UTC) + timedelta(seconds=1)))
    time.sleep(1.1)

    assert read
    assert not agency.reads(held)
    assert agency.reads(own["item"])
    assert agency.send(agency.write("ncb-ita")).json()["reason"] == "NO_AGREEMENT"
    assert agency.post("/v1/messages", own["jws"].encode()).status_code == 200  # accepted while it lasted


def test_what_came_before_an_agreement_begins_comes_when_it_does(house: House) -> None:
    agency, cursor = house[DRUGS], house[DRUGS].caught_up()
    begins = datetime.now(UTC) + timedelta(seconds=2)
    house.agree(DRUGS, **{"from": instant.write(begins)})
    sent = house["ncb-ita"].sent(DRUGS)
    before = agency.inbox(cursor=cursor)

    time.sleep(max(0.0, (begins - datetime.now(UTC)).total_seconds()) + 0.1)
    after = agency.inbox(cursor=before["cursor"])

    assert before["items"] == []
    assert [one["item"] for one in after["items"]] == [sent["item"]]


def test_an_agreement_is_shown_to_its_agency_and_to_no_other_participant(house: House) -> None:
    def kinds(viewer: str) -> set[str]:
        stated = [content(one["change"].encode()) for one in house[viewer].get(CHANGES).json()["changes"]]
        return {one["kind"] for one in stated if one.get("participant") == DRUGS}

    assert "agreement" in taking_part(house, DRUGS)[DRUGS]
    assert "agreement" in taking_part(house, "one")[DRUGS]
    assert "agreement" not in taking_part(house, "ncb-ita")[DRUGS]
    assert "agreement.set" in kinds(DRUGS)
    assert "agreement.set" not in kinds("ncb-ita") | kinds("agy-wildlife")


def test_a_private_partner_gets_nothing(house: House) -> None:
    sent = house["ncb-fra"].sent("prt-museum", "ncb-ita")

    assert {"participant": "prt-museum", "outcome": "withheld"} in sent["routing"]
    assert not house["prt-museum"].reads(sent["item"])
