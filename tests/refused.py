"""How a test says that something must be turned away."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from exchange.refusal import Reason, Refusal

T = TypeVar("T")


def refused(*reasons: Reason) -> pytest.RaisesExc[Refusal]:
    """Around what must be turned away for one of these reasons; any other exception, another reason too, fails."""
    return pytest.RaisesExc(Refusal, check=lambda refusal: refusal.reason in reasons)


def outcome(act: Callable[[], T]) -> T | Reason:
    """What came of an act: its value, or why it was refused. Any other exception is the test's failure."""
    try:
        return act()
    except Refusal as refusal:
        return refusal.reason
