"""A cursor tells its reader where it stands, and nothing to anybody else; one answer for all that are not its own."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import jose
from exchange.cursor import START, Cursors, Place, Progress
from exchange.jose import encode
from exchange.refusal import Reason
from tests.refused import outcome, refused
from tests.world import ORIGIN, one_byte_changed

SECRET = bytes(range(32))
HERE = Place(41, 7)
NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)


@dataclass(slots=True)
class Hands:
    """A clock and a source of chance that a test turns."""

    at: datetime = NOVEMBER
    drawn: int = 0

    def now(self) -> datetime:
        return self.at

    def entropy(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")


def made(hands: Hands | None = None, *, secret: bytes = SECRET, origin: str = ORIGIN) -> Cursors:
    hands = hands or Hands()
    return Cursors(secret=secret, origin=origin, now=hands.now, entropy=hands.entropy)


def opened(cursors: Cursors, cursor: str) -> Place:
    return cursors.open(cursor, reader="ncb-fra", feed="inbox").at


def sealed(cursors: Cursors, place: Place = HERE) -> str:
    return cursors.seal(Progress.up_to(place), reader="ncb-fra", feed="inbox")


positions = st.integers(-1, 2**63 - 1)


@given(released=positions, item=positions)
def test_a_place_comes_back_from_its_cursor(released: int, item: int) -> None:
    cursors = made()

    assert opened(cursors, sealed(cursors, Place(released, item))) == Place(released, item)


places = st.builds(Place, positions, positions)


@given(at=places, passed=places, shown=positions, under=positions)
def test_what_was_passed_over_comes_back_with_the_place(at: Place, passed: Place, shown: int, under: int) -> None:
    cursors, come = made(), Progress(at=at, passed=passed, shown=shown, under=under)

    cursor = cursors.seal(come, reader="ncb-fra", feed="inbox")

    assert cursors.open(cursor, reader="ncb-fra", feed="inbox") == come
    assert len(cursor) == len(sealed(cursors))


def test_the_start_is_a_place_too() -> None:
    cursors = made()

    assert opened(cursors, sealed(cursors, START)) == START


def test_another_gateway_with_the_same_secret_opens_it() -> None:
    assert opened(made(), sealed(made())) == HERE


def test_equal_places_give_different_cursors_of_one_length() -> None:
    cursors = made()

    many = {sealed(cursors, Place(n // 20, 0)) for n in range(100)}

    assert len(many) == 100
    assert len({len(cursor) for cursor in many}) == 1


def test_a_cursor_is_opened_for_its_own_reader_and_feed_and_exchange_only() -> None:
    cursors = made()
    cursor = sealed(cursors)

    with refused(Reason.CURSOR_WRONG):
        cursors.open(cursor, reader="ncb-ita", feed="inbox")
    with refused(Reason.CURSOR_WRONG):
        cursors.open(cursor, reader="ncb-fra", feed="sent")
    with refused(Reason.CURSOR_WRONG):
        opened(made(origin="exchange.example"), cursor)
    with refused(Reason.CURSOR_WRONG):
        opened(made(secret=bytes(32)), cursor)


def test_the_names_that_a_cursor_is_bound_to_do_not_run_into_each_other() -> None:
    cursors = made()

    with refused(Reason.CURSOR_WRONG):
        cursors.open(cursors.seal(Progress.up_to(HERE), reader="ncb", feed="x-inbox"), reader="ncb-x", feed="inbox")


def test_a_cursor_with_any_byte_changed_is_refused() -> None:
    cursors = made()
    raw = jose.decode(sealed(cursors).encode())

    for changed in one_byte_changed(raw):
        with refused(Reason.CURSOR_WRONG):
            opened(cursors, encode(changed))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda cursor: "", id="empty"),
        pytest.param(lambda cursor: cursor[:-4], id="cut"),
        pytest.param(lambda cursor: cursor[:20], id="the nonce alone"),
        pytest.param(lambda cursor: cursor + "AAAA", id="longer"),
        pytest.param(lambda cursor: cursor + "=", id="padding"),
        pytest.param(lambda cursor: cursor + cursor, id="twice"),
        pytest.param(lambda cursor: " " + cursor, id="space"),
        pytest.param(lambda cursor: "ü" + cursor[1:], id="not ASCII"),
        pytest.param(lambda cursor: "\ud800", id="surrogate"),
        pytest.param(lambda cursor: "41", id="a plain number"),
        pytest.param(lambda cursor: "A" * 64, id="zeros"),
        pytest.param(lambda cursor: "A" * 100_000, id="a mountain"),
    ],
)
def test_a_malformed_cursor_is_answered_as_a_foreign_one(spoil: object) -> None:
    cursors = made()
    assert callable(spoil)

    with refused(Reason.CURSOR_WRONG):
        opened(cursors, spoil(sealed(cursors)))


@given(cursor=st.text(max_size=80) | st.binary(max_size=64).map(encode))
def test_any_text_is_refused_as_a_cursor(cursor: str) -> None:
    assert outcome(lambda: opened(made(), cursor)) is Reason.CURSOR_WRONG


@pytest.mark.parametrize("made_in", [datetime(2026, month, 20, tzinfo=UTC) for month in range(1, 13)])
@pytest.mark.parametrize(("months", "opens"), [(0, True), (1, True), (2, True), (3, False), (12, False)])
def test_a_cursor_lives_for_the_month_it_was_made_in_and_the_two_after(
    made_in: datetime, months: int, opens: bool
) -> None:
    hands = Hands(at=made_in)
    cursors = made(hands)
    cursor = sealed(cursors)

    month = made_in.month - 1 + months
    hands.at = made_in.replace(year=made_in.year + month // 12, month=month % 12 + 1)

    assert outcome(lambda: opened(cursors, cursor)) == (HERE if opens else Reason.CURSOR_WRONG)


def test_a_cursor_lives_through_the_turn_of_the_month() -> None:
    hands = Hands(at=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    cursors = made(hands)
    cursor = sealed(cursors)

    hands.at += timedelta(seconds=1)

    assert opened(cursors, cursor) == HERE
    assert opened(cursors, sealed(cursors, replace(HERE, item=8))) == Place(41, 8)
