"""One instant, one way to write it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange import instant
from exchange.refusal import Reason
from tests.refused import outcome, refused

moments = st.datetimes(timezones=st.just(UTC))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=moments)
@example(moment=datetime(1, 1, 1, tzinfo=UTC))
@example(moment=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
def test_an_instant_comes_back_from_its_text(moment: datetime) -> None:
    assert instant.parse(instant.write(moment)) == moment


@given(moment=st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), offset=offsets)  # noqa: DTZ001
def test_an_instant_is_written_in_utc_wherever_it_was_told(moment: datetime, offset: timezone) -> None:
    told = moment.replace(tzinfo=offset)

    assert instant.write(told) == instant.write(told.astimezone(UTC))
    assert instant.parse(instant.write(told)) == told


@given(first=moments, second=moments)
def test_instants_with_decimals_sort_as_their_texts_do(first: datetime, second: datetime) -> None:
    first, second = (m.replace(microsecond=m.microsecond or 1) for m in (first, second))

    assert (first < second) == (instant.write(first) < instant.write(second))


@given(text=st.text(max_size=30) | st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:]{8}(\.[0-9]{1,7})?[Zz+]"))
def test_any_text_is_an_instant_in_utc_or_refused(text: str) -> None:
    moment = outcome(lambda: instant.parse(text))

    if moment is not Reason.OUT_OF_TIME:
        assert isinstance(moment, datetime)
        assert moment.utcoffset() == timedelta(0)
        assert instant.parse(instant.write(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-11-20T12:00:00", id="local time"),
        pytest.param("2026-11-20T12:00:00+00:00", id="offset of zero"),
        pytest.param("2026-11-20T13:00:00+01:00", id="offset"),
        pytest.param("2026-11-20T12:00:00z", id="small z"),
        pytest.param("2026-11-20 12:00:00Z", id="space for the T"),
        pytest.param("2026-11-20T12:00Z", id="no seconds"),
        pytest.param("20261120T120000Z", id="basic form"),
        pytest.param("2026-W47-5T12:00:00Z", id="week date"),
        pytest.param("2026-11-20", id="date only"),
        pytest.param("2026-11-20T12:00:00.Z", id="no decimals after the point"),
        pytest.param("2026-11-20T12:00:00,5Z", id="comma"),
        pytest.param("2026-11-20T12:00:00.1234567Z", id="seven decimals"),
        pytest.param("2026-11-20T12:00:00Z\n", id="newline"),
        pytest.param(" 2026-11-20T12:00:00Z", id="space"),
        pytest.param("2026-02-30T12:00:00Z", id="no such day"),
        pytest.param("2027-02-29T12:00:00Z", id="no leap year"),
        pytest.param("2026-06-30T23:59:60Z", id="leap second"),
        pytest.param("2026-11-20T24:00:00Z", id="the day's end as 24:00"),
        pytest.param("0000-01-01T00:00:00Z", id="year zero"),
        pytest.param("12026-11-20T12:00:00Z", id="five-digit year"),
        pytest.param("٢٠٢٦-11-20T12:00:00Z", id="digits of another script"),
    ],
)
def test_another_way_to_write_a_time_is_refused(text: str) -> None:
    with refused(Reason.OUT_OF_TIME):
        instant.parse(text)


def test_a_time_without_its_zone_is_not_written() -> None:
    with pytest.raises(ValueError, match="zone"):
        instant.write(datetime(2026, 11, 20))  # noqa: DTZ001
