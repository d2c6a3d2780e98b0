"""Agreements: two officers of the operator conclude them with agencies and partners, one narrows or ends them."""

from datetime import timedelta
from typing import Any

import pytest

from exchange import instant
from exchange.label import Tier
from exchange.participant import ChangeKind
from exchange.refusal import Reason
from tests import world
from tests.participant.changes import FRA, NETWORK
from tests.refused import refused
from tests.world import World, agreed

AGENCY = "agy-wildlife"
ONE, TWO = NETWORK.officers
DAY = timedelta(days=1)


def stated(**members: Any) -> dict[str, Any]:
    """Two types and an area, for the time of the agreement that there is."""
    return agreed(AGENCY, world.NOW, types=["feedback", "message"], crime_areas=["ENV"]) | members


def at(moment: timedelta) -> str:
    return instant.write(world.NOW + moment)


@pytest.fixture
def net(net: World) -> World:
    net.fold(net.signed(ChangeKind.AGREEMENT, ONE, TWO, **stated()))
    return net


def test_an_agreement_takes_the_place_of_the_one_before(net: World) -> None:
    found = net.directory.participants[AGENCY].agreement

    assert found is not None
    assert found.types == {"feedback", "message"}
    assert found.crime_areas == {"ENV"}
    assert found.covers("message", ["ENV.WLD"], net.now)
    assert not found.covers("message", ["DRG"], net.now)


@pytest.mark.parametrize(
    ("members", "officers"),
    [
        ({}, 1),
        ({"types": ["message"]}, 1),
        ({"crime_areas": ["ENV.WLD"]}, 1),
        ({"until": at(DAY)}, 1),
        ({"until": at(timedelta())}, 1),
        ({"from": at(DAY)}, 1),
        ({"types": [], "crime_areas": []}, 1),
        ({"types": ["message", "information-request"]}, 2),
        ({"crime_areas": ["ENV", "DRG"]}, 2),
        ({"until": at(366 * DAY)}, 2),
        ({"from": at(-DAY)}, 2),
        ({"types": ["message"], "until": at(366 * DAY)}, 2),
    ],
    ids=str,
)
def test_one_officer_narrows_an_agreement_and_two_widen_it(net: World, members: dict[str, Any], officers: int) -> None:
    alone = net.judge(net.signed(ChangeKind.AGREEMENT, ONE, **stated(**members)))
    both = net.judge(net.signed(ChangeKind.AGREEMENT, ONE, TWO, **stated(**members)))

    assert alone.missing == officers - 1
    assert both.missing == 0


def test_the_first_agreement_takes_two_officers() -> None:
    net = world.found()
    net.admit("prt-museum", "FRA", Tier.T4)

    proposed = net.judge(net.signed(ChangeKind.AGREEMENT, net.officers[0], **agreed("prt-museum", net.now)))

    assert proposed.missing == 1


def test_nobody_else_concludes_an_agreement(net: World) -> None:
    for signers in ((FRA.officer,), (NETWORK[AGENCY].officer,), (ONE, NETWORK[AGENCY].officer)):
        with refused(Reason.NOT_AN_OFFICER):
            net.judge(net.signed(ChangeKind.AGREEMENT, *signers, **stated()))


@pytest.mark.parametrize("id", ["ncb-fra", "aud-exchange", world.OPERATOR, "agy-unknown"])
def test_who_takes_part_in_its_own_right_has_no_agreement(net: World, id: str) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.AGREEMENT, ONE, TWO, **stated(participant=id)))


def test_an_agreement_ends_after_it_begins(net: World) -> None:
    with refused(Reason.CHANGE_WRONG):
        net.judge(net.signed(ChangeKind.AGREEMENT, ONE, TWO, **stated(**{"from": at(DAY), "until": at(DAY)})))
