"""`exchange entity`: a bureau's officer takes an entity in, says what it may, and ends it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.community import Community

WITHIN = ("--clearance", "OUO", "--purpose", "P3", "--area", "DRG.SYN", "--scope", "*/read", "--until", "2030-01-01")


@pytest.fixture
def enrolled(exchange: Command, community: Community, tmp_path: Path) -> Path:
    """An enrolment, under a name of this test's own."""
    pin, id = community.served.folder / "pin.json", f"ent-ita-{tmp_path.name.replace('_', '')[-20:]}"
    identity = ("--name", "Customs", "--country", "ITA", "--tier", "T2")
    made = exchange("keygen", id.lower(), "--dir", tmp_path / "made", "--pin", pin, *identity)
    assert made.code == 0, made.err
    assert "exchange entity admit" in made.out
    return tmp_path / "made" / "enrolment.json"


def test_an_entity_is_admitted_granted_listed_and_ended(
    exchange: Command, community: Community, enrolled: Path
) -> None:
    rome = ("--as", community.profile("ncb-ita"), "--json")

    admitted = exchange("entity", "admit", enrolled, *WITHIN, *rome)
    id = admitted.document["participant"]
    granted = exchange("entity", "grant", id, *WITHIN, "--scope", "message/submit", "--review-by", "2026-12-31", *rome)
    (listed,) = [one for one in exchange("entity", "list", *rome).document if one["id"] == id]
    passed = exchange("entity", "traffic", id, *rome)
    ended = exchange("entity", "end", id, "--reason", "merged", *rome)
    (after,) = [one for one in exchange("entity", "list", *rome).document if one["id"] == id]

    assert admitted.document["state"] == granted.document["state"] == ended.document["state"] == "applied"
    assert (listed["status"], listed["purposes"], listed["crime_areas"]) == ("active", ["P3"], ["DRG.SYN"])
    assert listed["grant"] == {
        "scopes": ["*/read", "message/submit"],
        "until": "2030-01-01T00:00:00Z",
        "review_by": "2026-12-31T00:00:00Z",
    }
    assert (passed.code, passed.document) == (0, [])
    assert (after["status"], "grant" in after) == ("ended", False)
    assert exchange("doctor", "--as", enrolled.parent).code == 0


def test_what_a_bureau_does_not_hold_it_is_told_that_it_cannot_grant(
    exchange: Command, community: Community, enrolled: Path
) -> None:
    more = [word if word != "DRG.SYN" else "VEH" for word in WITHIN]

    rome = ("--as", community.profile("ncb-ita"), "--json")

    told = exchange("entity", "admit", enrolled, *more, *rome)
    again = exchange("entity", "admit", enrolled, *WITHIN, *rome)

    assert again.code == 0, again.err  # it goes on where it broke off
    assert told.code == 1
    assert (told.document["error"]["reason"], told.document["error"]["rules"]) == ("BEYOND_GRANT", ["R05"])


@pytest.mark.parametrize("forgotten", ["--clearance", "--purpose", "--area", "--scope", "--until"])
def test_nothing_is_granted_or_taken_by_leaving_it_out(exchange: Command, community: Community, forgotten: str) -> None:
    place = WITHIN.index(forgotten)
    words = WITHIN[:place] + WITHIN[place + 2 :]

    told = exchange("entity", "grant", "ent-ita-nobody", *words, "--as", community.profile("ncb-ita"))

    assert told.code == 2
    assert forgotten in told.err


def test_the_operator_admits_no_entity(exchange: Command, community: Community, enrolled: Path) -> None:
    one, two = community.officers

    told = exchange("participant", "admit", enrolled, "--as", one, "--second", two, "--json")

    assert (told.code, told.document["error"]["reason"]) == (1, "CHANGE_WRONG")
