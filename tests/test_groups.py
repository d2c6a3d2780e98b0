"""Groups in recipients and labels: who belongs is asked at the moment, and only members may ask."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import addressing, routing
from exchange.envelope import Recipient, ToCountry, ToGroup
from exchange.label import Label, Mode, Releasability
from exchange.participant import Group, Membership, ParticipantId
from exchange.policy import PolicySet, Standing, may_post
from exchange.refusal import Reason, Refusal
from exchange.routing import Routing
from tests import network
from tests.network import NOW, label, message, shipped_texts

POLICY = PolicySet.load(shipped_texts())
HOUR = timedelta(hours=1)
SENDER = ParticipantId("ncb-fra")
HARBOUR = ToGroup("OP-HARBOUR")


def member(id: str, since: datetime = NOW - HOUR, until: datetime | None = None) -> Membership:
    return Membership(participant=ParticipantId(id), since=since, until=until)


def under(*members: Membership, code: str = "OP-HARBOUR") -> Standing:
    groups = {code: Group(code=code, name="Harbour", members=members), "REG-SOUTH": SOUTH}
    return Standing(directory=replace(network.directory(*network.network()), groups=groups), policy=POLICY)


SOUTH = Group(code="REG-SOUTH", name="South", members=(member("ncb-bra"),))
FRA, ITA, DEU = member("ncb-fra"), member("ncb-ita"), member("ncb-deu")


def route(marked: Label, *to: Recipient | str, standing: Standing, now: datetime = NOW) -> Routing:
    sent = message(marked, *to)
    return routing.route(may_post(POLICY, sent, standing.directory.participants[SENDER], now), standing, now)


def released(routed: Routing) -> list[str]:
    return [who.id for who in routed.released]


def only(*codes: str, exclude: tuple[str, ...] = ()) -> Label:
    return label(releasable_to=Releasability(mode=Mode.ONLY, include=frozenset(codes), exclude=frozenset(exclude)))


def all_but(*codes: str) -> Label:
    return label(releasable_to=Releasability(mode=Mode.ALL_MINUS, exclude=frozenset(codes)))


# Addressed


def test_a_group_is_those_who_belong_to_it_now() -> None:
    standing = under(FRA, ITA, member("ncb-deu", until=NOW), member("ncb-bra", since=NOW + HOUR))

    assert released(route(label(), HARBOUR, standing=standing)) == ["ncb-ita"]
    assert released(route(label(), HARBOUR, standing=standing, now=NOW + HOUR)) == ["ncb-bra", "ncb-ita"]


@pytest.mark.parametrize(
    "members",
    [(ITA, DEU), (member("ncb-fra", until=NOW), ITA), (member("ncb-fra", since=NOW + HOUR), ITA)],
    ids=["never in it", "no more", "not yet"],
)
def test_a_group_that_one_is_not_in_is_none(members: tuple[Membership, ...]) -> None:
    refusals = []
    for standing in (under(*members), under(*members, code="OP-OTHER")):
        with pytest.raises(Refusal) as refused:
            route(label(), HARBOUR, standing=standing)
        refusals.append((refused.value.reason, refused.value.faults))

    assert refusals[0] == refusals[1]
    assert refusals[0][0] is Reason.UNKNOWN_RECIPIENT


# In labels


@pytest.mark.parametrize(
    ("marked", "reach"),
    [
        (only("OP-HARBOUR"), ["ncb-ita"]),
        (only("OP-HARBOUR", "DEU"), ["ncb-deu", "ncb-ita"]),
        (only("ITA", "DEU", exclude=("OP-HARBOUR",)), ["ncb-deu"]),
        (all_but("OP-HARBOUR"), ["ncb-bra", "ncb-deu"]),
        (all_but("OP-HARBOUR", "DEU"), ["ncb-bra"]),
    ],
)
def test_a_label_names_groups_as_it_names_countries(marked: Label, reach: list[str]) -> None:
    routed = route(marked, "ncb-ita", "ncb-deu", "ncb-bra", standing=under(FRA, ITA))

    assert released(routed) == reach


def test_two_of_one_country_may_belong_to_different_groups() -> None:
    standing = under(FRA, member("ent-fra-customs"))

    routed = route(all_but("OP-HARBOUR"), ToCountry("FRA"), "ncb-ita", standing=standing)

    assert {o.participant.id: o.released for o in routed.outcomes} == {
        "ent-fra-customs": False,
        "prt-museum": False,
        "ncb-ita": True,
    }
    assert released(route(only("OP-HARBOUR"), ToCountry("FRA"), standing=standing)) == ["ent-fra-customs"]


def test_a_label_names_no_group_that_its_sender_is_not_in() -> None:
    for marked in (only("REG-SOUTH"), all_but("REG-SOUTH"), only("OP-HARBOUR", "REG-NONE")):
        with pytest.raises(Refusal) as refused:
            route(marked, "ncb-ita", standing=under(FRA, ITA))
        assert refused.value.reason is Reason.UNKNOWN_RECIPIENT
        assert [fault.path for fault in refused.value.faults] == ["/label/releasable_to"]


def test_who_left_a_group_reads_no_more_what_is_for_the_group() -> None:
    def reads(marked: Label, now: datetime) -> bool:
        standing = under(FRA, member("ncb-ita", until=NOW + HOUR))
        return routing.reads(standing, network.held(marked, SENDER), ParticipantId("ncb-ita"), now, "")

    assert reads(only("OP-HARBOUR"), NOW)
    assert not reads(only("OP-HARBOUR"), NOW + HOUR)


def test_a_decision_is_valid_until_a_membership_begins_or_ends() -> None:
    standing = under(member("ncb-fra", until=NOW + 2 * HOUR), member("ncb-ita", since=NOW + HOUR))

    assert list(addressing.edges(standing, label(), [ToCountry("DEU")])) == []
    for found in (addressing.edges(standing, label(), [HARBOUR]), addressing.edges(standing, only("OP-HARBOUR"))):
        assert {NOW + HOUR, NOW + 2 * HOUR} <= set(found)


# Labels compared

CODES = ("FRA", "ITA", "DEU", "OP-HARBOUR", "REG-SOUTH")
codes = st.frozensets(st.sampled_from(CODES), max_size=3)
circles: st.SearchStrategy[Releasability] = st.one_of(
    st.just(Releasability(mode=Mode.ALL)),
    st.builds(Releasability, mode=st.just(Mode.ALL_MINUS), exclude=codes),
    st.builds(Releasability, mode=st.just(Mode.ONLY), include=codes, exclude=codes),
)
belongings = st.tuples(
    st.sampled_from(("FRA", "ITA", "DEU", "BRA")), st.frozensets(st.sampled_from(("OP-HARBOUR", "REG-SOUTH")))
)


@given(circles, circles, belongings)
def test_a_label_that_dominates_lets_nobody_read_whom_the_other_excludes(
    ours: Releasability, theirs: Releasability, somebody: tuple[str, frozenset[str]]
) -> None:
    """Whatever groups somebody is in: a group cannot smuggle in whom the other label keeps out."""
    dominates: Callable[[Label, Label], bool] = Label.dominates
    mine, other = label(releasable_to=ours), label(releasable_to=theirs)

    if dominates(mine, other) and theirs.excludes(*somebody):
        assert ours.excludes(*somebody)


@given(circles, circles, belongings)
def test_whom_one_of_two_circles_excludes_the_common_one_excludes(
    one: Releasability, other: Releasability, somebody: tuple[str, frozenset[str]]
) -> None:
    common = one.met(other)

    assert common.excludes(*somebody) or not (one.excludes(*somebody) or other.excludes(*somebody))
    assert label(releasable_to=common).dominates(label(releasable_to=one))


@given(circles, belongings)
def test_to_belong_to_no_group_that_is_named_is_to_belong_to_none(
    circle: Releasability, somebody: tuple[str, frozenset[str]]
) -> None:
    country, groups = somebody

    assert circle.excludes(country, groups) == circle.excludes(country, groups & circle.groups)
