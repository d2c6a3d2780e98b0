"""Who may change the directory: widening takes two of the operator's officers, narrowing one, at their time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import participant
from exchange.jose import SigningKey
from exchange.label import Classification
from exchange.participant import ChangeKind, Directory, SignedChange, Status, Use
from exchange.refusal import Reason
from tests import world
from tests.jose.forgery import malleated
from tests.participant.changes import CHANGES, FRA, NETWORK, admit, key_add, key_revoke, rights, status
from tests.refused import outcome, refused
from tests.world import World

SECOND = timedelta(seconds=1)


# Who may make which change

APPLIED, PENDING = "applied", "pending"
NOT, TWICE, UNKNOWN = Reason.NOT_AN_OFFICER, Reason.ALREADY_APPROVED, Reason.UNKNOWN_KEY
WEIGHTS = ("widens", "narrows", "own", "own or narrows")


def whatever(came_of_it: Reason) -> dict[str, str | Reason]:
    return dict.fromkeys(WEIGHTS, came_of_it)


KEYS = {
    "one": NETWORK.officers[0],  # the operator's
    "two": NETWORK.officers[1],
    "own": FRA.officer,
    "foreign": NETWORK["ncb-ita"].officer,
    "own message key": FRA.message,
    "operator's access key": NETWORK.access,
    "stranger": SigningKey.generate(),
}
TABLE: dict[
    tuple[str, ...], dict[str, str | Reason]
] = {  # signers, the first of whom proposes: what becomes of it, for each weight
    ("one",): {"widens": PENDING, "narrows": APPLIED, "own": NOT, "own or narrows": APPLIED},
    ("two",): {"widens": PENDING, "narrows": APPLIED, "own": NOT, "own or narrows": APPLIED},
    ("one", "two"): {"widens": APPLIED, "narrows": APPLIED, "own": NOT, "own or narrows": APPLIED},
    ("two", "one"): {"widens": APPLIED, "narrows": APPLIED, "own": NOT, "own or narrows": APPLIED},
    ("own",): {"widens": NOT, "narrows": NOT, "own": APPLIED, "own or narrows": APPLIED},
    ("one", "own"): {"widens": NOT, "narrows": NOT, "own": NOT, "own or narrows": APPLIED},
    ("own", "one"): {"widens": NOT, "narrows": NOT, "own": NOT, "own or narrows": APPLIED},
    ("own", "one", "two"): {"widens": NOT, "narrows": NOT, "own": NOT, "own or narrows": APPLIED},
    ("one", "one"): whatever(TWICE),
    ("own", "own"): whatever(TWICE),
    ("one", "two", "one"): whatever(TWICE),
    ("foreign",): whatever(NOT),
    ("one", "foreign"): whatever(NOT),
    ("own message key",): whatever(UNKNOWN),
    ("operator's access key",): whatever(UNKNOWN),
    ("one", "operator's access key"): whatever(UNKNOWN),
    ("stranger",): whatever(UNKNOWN),
    ("one", "stranger"): whatever(UNKNOWN),
}


@pytest.mark.parametrize("signers", TABLE, ids=", ".join)
@pytest.mark.parametrize("name", CHANGES)
def test_who_may_make_which_change(net: World, name: str, signers: tuple[str, ...]) -> None:
    weight, kind, content = CHANGES[name]
    signed = net.signed(kind, *(KEYS[signer] for signer in signers), **content)

    judged = outcome(lambda: net.judge(signed))

    if isinstance(judged, Reason):
        assert judged is TABLE[signers][weight]
    else:
        assert (PENDING if judged.missing else APPLIED) == TABLE[signers][weight]
        assert judged.signers == tuple(KEYS[signer].public.kid for signer in signers)


# Officers whose time is over


def test_a_revoked_officer_signs_nothing_more(net: World) -> None:
    net.fold(net.signed(ChangeKind.KEY_REVOKE, net.officers[0], **key_revoke(FRA.officer)))

    with refused(Reason.KEY_NOT_VALID):
        net.judge(net.signed(ChangeKind.KEY_ADD, FRA.officer, **key_add(Use.MESSAGE)))


def test_a_revoked_officer_approves_nothing_more() -> None:
    net = world.found(officers=3)
    one, two, three = net.officers
    waiting = net.signed(ChangeKind.ADMIT, one, three, **admit())
    assert net.judge(waiting).missing == 0

    net.fold(net.signed(ChangeKind.KEY_REVOKE, two, **key_revoke(three, world.OPERATOR)))

    with refused(Reason.KEY_NOT_VALID):
        net.judge(waiting)


@pytest.mark.parametrize("offset", [-timedelta(days=1), timedelta(days=730)], ids=["before", "after"])
def test_an_officer_signs_within_the_time_of_the_key_only(net: World, offset: timedelta) -> None:
    net.now += offset

    with refused(Reason.KEY_NOT_VALID):
        net.judge(net.signed(ChangeKind.KEY_ADD, FRA.officer, **key_add(Use.MESSAGE)))


@pytest.mark.parametrize(
    ("age", "timely"),
    [
        (timedelta(days=30), True),
        (timedelta(days=30) + SECOND, False),
        (timedelta(seconds=-10), True),
        (timedelta(seconds=-11), False),
    ],
    ids=["thirty days", "a second more", "ten seconds ahead", "a second more ahead"],
)
def test_a_change_is_folded_within_thirty_days(age: timedelta, timely: bool) -> None:
    net = world.found(now=world.NOW - timedelta(days=60))
    net.now = world.NOW
    signed = net.signed(ChangeKind.ADMIT, *net.officers, made_at=net.now - age, **admit())

    judged = outcome(lambda: net.judge(signed))

    assert judged is not Reason.OUT_OF_TIME if timely else judged is Reason.OUT_OF_TIME


# Approvals


def test_an_approval_is_for_this_change_and_no_other(net: World) -> None:
    one, two = net.officers
    change, other = (net.change(ChangeKind.RIGHTS, one, **rights(clearance)) for clearance in ("CON", "CON"))
    wrong = [
        net.approval(other, two),
        net.approval(change, two, change=world.fresh_id()),
        net.approval(change, two, digest="0" * 64),
        net.approval(change, two, digest=participant.digest_of(other)),
    ]

    assert net.judge(SignedChange(change=change, approvals=(net.approval(change, two),))).missing == 0
    for approval in wrong:
        with refused(Reason.CHANGE_WRONG):
            net.judge(SignedChange(change=change, approvals=(approval,)))


def test_an_approval_does_not_outlive_a_change_of_its_words(net: World) -> None:
    """Same id, same officer, more rights: nobody turns what the second officer agreed to into something else."""
    one, two = net.officers
    id = world.fresh_id()
    agreed = net.change(ChangeKind.RIGHTS, one, id=id, **rights("RES", ("P3", "P4")))
    turned = net.change(ChangeKind.RIGHTS, one, id=id, **rights("CON", ("P3", "P4")))

    with refused(Reason.CHANGE_WRONG):
        net.judge(SignedChange(change=turned, approvals=(net.approval(agreed, two),)))


def test_an_approval_holds_for_the_malleated_change_too(net: World) -> None:
    """It names what was signed; whoever carries the change cannot make the approval void by turning its signature."""
    signed = net.signed(ChangeKind.RIGHTS, *net.officers, **rights("CON"))

    assert net.judge(SignedChange(change=malleated(signed.change), approvals=signed.approvals)).missing == 0


def test_what_was_signed_for_another_exchange_is_refused(net: World) -> None:
    elsewhere = net.branch()
    elsewhere.directory = replace(net.directory, origin="exchange.example")
    foreign = elsewhere.signed(ChangeKind.RIGHTS, *net.officers, **rights("CON"))
    half = SignedChange(change=net.change(ChangeKind.RIGHTS, net.officers[0], **rights("CON")))
    approval = net.approval(half.change, net.officers[1], origin="exchange.example")

    assert elsewhere.judge(foreign).missing == 0
    with refused(Reason.WRONG_EXCHANGE):
        net.judge(foreign)
    with refused(Reason.WRONG_EXCHANGE):
        net.judge(SignedChange(change=half.change, approvals=(approval,)))


# One officer alone

alone = st.one_of(
    st.builds(
        lambda clearance, purposes, areas: (ChangeKind.RIGHTS, rights(clearance, purposes, areas)),
        st.sampled_from(["PUB", "OUO", "RES", "CON"]),
        st.lists(st.sampled_from(["P1", "P3", "P4"]), unique=True, max_size=3).map(tuple),
        st.lists(st.sampled_from(["DRG", "VEH"]), unique=True, max_size=2).map(tuple),
    ),
    st.sampled_from(Status).map(lambda to: (ChangeKind.STATUS, status(to))),
    st.sampled_from([FRA.message, FRA.access, FRA.officer]).map(lambda key: (ChangeKind.KEY_REVOKE, key_revoke(key))),
    st.sampled_from(Use).map(lambda use: (ChangeKind.KEY_ADD, key_add(use))),
    st.just((ChangeKind.ADMIT, admit())),
)


def rights_in(directory: Directory, net: World) -> set[tuple[str, str, object]]:
    """Everything that anybody may, and every key that anybody may use, now."""
    held: set[tuple[str, str, object]] = set()
    for member in directory:
        held |= {(member.id, "reads", rank) for rank in Classification if rank <= member.clearance}
        held |= {(member.id, "purpose", purpose) for purpose in member.purposes}
        held |= {(member.id, "area", area) for area in member.crime_areas}
        held |= {(member.id, "signs", kid) for kid, key in member.keys.items() if key.valid_at(net.now)}
        held |= {(member.id, "acts", True)} if member.active else set()
    return held


@given(changes=st.lists(alone, min_size=1, max_size=6))
@settings(max_examples=60)
def test_one_officer_of_the_operator_alone_never_adds_a_right(changes: list[tuple[ChangeKind, Any]]) -> None:
    net = NETWORK.branch()

    for kind, content in changes:
        before = rights_in(net.directory, net)
        signed = net.signed(kind, net.officers[0], **content)
        outcome(lambda signed=signed: net.fold(signed))  # type: ignore[misc]
        assert rights_in(net.directory, net) <= before


def test_two_officers_add_a_right(net: World) -> None:
    """The control of the law above."""
    before = rights_in(net.directory, net)

    net.fold(net.signed(ChangeKind.RIGHTS, *net.officers, **rights("CON")))

    assert rights_in(net.directory, net) > before
