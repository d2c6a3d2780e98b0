"""Whoever has not proved who it is: booked on nobody, told singly in the log for a while, and counted after that."""

import logging
from collections.abc import Callable

import httpx
import pytest

from tests.doors.house import House


def test_a_flood_of_strangers_is_ten_lines_of_the_log_and_then_one_number(
    own: Callable[..., House], caplog: pytest.LogCaptureFixture
) -> None:
    """Each line has the ticket that a newcomer in trouble can name; a flood fills no disk."""
    house = own(EXCHANGE_LIMITS__REFUSALS_PER_MINUTE="10")
    with caplog.at_level(logging.INFO, "exchange"), house.opened() as gateway, httpx.Client() as stranger:
        size = house.size
        tickets = [stranger.get(house.url + "/v1/inbox").json()["ticket"] for _ in range(25)]
        house.on_its_loop(gateway.doors.edge.refusals.count(everything=True))
        grown = house.size - size

    said = [record for record in caplog.records if getattr(record, "reason", "") == "TOKEN_WRONG"]
    singly = [vars(record)["ticket"] for record in said if hasattr(record, "ticket")]
    assert singly == tickets[:10]
    assert [vars(record)["count"] for record in said if hasattr(record, "count")] == [15]
    assert grown == 0
