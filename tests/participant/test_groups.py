"""Groups: who is in one and when; two officers of the operator let somebody in, one takes somebody out."""

from datetime import timedelta
from typing import Any

import pytest

from exchange import instant
from exchange.participant import ChangeKind
from exchange.refusal import Reason
from tests import world
from tests.participant.changes import FRA, NETWORK
from tests.refused import refused
from tests.world import World

ONE, TWO = NETWORK.officers
DAY = timedelta(days=1)


def at(moment: timedelta) -> str:
    return instant.write(world.NOW + moment)


def member(id: str, since: timedelta = -DAY, until: timedelta | None = None) -> dict[str, str]:
    return {"participant": id, "from": at(since)} | ({} if until is None else {"until": at(until)})


def harbour(*members: dict[str, str]) -> dict[str, Any]:
    return {"group": "OP-HARBOUR", "name": "Operation Harbour", "members": list(members)}


STOOD = (member("ncb-fra"), member("ncb-ita", until=9 * DAY))


@pytest.fixture
def net(net: World) -> World:
    net.fold(net.signed(ChangeKind.GROUP, ONE, TWO, **harbour(*STOOD)))
    return net


def test_a_group_takes_the_place_of_the_one_of_its_code(net: World) -> None:
    net.fold(net.signed(ChangeKind.GROUP, ONE, TWO, **harbour(member("ncb-deu"))))

    (group,) = net.directory.groups.values()
    assert (group.code, group.name) == ("OP-HARBOUR", "Operation Harbour")
    assert [one.participant for one in group.members] == ["ncb-deu"]


def test_a_membership_holds_from_its_first_moment_on_and_before_its_last() -> None:
    net = NETWORK.branch()
    net.fold(net.signed(ChangeKind.GROUP, ONE, TWO, **harbour(member("ncb-fra", timedelta(), DAY))))
    (one,) = net.directory.groups["OP-HARBOUR"].members
    instants = (world.NOW - timedelta(microseconds=1), world.NOW, world.NOW + DAY - timedelta(microseconds=1))

    assert [one.holds(moment) for moment in (*instants, world.NOW + DAY)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("members", "officers"),
    [
        (STOOD, 1),
        ((), 1),
        ((member("ncb-fra"),), 1),
        ((member("ncb-fra", until=DAY), member("ncb-ita", until=9 * DAY)), 1),
        ((member("ncb-fra", since=DAY),), 1),
        ((member("ncb-fra", since=-2 * DAY),), 2),
        ((member("ncb-ita", until=10 * DAY),), 2),
        ((member("ncb-ita"),), 2),
        ((*STOOD, member("ncb-deu")), 2),
        ((member("ncb-deu"),), 2),
    ],
)
def test_one_officer_takes_out_and_two_let_in(net: World, members: tuple[dict[str, str], ...], officers: int) -> None:
    alone = net.judge(net.signed(ChangeKind.GROUP, ONE, **harbour(*members)))
    both = net.judge(net.signed(ChangeKind.GROUP, ONE, TWO, **harbour(*members)))

    assert (alone.missing, both.missing) == (officers - 1, 0)


def test_a_group_that_nobody_knew_takes_two() -> None:
    net = NETWORK.branch()

    assert net.judge(net.signed(ChangeKind.GROUP, ONE, **harbour())).missing == 1


@pytest.mark.parametrize("id", ["ncb-xxx", world.OPERATOR, "aud-exchange"])
def test_who_gets_nothing_by_addressing_is_in_no_group(net: World, id: str) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.GROUP, ONE, TWO, **harbour(member(id))))


def test_a_membership_ends_after_it_begins(net: World) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.GROUP, ONE, TWO, **harbour(member("ncb-fra", DAY, DAY))))


def test_nobody_else_says_who_is_in_a_group(net: World) -> None:
    for signers in ((FRA.officer,), (ONE, FRA.officer)):
        with refused(Reason.NOT_AN_OFFICER):
            net.judge(net.signed(ChangeKind.GROUP, *signers, **harbour()))
