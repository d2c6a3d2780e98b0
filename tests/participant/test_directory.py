"""What a directory answers: in order, at a moment, and never less than once was true of a key."""

from dataclasses import replace
from datetime import timedelta

from exchange.jose import SigningKey
from exchange.label import Tier
from exchange.participant import ChangeKind, Key, Status, Use
from tests import world
from tests.world import NOW

WORLD = world.network()
DIRECTORY = WORLD.directory
INSTANT = timedelta(microseconds=1)


def a_key(**members: object) -> Key:
    plain = Key(
        verifying=SigningKey.generate().public,
        use=Use.MESSAGE,
        not_before=NOW,
        not_after=NOW + timedelta(days=1),
    )
    return replace(plain, **members)  # type: ignore[arg-type]


def test_a_key_is_valid_from_its_first_moment_on_and_before_its_last() -> None:
    key = a_key()

    assert not key.valid_at(NOW - INSTANT)
    assert key.valid_at(NOW)
    assert key.valid_at(NOW + timedelta(days=1) - INSTANT)
    assert not key.valid_at(NOW + timedelta(days=1))


def test_a_revoked_key_is_valid_at_no_moment() -> None:
    revoked = a_key(revoked_at=NOW + timedelta(hours=1))

    assert not any(revoked.valid_at(NOW + timedelta(minutes=m)) for m in (0, 30, 60, 90))


def test_a_key_is_found_for_its_one_use_only() -> None:
    member = WORLD["ncb-fra"]
    participant = DIRECTORY.participants["ncb-fra"]

    for use, key in ((Use.MESSAGE, member.message), (Use.ACCESS, member.access), (Use.OFFICER, member.officer)):
        assert set(participant.keys_for(use)) == {key.public.kid}


def test_a_key_is_found_after_its_revocation_too() -> None:
    """So that what it signed before can be told from what a stranger signs."""
    own = world.network()
    kid = own["ncb-fra"].message.public.kid

    after = own.fold(own.signed(ChangeKind.KEY_REVOKE, own.officers[0], participant="ncb-fra", kid=kid, reason="lost"))

    assert kid in after.participants["ncb-fra"].keys_for(Use.MESSAGE)
    owner = after.owner_of(kid)
    assert owner is not None
    assert owner.id == "ncb-fra"
    assert not owner.keys[kid].valid_at(own.now)


def test_participants_come_in_the_order_of_their_ids() -> None:
    ids = [p.id for p in DIRECTORY]

    assert ids == sorted(ids)
    assert [p.id for p in DIRECTORY.of_tier(Tier.T3)] == ["agy-drugs", "agy-wildlife"]
    assert [p.id for p in DIRECTORY.of_country("FRA")] == ["ncb-fra"]
    assert list(DIRECTORY.of_country("XXX")) == []


def test_nobody_owns_a_key_that_was_never_registered() -> None:
    assert DIRECTORY.owner_of(SigningKey.generate().public.kid) is None
    assert DIRECTORY.get("ncb-xxx") is None


def test_every_key_has_the_owner_who_holds_it() -> None:
    held = {kid: participant.id for participant in DIRECTORY for kid in participant.keys}

    assert DIRECTORY.owners == held


def test_a_snapshot_does_not_change_when_the_world_moves_on() -> None:
    own = world.network()
    before, participants = own.directory, dict(own.directory.participants)

    own.admit("ncb-bel", "BEL")

    assert before.participants == participants
    assert "ncb-bel" not in before.participants
    assert own.directory.version > before.version


def test_a_suspended_participant_is_not_active() -> None:
    participant = DIRECTORY.participants["ncb-fra"]

    assert participant.active
    assert not replace(participant, status=Status.SUSPENDED).active
