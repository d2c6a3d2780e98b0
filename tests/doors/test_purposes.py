"""What a participant reads for: its rights say, a call may say less, and a label that names purposes asks (R14)."""

from collections.abc import Iterator

import pytest

from exchange.participant import ChangeKind
from tests.doors.house import House, fresh_id
from tests.doors.test_silence import followed, shape
from tests.doors.visitor import Visitor

READER = "ncb-esp"


def holding(house: House, *purposes: str) -> None:
    """The purposes that Madrid holds from now on."""
    rights = {"clearance": "RES", "purposes": list(purposes), "crime_areas": ["DRG"]}
    house.change(ChangeKind.RIGHTS, participant=READER, **rights)


@pytest.fixture(autouse=True)
def as_before(house: House) -> Iterator[None]:
    yield
    house.grant(READER, "RES")


def calling(house: House, purpose: str) -> Visitor:
    visitor = house.visitor(READER)
    visitor.purpose = purpose
    return visitor


def sent_for(house: House, *purposes: str, **label: object) -> str:
    sent = house["ncb-fra"].sent(READER, label={"purpose": list(purposes)} | label)
    assert sent["routing"] == [{"participant": READER, "outcome": "released"}]  # what it reads for is not published
    return str(sent["item"])


def test_who_holds_none_of_the_purposes_that_a_label_names_does_not_read_it(house: House) -> None:
    held, free = sent_for(house, "P1", "P7"), sent_for(house)

    holding(house, "P3", "P4")
    before = house[READER].reads(held), house[READER].reads(free)
    holding(house, "P3", "P7")

    assert before == (False, True)
    assert house[READER].reads(held)


def test_a_call_for_one_purpose_reads_what_is_for_that(house: House) -> None:
    holding(house, "P1", "P3")
    held = {purpose: sent_for(house, purpose) for purpose in ("P1", "P3")}

    read = {
        purpose: [item for item in held if calling(house, purpose).reads(held[item])] for purpose in ("", "P1", "P3")
    }

    assert read == {"": ["P1", "P3"], "P1": ["P1"], "P3": ["P3"]}


def test_what_is_for_another_purpose_is_answered_as_what_is_not_there(house: House) -> None:
    """A pointer is for searches: by its name nobody is told more than a stranger."""
    holding(house, "P1", "P3")
    visitor, held = calling(house, "P1"), sent_for(house, "P3", hit_visibility="GRAY")

    hidden, absent = (
        [
            visitor.get(f"/v1/messages/{item}"),
            visitor.get(f"/v1/threads/{item}"),
            visitor.acknowledge(item),
            visitor.send(visitor.write("ncb-fra", thread=item, in_reply_to=item)),
        ]
        for item in (held, f"ncb-fra:{fresh_id()}")
    )

    assert [answer.status_code for answer in hidden] == [404, 404, 404, 422]
    assert list(map(shape, hidden)) == list(map(shape, absent))


def test_what_one_purpose_passed_over_comes_with_the_other_and_once(house: House) -> None:
    holding(house, "P1", "P3")
    begun = house[READER].caught_up()
    ours, theirs = sent_for(house, "P1"), sent_for(house, "P3")

    first, cursor = followed(calling(house, "P1"), begun)
    second, cursor = followed(calling(house, "P3"), cursor)
    third, _ = followed(calling(house, "P1"), cursor)

    assert (first, second, third) == ([ours], [theirs], [])


def test_its_source_reads_its_own_for_whatever_purpose(house: House) -> None:
    item = house["ncb-fra"].sent(READER, label={"purpose": ["P9"]})["item"]

    assert house["ncb-fra"].reads(item)


def test_a_purpose_that_is_not_held_gets_no_token(house: House) -> None:
    holding(house, "P3")
    asking = calling(house, "P1").ask_token()

    assert (asking.status_code, asking.json()["reason"]) == (401, "ASSERTION_WRONG")
