"""What the tests of the directory may ask for."""

import pytest

from tests.participant.changes import NETWORK
from tests.world import World


@pytest.fixture
def net() -> World:
    """The network of the examples; what a test makes of it is its own."""
    return NETWORK.branch()
