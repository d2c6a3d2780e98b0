"""Who sees what is reserved in the directory, for as long as the policy lets it, and what such a look leaves behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exchange import jose, strictjson
from exchange.policy import PolicyTexts
from tests.doors.house import AUDITOR, House
from tests.doors.test_directory import CHANGES, activated, taking_part
from tests.network import shipped_texts, without_policy

Own = Callable[..., House]
RESERVED = {"participant.rights", "participant.status"}


@contextmanager
def suspended(house: House, id: str) -> Iterator[None]:
    house.suspend(id)
    try:
        yield
    finally:
        house.reinstate(id)


def kinds(house: House, viewer: str, about: str = "ncb-bra") -> set[str]:
    shown = house[viewer].get(CHANGES).json()["changes"]
    stated = [
        strictjson.parse_object(jose.decode(one["change"].encode().split(b".")[1]), limit=1 << 20) for one in shown
    ]
    return {one["kind"] for one in stated if one.get("participant") == about}


def looks(house: House, since: int, viewer: str) -> list[dict[str, Any]]:
    """The leaves of what this viewer asked beyond a size, but for those of the entries that are read here."""
    leaves = [entry["leaf"] for entry in house.leaves(since - 1)]
    asked = [one for one in leaves if one["event"] == "question.asked" and one["actor"] == viewer]
    return [one for one in asked if not one["object"].startswith("entries")]


def test_oversight_that_is_suspended_sees_what_everybody_sees(house: House) -> None:
    house.grant("ncb-bra", "OUO")

    with suspended(house, AUDITOR):
        shown, changes = taking_part(house, AUDITOR), kinds(house, AUDITOR)
    after = kinds(house, AUDITOR)

    assert shown["ncb-bra"] == taking_part(house, "agy-drugs")["ncb-bra"]
    assert shown[AUDITOR]["status"] == "suspended"
    assert not RESERVED & changes
    assert RESERVED & after


def test_a_bureau_that_is_suspended_is_shown_nobodys_clearance(house: House) -> None:
    with suspended(house, "ncb-esp"):
        shown = taking_part(house, "ncb-esp")

    assert {id for id, one in shown.items() if "clearance" in one} == {"ncb-esp"}
    assert "clearance" in taking_part(house, "ncb-esp")["ncb-bra"]


def test_oversight_sees_what_the_policy_lets_it_inspect(own: Own) -> None:
    house, blind = own(), without_policy(shipped_texts(), "R46")
    cases = {name: text for name, text in blind.cases.items() if name != "oversight.cases"}
    with house.opened():
        house.grant("ncb-bra", "OUO")
        seen = kinds(house, AUDITOR)
        activation = activated(house, PolicyTexts(schema=blind.schema, policies=blind.policies, cases=cases))
        shown, changes = taking_part(house, AUDITOR), kinds(house, AUDITOR)

    assert activation.status_code == 201, activation.text
    assert RESERVED & seen
    assert not RESERVED & changes
    assert "status" not in shown["ncb-bra"]


@pytest.mark.parametrize(
    ("path", "asked", "named"),
    [("/v1/directory", {}, "directory "), (CHANGES, {"after": 3}, "directory changes after 3")],
)
def test_a_look_of_oversight_at_what_is_reserved_is_an_entry(
    house: House, path: str, asked: dict[str, int], named: str
) -> None:
    house.grant("ncb-bra", "OUO")
    since = house.size

    answer = house[AUDITOR].get(path, **asked).json()
    (look,) = looks(house, since, AUDITOR)

    assert look["object"].startswith(named)
    assert look["count"] == len(answer["participants" if "participants" in answer else "changes"])
    assert set(look["commit"]) == {"user"}


def test_a_look_at_what_is_public_or_ones_own_leaves_nothing(house: House) -> None:
    house.grant("ncb-bra", "OUO")
    version, since = house["ncb-ita"].get("/v1/directory").json()["version"], house.size

    for viewer in ("one", "ncb-bra", "agy-drugs"):
        house[viewer].get("/v1/directory")
        house[viewer].get(CHANGES)
    house[AUDITOR].get(CHANGES, after=version)

    assert house.size == since
