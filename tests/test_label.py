"""A label narrows: its order is one, and what is derived from labels is never wider than any of them."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange import label as labels
from exchange.label import Classification, Handling, Label, Mode, Releasability, Tier
from exchange.refusal import Reason
from tests import world
from tests.refused import refused

COUNTRIES = ("BRA", "DEU", "FRA", "ITA")
ELSEWHERE = "UTO"  # named by no label here

country_sets = st.frozensets(st.sampled_from(COUNTRIES))
tier_sets = st.frozensets(st.sampled_from(Tier), min_size=1)
circles = st.one_of(
    st.builds(Releasability, mode=st.just(Mode.ALL), tiers=tier_sets),
    st.builds(Releasability, mode=st.just(Mode.ALL_MINUS), exclude=country_sets.filter(bool), tiers=tier_sets),
    st.builds(
        Releasability,
        mode=st.just(Mode.ONLY),
        include=country_sets.filter(bool),
        exclude=country_sets,
        tiers=tier_sets,
    ),
)
a_label = st.builds(
    lambda rank, handling, circle: replace(
        labels.parse(world.label()), classification=rank, handling=handling, releasable_to=circle
    ),
    st.sampled_from(Classification),
    st.frozensets(st.sampled_from(Handling), max_size=4),
    circles,
)

Reader = tuple[Classification, Tier, str]


def readers(rank: Classification, circle: Releasability) -> set[Reader]:
    """Everybody whom a rank and a circle let in: clearance, tier, country."""
    everybody = product(Classification, Tier, (*COUNTRIES, ELSEWHERE))
    return {r for r in everybody if r[0] >= rank and r[1] in circle.tiers and not circle.excludes(r[2])}


def readers_of(label: Label) -> set[Reader]:
    return readers(label.classification, label.releasable_to)


def only(*include: str, **members: Any) -> Releasability:
    return Releasability(mode=Mode.ONLY, include=frozenset(include), **members)


# The order


def test_the_ranks_are_ordered_as_they_are_read_aloud() -> None:
    assert Classification.PUB < Classification.OUO < Classification.RES < Classification.CON


@given(label=a_label)
def test_a_label_dominates_itself(label: Label) -> None:
    assert label.dominates(label)


@given(first=a_label, second=a_label)
def test_a_label_that_dominates_admits_nobody_whom_the_other_keeps_out(first: Label, second: Label) -> None:
    if first.dominates(second):
        assert readers_of(first) <= readers_of(second)
        assert first.handling >= second.handling


@given(first=a_label, second=a_label, third=a_label)
def test_dominance_carries_on(first: Label, second: Label, third: Label) -> None:
    if first.dominates(second) and second.dominates(third):
        assert first.dominates(third)


@given(label=a_label, country=st.sampled_from(COUNTRIES), tier=st.sampled_from(Tier))
def test_whoever_narrows_a_label_dominates_what_it_was(label: Label, country: str, tier: Tier) -> None:
    circle = label.releasable_to
    mode = Mode.ALL_MINUS if circle.mode is Mode.ALL else circle.mode
    without = replace(circle, mode=mode, exclude=circle.exclude | {country})

    assert replace(label, releasable_to=without).dominates(label)
    assert replace(label, releasable_to=replace(circle, tiers=circle.tiers - {tier})).dominates(label)
    assert replace(label, classification=Classification.CON).dominates(label)
    assert replace(label, handling=label.handling | {Handling.NOCOPY}).dominates(label)


def test_a_label_to_all_does_not_dominate_a_label_to_some() -> None:
    to_all = labels.parse(world.label())
    to_some = replace(to_all, releasable_to=only("FRA"))
    to_all_but_one = replace(to_all, releasable_to=Releasability(mode=Mode.ALL_MINUS, exclude=frozenset({"BRA"})))

    assert to_some.dominates(to_all_but_one)
    assert not to_all.dominates(to_all_but_one)
    assert not to_all_but_one.dominates(to_some)


# Exclusion (R09)


@given(circle=circles, country=st.sampled_from((*COUNTRIES, ELSEWHERE)))
def test_adding_an_exclusion_lets_nobody_in(circle: Releasability, country: str) -> None:
    narrower = replace(circle, exclude=circle.exclude | {country})

    assert narrower.excludes(country)
    assert all(narrower.excludes(c) for c in (*COUNTRIES, ELSEWHERE) if circle.excludes(c))


def test_an_exclusion_outweighs_an_inclusion() -> None:
    circle = only("FRA", "ITA", exclude=frozenset({"ITA"}))

    assert not circle.excludes("FRA")
    assert circle.excludes("ITA")
    assert circle.excludes("DEU")


# Derivation (R19)


@given(label=a_label, circle=circles)
def test_a_label_that_is_narrowed_dominates_what_was_signed(label: Label, circle: Releasability) -> None:
    narrowed = label.narrowed(circle)

    assert narrowed.dominates(label)
    assert readers_of(narrowed) == readers_of(label) & readers(label.classification, circle)
    assert replace(narrowed, releasable_to=label.releasable_to) == label.narrowed(None) == label


@given(inputs=st.lists(a_label, min_size=1, max_size=4))
@example(inputs=[replace(labels.parse(world.label()), releasable_to=only(country)) for country in ("FRA", "ITA")])
def test_what_is_derived_reaches_nobody_whom_an_input_keeps_out(inputs: list[Label]) -> None:
    rank, handling, circle = labels.derive(*inputs)

    for label in inputs:
        assert readers(rank, circle) <= readers_of(label)
        assert handling >= label.handling


@given(inputs=st.lists(a_label, min_size=1, max_size=4))
def test_what_is_derived_keeps_out_nobody_whom_all_inputs_let_in(inputs: list[Label]) -> None:
    rank, _, circle = labels.derive(*inputs)

    assert readers(rank, circle) == set.intersection(*map(readers_of, inputs))


@given(inputs=st.lists(a_label, min_size=2, max_size=4), seed=st.randoms())
def test_the_order_of_the_inputs_does_not_matter(inputs: list[Label], seed: Any) -> None:
    shuffled = seed.sample(inputs, len(inputs))

    assert labels.derive(*shuffled) == labels.derive(*inputs)


# Reading


def test_what_a_label_leaves_out_is_the_mildest() -> None:
    label = labels.parse(world.label(handling=[]))

    assert label.handling == frozenset()
    assert label.releasable_to.tiers == frozenset(Tier)
    assert (label.urgency, label.hit_visibility, label.expires) == ("U4", "WHITE", None)


@pytest.mark.parametrize(
    ("members", "at"),
    [
        ({"releasable_to": {"mode": "ALL", "include": ["FRA"]}}, "/label/releasable_to"),
        ({"releasable_to": {"mode": "ALL", "exclude": ["FRA"]}}, "/label/releasable_to"),
        ({"releasable_to": {"mode": "ALL_MINUS"}}, "/label/releasable_to"),
        ({"releasable_to": {"mode": "ALL_MINUS", "exclude": []}}, "/label/releasable_to"),
        ({"releasable_to": {"mode": "ALL_MINUS", "exclude": ["BRA"], "include": ["FRA"]}}, "/label/releasable_to"),
        ({"releasable_to": {"mode": "ONLY"}}, "/label/releasable_to"),
        ({"releasable_to": {"mode": "ONLY", "exclude": ["BRA"]}}, "/label/releasable_to"),
        ({"created": "2026-11-20T12:00:00Z", "expires": "2026-11-20T12:00:00Z"}, "/label/expires"),
        ({"created": "2026-11-20T12:00:00Z", "expires": "2026-11-20T11:59:59.999999Z"}, "/label/expires"),
    ],
)
def test_a_label_that_contradicts_itself_is_refused_and_says_where(members: dict[str, Any], at: str) -> None:
    with refused(Reason.LABEL_INCONSISTENT) as refusal:
        labels.parse(world.label(**members))

    assert [fault.path for fault in refusal.value.faults] == [at]
