"""What a change makes of the directory, once, and what no signature can make of it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import participant
from exchange.jose import Kind, SigningKey, sign
from exchange.label import Classification, Tier
from exchange.participant import ChangeKind, Directory, SignedChange, Status, Use, policy_digest
from exchange.refusal import Reason
from tests import world
from tests.jose.forgery import malleated
from tests.participant.changes import CHANGES, FRA, NETWORK, POLICY, admit, key_add, key_revoke, rights, status
from tests.refused import outcome, refused
from tests.world import Entry, World, one_byte_changed, schemas, window

SECOND = timedelta(seconds=1)
GATE = (Reason.JWS_MALFORMED, Reason.JWS_HEADER, Reason.UNKNOWN_KEY, Reason.BAD_SIGNATURE)


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_folded_is_what_was_judged(net: World, name: str) -> None:
    weight, kind, content = CHANGES[name]
    signers = (FRA.officer,) if weight == "own" else net.officers
    signed = net.signed(kind, *signers, **content)

    judged = net.judge(signed)
    folded = net.fold(signed)

    assert folded == judged.result
    assert folded.version == NETWORK.directory.version + 1
    assert folded.changes - NETWORK.directory.changes == {judged.change.id}


@pytest.mark.parametrize("name", [name for name, (weight, _, _) in CHANGES.items() if weight == "widens"])
def test_a_change_that_waits_for_an_officer_is_no_history(net: World, name: str) -> None:
    _, kind, content = CHANGES[name]

    with refused(Reason.HISTORY_WRONG):
        net.fold(net.signed(kind, net.officers[0], **content))


def folded(own: World, history: list[Entry]) -> Directory:
    """As a gateway or a client folds it: from genesis on."""
    directory = own.genesis.directory
    for entry in history:
        directory = participant.fold(directory, entry.signed, position=entry.position, at=entry.at, schemas=schemas())
    return directory


def test_a_history_leads_everybody_to_the_same_directory() -> None:
    assert folded(NETWORK, NETWORK.history) == NETWORK.directory


def test_a_history_with_a_change_left_out_leads_elsewhere_or_nowhere() -> None:
    own = world.found()
    own.admit("ncb-fra", "FRA")

    for missing in range(len(own.history)):
        rest = own.history[:missing] + own.history[missing + 1 :]
        assert outcome(lambda rest=rest: folded(own, rest)) != own.directory  # type: ignore[misc]


# What the changes make of it


def test_an_admission_brings_officers_and_no_rights(net: World) -> None:
    admitted = net.fold(net.signed(ChangeKind.ADMIT, *net.officers, **admit())).participants["ncb-bel"]

    assert (admitted.tier, admitted.country, admitted.active) == (Tier.T1, "BEL", True)
    assert admitted.clearance == Classification.OUO
    assert admitted.purposes == admitted.crime_areas == frozenset()
    assert {key.use for key in admitted.keys.values()} == {Use.OFFICER}


def test_rights_take_the_place_of_those_before(net: World) -> None:
    changed = net.fold(net.signed(ChangeKind.RIGHTS, *net.officers, **rights("CON", ("P1", "P2"), ("VEH",))))

    member = changed.participants["ncb-fra"]
    assert member.clearance == Classification.CON
    assert member.purposes == frozenset({"P1", "P2"})
    assert member.crime_areas == frozenset({"VEH"})
    assert changed.participants["ncb-ita"] == NETWORK.directory.participants["ncb-ita"]


def test_a_participant_is_suspended_by_one_and_back_by_two(net: World) -> None:
    net.fold(net.signed(ChangeKind.STATUS, net.officers[0], **status(Status.SUSPENDED)))
    assert not net.directory.participants["ncb-fra"].active

    assert net.judge(net.signed(ChangeKind.STATUS, net.officers[0], **status(Status.ACTIVE))).missing == 1
    net.fold(net.signed(ChangeKind.STATUS, *net.officers, **status(Status.ACTIVE)))

    assert net.directory.participants["ncb-fra"].active


def test_a_key_is_revoked_as_of_the_change(net: World) -> None:
    net.now += SECOND

    net.fold(net.signed(ChangeKind.KEY_REVOKE, FRA.officer, **key_revoke(FRA.message)))

    key = net.directory.participants["ncb-fra"].keys[FRA.message.public.kid]
    assert key.revoked_at == net.now
    assert not key.valid_at(net.now)


def test_a_policy_set_in_force_is_named_by_its_digest(net: World) -> None:
    net.fold(net.signed(ChangeKind.POLICY, *net.officers, policy=POLICY))

    assert net.directory.policy == policy_digest(POLICY)


# Once


def test_a_change_counts_once(net: World) -> None:
    signed = net.signed(ChangeKind.RIGHTS, net.officers[0], **rights("OUO"))
    net.fold(signed)
    net.fold(net.signed(ChangeKind.RIGHTS, *net.officers, **rights("RES")))

    for again in (signed, SignedChange(change=malleated(signed.change))):
        with refused(Reason.CHANGE_WRONG):
            net.judge(again)
    with refused(Reason.HISTORY_WRONG):
        net.fold(signed)


def test_an_id_that_was_used_is_used_for_any_content(net: World) -> None:
    id = world.fresh_id()
    net.fold(net.signed(ChangeKind.POLICY, *net.officers, id=id, policy=POLICY))

    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.STATUS, net.officers[0], id=id, **status(Status.SUSPENDED)))


# Kids


def test_a_kid_never_comes_back(net: World) -> None:
    old = FRA.message
    net.fold(net.signed(ChangeKind.KEY_REVOKE, FRA.officer, **key_revoke(old)))
    italian = NETWORK["ncb-ita"].officer
    again = [
        net.signed(ChangeKind.KEY_ADD, FRA.officer, **key_add(Use.MESSAGE, old)),
        net.signed(ChangeKind.KEY_ADD, FRA.officer, **key_add(Use.ACCESS, old)),
        net.signed(ChangeKind.KEY_ADD, italian, **key_add(Use.MESSAGE, old, "ncb-ita")),
        net.signed(ChangeKind.KEY_ADD, *net.officers, **key_add(Use.OFFICER, old)),
        net.signed(ChangeKind.ADMIT, *net.officers, **admit(officers=[{"jwk": old.public.jwk, **window(net.now)}])),
        net.signed(ChangeKind.KEY_REVOKE, FRA.officer, **key_revoke(old)),
    ]

    for signed in again:
        with refused(Reason.CHANGE_WRONG):
            net.judge(signed)


def test_a_key_in_use_is_nobody_elses(net: World) -> None:
    italian = NETWORK["ncb-ita"].officer

    for key in (FRA.message, FRA.access, FRA.officer, *net.officers):
        with refused(Reason.CHANGE_WRONG):
            net.judge(net.signed(ChangeKind.KEY_ADD, italian, **key_add(Use.MESSAGE, key, "ncb-ita")))


def test_a_key_is_revoked_at_its_own_participant_only(net: World) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.KEY_REVOKE, net.officers[0], **key_revoke(FRA.message, "ncb-ita")))
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.KEY_REVOKE, net.officers[0], **key_revoke(SigningKey.generate())))


# The operator


def test_the_operator_keeps_two_officers() -> None:
    net = world.found(officers=3)
    one, two, three = net.officers

    net.fold(net.signed(ChangeKind.KEY_REVOKE, one, **key_revoke(three, world.OPERATOR)))

    for signer, leaving in ((one, two), (two, one), (one, one)):
        with refused(Reason.CHANGE_WRONG):
            net.judge(net.signed(ChangeKind.KEY_REVOKE, signer, **key_revoke(leaving, world.OPERATOR)))


def test_an_officer_whose_time_is_over_is_not_counted() -> None:
    net = world.found(officers=2)
    third = SigningKey.generate()
    short = window(net.now, timedelta(days=1))
    net.fold(net.signed(ChangeKind.KEY_ADD, *net.officers, **key_add(Use.OFFICER, third, world.OPERATOR, **short)))
    revocation = key_revoke(net.officers[1], world.OPERATOR)

    assert net.judge(net.signed(ChangeKind.KEY_REVOKE, net.officers[0], **revocation)).missing == 0
    net.now += timedelta(days=1)

    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.KEY_REVOKE, net.officers[0], **revocation))


def test_the_operator_is_neither_suspended_nor_admitted_again(net: World) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.STATUS, net.officers[0], **status(Status.SUSPENDED, world.OPERATOR)))
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.ADMIT, *net.officers, **admit(participant=world.OPERATOR)))


# What an admission must be


@pytest.mark.parametrize("training", [True, False])
def test_exercise_participants_are_admitted_in_training_and_real_ones_elsewhere(training: bool) -> None:
    net = world.found(training=training)

    assert net.judge(net.signed(ChangeKind.ADMIT, *net.officers, **admit(exercise=training))).missing == 0
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.ADMIT, *net.officers, **admit(exercise=not training)))


def _same_key_twice() -> list[dict[str, Any]]:
    jwk = SigningKey.generate().public.jwk
    return [{"jwk": jwk, **window(world.NOW)}, {"jwk": jwk, **window(world.NOW, timedelta(days=1))}]


@pytest.mark.parametrize(
    "members",
    [{"participant": "ncb-fra"}, {"tier": "T0"}, {"officers": _same_key_twice()}],
    ids=["known already", "as another operator", "one officer under two names"],
)
def test_an_admission_that_does_not_fit_is_refused(net: World, members: dict[str, Any]) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.ADMIT, *net.officers, **admit(**members)))


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (ChangeKind.RIGHTS, rights() | {"participant": "ncb-xxx"}),
        (ChangeKind.STATUS, status(Status.SUSPENDED, "ncb-xxx")),
        (ChangeKind.STATUS, status(Status.ACTIVE, "ncb-xxx")),
        (ChangeKind.KEY_ADD, key_add(Use.OFFICER, participant="ncb-xxx")),
        (ChangeKind.KEY_REVOKE, key_revoke(FRA.message, "ncb-xxx")),
    ],
)
def test_nothing_changes_about_whom_nobody_knows(net: World, kind: ChangeKind, content: Any) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(kind, *net.officers, **content))


# Bytes


def test_a_change_with_any_byte_changed_is_refused(net: World) -> None:
    signed = net.signed(ChangeKind.RIGHTS, *net.officers, **rights("CON"))

    for changed in one_byte_changed(signed.change):
        with refused(*GATE):
            net.judge(SignedChange(change=changed, approvals=signed.approvals))
    for changed in one_byte_changed(signed.approvals[0]):
        with refused(*GATE):
            net.judge(SignedChange(change=signed.change, approvals=(changed,)))


def test_a_change_signed_as_another_kind_of_token_is_refused(net: World) -> None:
    for kind in (Kind.APPROVAL, Kind.MESSAGE, Kind.ACKNOWLEDGEMENT, Kind.ASSERTION):
        token = sign(b"{}", kind, net.officers[0])
        with refused(Reason.JWS_HEADER):
            net.judge(SignedChange(change=token))


@given(token=st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_change(token: bytes) -> None:
    assert outcome(lambda: NETWORK.judge(SignedChange(change=token))) in GATE
