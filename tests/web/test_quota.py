"""A share is never exceeded, always given back in time, and nobody's share is anybody else's."""

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange.refusal import Reason, Refusal
from exchange.web import quota
from exchange.web.quota import Quota
from tests.refused import refused


@dataclass(slots=True)
class Crank:
    """A clock that stands still until it is turned. seconds: since some start of its own."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def taken(share: Quota, who: str = "ncb-fra", *, at_most: int = 10_000) -> int:
    """How many requests go through, one after the other, before one does not."""
    for count in range(at_most):
        try:
            share.take(who)
        except Refusal:
            return count
    return at_most


rates = st.floats(0.01, 1000) | st.sampled_from([0.1, 0.3, 1.0, 7.0, 50.0])
pauses = st.floats(0, 100)


def test_a_burst_goes_through_and_the_next_does_not() -> None:
    share = Quota(rate=2, burst=5, clock=Crank())

    assert taken(share) == 5
    with refused(Reason.TOO_MANY_REQUESTS):
        share.take("ncb-fra")


@given(rate=rates, burst=st.integers(1, 50), steps=st.lists(st.tuples(pauses, st.integers(1, 30)), max_size=20))
def test_no_more_than_burst_and_rate_allow_goes_through_however_it_is_asked(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    clock = Crank()
    share = Quota(rate=rate, burst=burst, clock=clock)
    through, began = 0, clock.seconds

    for pause, asked in steps:
        clock.seconds += pause
        through += taken(share, at_most=asked)

    assert through <= burst + (clock.seconds - began) * rate + 1e-6


@given(rate=rates, burst=st.integers(1, 50), began=st.floats(0, 1e7), pause=pauses)
@example(rate=0.1, burst=1, began=0.0, pause=0.0)
def test_after_the_time_that_was_told_there_is_room(rate: float, burst: int, began: float, pause: float) -> None:
    clock = Crank(began)
    share = Quota(rate=rate, burst=burst, clock=clock)
    taken(share)
    clock.seconds += min(pause, 0.99 / rate)

    with refused(Reason.TOO_MANY_REQUESTS) as refusal:
        share.take("ncb-fra")
    told = refusal.value.retry_after

    assert isinstance(told, int)
    assert told >= 1
    clock.seconds += told + 1e-6  # what a float may lose on the way
    share.take("ncb-fra")


@given(rate=rates, burst=st.integers(1, 50), pause=st.floats(0, 1e6))
def test_whoever_waits_long_has_a_burst_again_and_not_more(rate: float, burst: int, pause: float) -> None:
    clock = Crank()
    share = Quota(rate=rate, burst=burst, clock=clock)
    taken(share)

    clock.seconds += burst / rate + 0.001 + pause

    assert taken(share) == burst


def test_asking_in_vain_costs_nothing() -> None:
    clock = Crank()
    share = Quota(rate=1, burst=1, clock=clock)
    share.take("ncb-fra")

    for _ in range(9):
        clock.seconds += 0.1
        with refused(Reason.TOO_MANY_REQUESTS):
            share.take("ncb-fra")
    clock.seconds += 0.11

    share.take("ncb-fra")


def test_the_share_of_one_is_not_the_share_of_another() -> None:
    share = Quota(rate=1, burst=3, clock=Crank())

    assert taken(share, "ncb-fra") == 3
    assert taken(share, "ncb-ita") == 3


def test_two_quotas_do_not_know_each_other() -> None:
    posts, reads = (Quota(rate=1, burst=3, clock=Crank()) for _ in range(2))

    assert taken(posts) == 3
    assert taken(reads) == 3


def test_whom_nobody_has_seen_for_long_is_forgotten_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: strangers come by address, and there are many."""
    monkeypatch.setattr(quota, "_REMEMBERED", 3)
    share = Quota(rate=0.001, burst=2, clock=Crank())
    for who in ("a", "b", "c", "a", "d"):
        share.take(who)

    with refused(Reason.TOO_MANY_REQUESTS):
        share.take("a")
    assert taken(share, "c") == 1
    assert taken(share, "b") == 2


def test_a_share_comes_back_bit_by_bit() -> None:
    clock = Crank()
    share = Quota(rate=4, burst=2, clock=clock)
    taken(share)

    clock.seconds += 0.25

    assert taken(share) == 1
