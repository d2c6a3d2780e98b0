"""Rotation by the command line: a participant's own keys, its officers' keys, and those of the operator."""

import shutil
import stat
from pathlib import Path

import pytest

from exchange.client import Profile
from exchange.client.rotation import next_path
from exchange.jose import SigningKey
from exchange.participant import Use
from tests.cli.conftest import Command
from tests.community import Community


def officer(profile: Path) -> str:
    return Profile.load(profile).key(Use.OFFICER).public.kid


def rotated(
    exchange: Command, community: Community, profile: Path, by: tuple[Path, Path] | None = None
) -> tuple[str, str]:
    """The officer key of a profile, from the request to its use -> the kid before and after."""
    one, two = by or community.officers
    before = officer(profile)

    request = exchange("key", "request", "--as", profile, "--json").document
    proposed = exchange("key", "admit", request["request"], "--as", one, "--json").document
    waiting = exchange("participant", "pending", "--as", two, "--json").document
    early = exchange("key", "use", "--as", profile, "--json")
    approved = exchange("participant", "approve", proposed["change"], "--as", two, "--json").document
    used = exchange("key", "use", "--as", profile, "--json").document

    assert proposed["state"] == "pending"
    assert {one["change"]: one["thumbprints"] for one in waiting}[proposed["change"]] == [request["thumbprint"]]
    assert (early.code, early.document["error"]["reason"]) == (1, "NOT_ADMITTED")
    assert approved["state"] == "applied"
    assert used["kid"] == request["thumbprint"] == officer(profile)
    return before, used["kid"]


def test_a_participant_gets_a_new_officer_key_from_two_of_the_operators_officers(
    exchange: Command, community: Community
) -> None:
    one, _ = community.officers
    bureau = community.profile("ncb-deu")

    before, after = rotated(exchange, community, bureau)
    revoked = exchange("key", "revoke", before, "--participant", "ncb-deu", "--as", one, "--json").document

    keys = {key["kid"]: key for key in exchange("key", "list", "--as", bureau, "--json").document}
    assert revoked["state"] == "applied"
    assert (keys[before]["revoked_at"] is None, keys[after]["revoked_at"]) == (False, None)
    assert exchange("key", "add", "message", "--as", bureau).code == 0  # signed by the new key
    assert exchange("doctor", "--as", bureau).code == 0


def test_the_operator_replaces_an_officer_key_of_its_own(exchange: Command, community: Community) -> None:
    one, two = community.officers

    before, after = rotated(exchange, community, one)
    revoked = exchange("key", "revoke", before, "--as", two, "--json").document
    restricted = ("--clearance", "PUB", "--purpose", "none", "--area", "none")
    narrowed = exchange("participant", "rights", "ncb-deu", *restricted, "--as", one, "--json").document
    widened = exchange(
        "participant", "rights", "ncb-deu", "--clearance", "OUO", *restricted[2:], "--as", one, "--json"
    ).document

    assert before != after
    assert revoked["state"] == narrowed["state"] == "applied"
    assert widened["state"] == "pending"
    assert exchange("participant", "approve", widened["change"], "--as", two, "--json").document["state"] == "applied"


def test_the_operator_gets_a_third_officer(exchange: Command, community: Community) -> None:
    """docs/operations.md, "Replacing keys": with two, the loss of one key would be the end of all widening."""
    one, two = community.officers
    three = one.parent / "three"
    for folder in ("keys", "state"):
        (three / folder).mkdir(parents=True, mode=0o700)
    shutil.copy2(one / "profile.toml", three)
    shutil.copy2(one / "keys" / "access.pem", three / "keys")

    request = exchange("key", "request", "--as", three, "--json").document
    change = exchange("key", "admit", request["request"], "--as", one, "--json").document["change"]
    exchange("participant", "approve", change, "--as", two)
    used = exchange("key", "use", "--as", three)
    own = exchange("key", "add", "access", "--as", three)
    lost = exchange("key", "revoke", officer(two), "--as", three, "--json").document

    assert (used.code, own.code, lost["state"]) == (0, 0, "applied")
    assert rotated(exchange, community, two, by=(one, three))[1] == officer(two)


def test_a_request_asked_for_twice_is_for_the_same_key(exchange: Command, community: Community) -> None:
    profile = ("--as", community.copy_of("ncb-ita").folder)

    first, again = (exchange("key", "request", *profile, "--json").document for _ in range(2))

    assert first == again


def test_whose_answer_was_lost_goes_on_with_the_key_that_was_registered(
    exchange: Command, community: Community, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made and registered, and then the line broke: the second try puts it in place and makes no other."""
    bureau = community.profile("ncb-fra")
    before = Profile.load(bureau).key(Use.MESSAGE)

    def broken(*_: object) -> None:
        raise OSError("the line broke")

    with monkeypatch.context() as line:
        line.setattr("exchange.client.rotation._put_in_place", broken)
        first = exchange("key", "add", "message", "--as", bureau)
    waiting = SigningKey.from_pem(next_path(Profile.load(bureau), Use.MESSAGE).read_bytes())
    second = exchange("key", "add", "message", "--as", bureau, "--json")

    now = Profile.load(bureau).key(Use.MESSAGE).public.kid
    kept = bureau / "keys" / f"message.{before.public.kid}.pem"
    assert (first.code, second.code) == (2, 0)
    assert now == waiting.public.kid == second.document["kid"]
    assert SigningKey.from_pem(kept.read_bytes()).public.kid == before.public.kid
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not next_path(Profile.load(bureau), Use.MESSAGE).exists()


def test_an_officer_key_does_not_register_itself(exchange: Command, community: Community) -> None:
    bureau = community.profile("ncb-fra")

    told = exchange("key", "add", "officer", "--as", bureau)
    unasked = exchange("key", "use", "--as", bureau)

    assert (told.code, unasked.code) == (2, 2)
    assert "key request" in told.err
    assert "no new officer key waits" in unasked.err


def test_a_request_that_is_none_is_refused_in_words(exchange: Command, community: Community, tmp_path: Path) -> None:
    one, _ = community.officers
    wrong = tmp_path / "officer-key.json"
    wrong.write_text('{"participant": "ncb-fra", "jwk": {}, "not_before": "", "not_after": ""}')

    told = exchange("key", "admit", wrong, "--as", one)

    assert told.code == 2
    assert "is no request for an officer key" in told.err
