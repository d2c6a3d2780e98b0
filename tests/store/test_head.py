"""The head is a row that only somebody with the head key can have written."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.merkle import Frontier
from exchange.store import HeadForged
from exchange.store.head import Head, HeadKey
from exchange.store.held import from_micros, to_micros

moments = st.integers(0, 10**17).map(from_micros)
sizes = st.integers(0, 2**40)


def frontier(size: int) -> Frontier:
    return Frontier(size=size, peaks=tuple(bytes([n]) * 32 for n in range(size.bit_count())))


heads = st.builds(
    lambda size, at, directory, policy, rights: Head(
        frontier=frontier(size), at=at, directory=directory, policy=policy, rights=rights
    ),
    sizes,
    moments,
    st.integers(0, 2**40),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.just(0) | st.integers(0, 2**40),
)


@given(heads)
def test_a_head_is_read_back_as_it_was_written(head: Head) -> None:
    key = HeadKey(bytes(32))

    assert key.open(*key.row(head)) == head


@given(heads, st.integers(0, 6))
def test_no_member_of_a_head_can_be_changed(head: Head, member: int) -> None:
    key = HeadKey(bytes(32))
    row: list[Any] = list(key.row(head))
    row[member] = row[member] + (1 if isinstance(row[member], int) else row[member][:1] or "0")

    with pytest.raises(HeadForged):
        key.open(*row)


@given(heads)
def test_another_key_opens_no_head(head: Head) -> None:
    with pytest.raises(HeadForged):
        HeadKey(b"\1" * 32).open(*HeadKey(bytes(32)).row(head))


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_keeps_its_microseconds_in_a_row(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment
