"""Preview, routing and reading agree at the same instant; a sender is told only what follows from its own words."""

from collections.abc import Iterator
from typing import Any

import pytest

from exchange.policy import PolicySet
from tests.doors.house import AUDITOR, EVERYBODY, House
from tests.network import shipped_texts

MISSING = {"kind": "person", "person_status": "MIS", "names": ["A. Specimen"], "age": 39}
IMPLANT = {"kind": "item", "description": "an implant", "special_data": True, "necessity": "to find its owner"}

LABELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "restricted": {"classification": "RES", "purpose": ["P3"]},
    "not for Germany and Italy": {"releasable_to": {"mode": "ALL_MINUS", "exclude": ["DEU", "ITA"]}},
    "for Brazil only": {"releasable_to": {"mode": "ONLY", "include": ["BRA"]}},
    "for bureaus only": {"releasable_to": {"mode": "ALL", "tiers": ["T1"]}},
    "for bureaus and agencies but one country": {
        "releasable_to": {"mode": "ALL_MINUS", "exclude": ["AUT"], "tiers": ["T1", "T3"]}
    },
    "no entities": {"handling": ["NOENT", "EXERCISE"]},
    "no internationals": {"handling": ["NOINT", "EXERCISE"]},
    "no partners": {"handling": ["NOPRIV", "EXERCISE"]},
    "a minor": {"handling": ["MINOR", "EXERCISE"]},
    "special data": {"handling": ["SENS", "EXERCISE"]},
    "restricted, a neighbour excluded": {
        "classification": "RES",
        "purpose": ["P3"],
        "hit_visibility": "GRAY",
        "releasable_to": {"mode": "ALL_MINUS", "exclude": ["DEU"]},
    },
    "restricted, hidden": {"classification": "RES", "purpose": ["P3"], "hit_visibility": "BLACK"},
}
CIRCLES: dict[str, list[dict[str, Any]]] = {
    "all": [{"all": True}],
    "tiers": [{"tier": "T1"}, {"tier": "T3"}, {"tier": "T4"}],
    "countries": [{"country": "FRA"}, {"country": "DEU"}, {"country": "AUT"}, {"country": "UTO"}],
}
TO_THE_SENDER = {id for id, rule in PolicySet.load(shipped_texts()).rules.items() if rule.tell == "sender"}

OTHERS = [id for id in EVERYBODY if id != "ncb-fra"]


def written(house: House, label: str, *recipients: Any) -> dict[str, Any]:
    entities = [MISSING, IMPLANT] if label == "special data" else [MISSING]
    return house["ncb-fra"].write(*recipients, label=LABELS[label], entities=entities)


def told(house: House, document: dict[str, Any]) -> tuple[list[dict[str, str]], str]:
    """-> what preview and routing both say, and the item."""
    paris = house["ncb-fra"]
    previewed = paris.preview(document)
    posted = paris.send(document)
    assert previewed.status_code == 200, previewed.text
    assert posted.status_code == 201, posted.text
    assert previewed.json()["recipients"] == posted.json()["routing"]
    assert previewed.json()["outcome"] == "ALLOW"
    return posted.json()["routing"], f"ncb-fra:{document['id']}"


def readers(house: House, item: str) -> set[str]:
    return {id for id in OTHERS if house[id].reads(item)}


@pytest.mark.parametrize("label", LABELS)
def test_what_is_told_of_each_is_what_each_can_read(label: str, house: House) -> None:
    routing, item = told(house, written(house, label, *OTHERS))

    released = {one["participant"] for one in routing if one["outcome"] == "released"}
    assert [one["participant"] for one in routing] == sorted(OTHERS)
    assert readers(house, item) == released
    for one in routing:
        assert one.get("rule") in TO_THE_SENDER | {None}
        assert ("rule" in one) <= (one["outcome"] == "withheld")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("circle", CIRCLES)
