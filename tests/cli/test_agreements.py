"""`exchange agreement`: concluded by two officers, narrowed and ended by one, listed to whom it concerns."""

from pathlib import Path

from tests.cli.conftest import Command
from tests.community import Community

TERMS = ("--reference", "A 1/2026", "--type", "message", "--area", "ENV", "--until", "2030-01-01")


def test_an_agreement_is_concluded_by_two_and_ended_by_one(
    exchange: Command, community: Community, tmp_path: Path
) -> None:
    one, two = community.officers
    pin = community.served.folder / "pin.json"
    id = f"agy-u{tmp_path.name.replace('_', '')[-20:].lower()}"
    identity = ("--name", "Agency", "--country", "XXB", "--tier", "T3")
    exchange("keygen", id, "--dir", tmp_path / "made", "--pin", pin, *identity)
    exchange("participant", "admit", tmp_path / "made" / "enrolment.json", "--as", one, "--second", two)
    mine = ("--as", tmp_path / "made", "--json")
    words = ("send", *mine, "--subject", "A test", "--text", "hello", "--to", "ncb-fra")

    before = exchange(*words)
    proposed = exchange("agreement", "set", id, *TERMS, "--as", one, "--json")
    approved = exchange("participant", "approve", proposed.document["change"], "--as", two, "--json")
    listed, during = exchange("agreement", "list", *mine), exchange(*words)
    ended = exchange("agreement", "end", id, "--as", one, "--json")
    after = exchange(*words)

    assert (before.code, before.document["error"]["reason"]) == (1, "NO_AGREEMENT")
    assert (proposed.document["state"], approved.document["state"]) == ("pending", "applied")
    (terms,) = listed.document
    assert (terms["reference"], terms["types"], terms["crime_areas"]) == ("A 1/2026", ["message"], ["ENV"])
    assert during.code == 0, during.err
    assert ended.document["state"] == "applied"
    assert (after.code, after.document["error"]["reason"]) == (1, "NO_AGREEMENT")


def test_who_has_no_agreement_has_none_to_end(exchange: Command, community: Community) -> None:
    told = exchange("agreement", "end", "ncb-fra", "--as", community.officers[0])

    assert told.code == 2
    assert "has no agreement" in told.err
