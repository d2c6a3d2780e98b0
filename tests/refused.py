"""How a test says that something must be turned away."""

import pytest

from exchange.refusal import Reason, Refusal


def refused(*reasons: Reason) -> pytest.RaisesExc[Refusal]:
    """Around what must be turned away for one of these reasons; any other exception, another reason too, fails."""
    return pytest.RaisesExc(Refusal, check=lambda refusal: refusal.reason in reasons)