@pytest.mark.parametrize("label", ["plain", "restricted", "not for Germany and Italy", "no partners"])
def test_of_a_circle_only_the_released_are_named(label: str, circle: str, house: House) -> None:
    named, _ = told(house, written(house, label, *OTHERS))
    able = {one["participant"] for one in named if one["outcome"] == "released"}

    routing, item = told(house, written(house, label, *CIRCLES[circle]))

    assert {one["outcome"] for one in routing} <= {"released"}
    assert {one["participant"] for one in routing} <= able | set(house.world.members) - set(EVERYBODY)
    assert readers(house, item) == {one["participant"] for one in routing} & set(OTHERS)


def test_every_label_is_for_some_and_some_labels_are_not_for_all(house: House) -> None:
    """Otherwise agreement would say little."""
    released = {label: readers(house, told(house, written(house, label, *OTHERS))[1]) for label in LABELS}

    assert all(released.values())
    assert released["plain"] == set(OTHERS) - {"prt-museum"}
    assert len({frozenset(who) for who in released.values()}) >= 6


def test_the_rule_is_told_where_it_follows_from_the_label_and_not_where_it_tells_of_the_reader(house: House) -> None:
    label = {"classification": "RES", "purpose": ["P3"], "releasable_to": {"mode": "ALL_MINUS", "exclude": ["DEU"]}}
    document = house["ncb-fra"].write("ncb-deu", "ncb-bra", "ncb-ita", label=label)

    routing, _ = told(house, document)

    assert routing == [
        {"participant": "ncb-bra", "outcome": "withheld"},
        {"participant": "ncb-deu", "outcome": "withheld", "rule": "R09"},
        {"participant": "ncb-ita", "outcome": "released"},
    ]


def test_deliveries_say_what_the_routing_said(house: House) -> None:
    routing, item = told(house, written(house, "restricted, a neighbour excluded", *OTHERS))

    deliveries = house["ncb-fra"].get(f"/v1/messages/{item}/deliveries").json()["deliveries"]

    times = {"at", "due_at"}
    assert all((one.keys() & times == times) == (one["state"] == "released") for one in deliveries)
    said = [{"outcome" if name == "state" else name: one[name] for name in one.keys() - times} for one in deliveries]
    assert said == routing


def test_oversight_sees_every_decision_with_its_rules(house: House) -> None:
    routing, item = told(house, written(house, "restricted, a neighbour excluded", *OTHERS))

    entry = next(e for e in reversed(house.leaves()) if e["leaf"]["object"] == item)

    withheld = {one["participant"] for one in routing if one["outcome"] == "withheld"}
    assert "R07" in entry["openings"]["decisions"]["text"]
    assert all(f'"{id}"' in entry["openings"]["decisions"]["text"] for id in withheld)


@pytest.fixture
def madrid_suspended(house: House) -> Iterator[None]:
    house.suspend("ncb-esp")
    yield
    house.reinstate("ncb-esp")


@pytest.mark.usefixtures("madrid_suspended")
def test_only_of_a_suspended_reader_is_more_told_than_it_can_read(house: House) -> None:
    routing, item = told(house, written(house, "restricted", *OTHERS))

    released = {one["participant"] for one in routing if one["outcome"] == "released"}
    assert "ncb-esp" in released
    assert released - readers(house, item) == {"ncb-esp"}


@pytest.mark.parametrize(
    ("sender", "label", "rules"),
    [
        (AUDITOR, {}, ["R46.only", "R07.post"]),
        ("ncb-bra", {"classification": "RES", "purpose": ["P3"]}, ["R07.post"]),
        ("ncb-fra", {"handling": ["SENS", "EXERCISE"]}, ["R32.post"]),
    ],
)
def test_a_preview_denies_by_the_rules_that_posting_is_refused_by(
    sender: str, label: dict[str, Any], rules: list[str], house: House
) -> None:
    document = house[sender].write("ncb-ita", label=label)

    previewed, posted = house[sender].preview(document), house[sender].send(document)

    assert previewed.json() == {"outcome": "DENY", "rules": rules, "recipients": []}
    assert (posted.status_code, posted.json()["rules"]) == (403, rules)
