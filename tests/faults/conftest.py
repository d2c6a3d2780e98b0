"""Gateways that start at once, and a database to tamper with, for all tests here."""

from collections.abc import Iterator

import pytest

from tests.faults import tampered
from tests.faults.tampered import Database
from tests.faults.warm import Warm


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    with Warm() as made:
        yield made


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Database:
    return tampered.build(tmp_path_factory.mktemp("tampering"), warm)


@pytest.fixture
def opened(database: Database) -> Iterator[Database]:
    """As its gateway left it, whatever is done to it."""
    database.restore()
    yield database
    database.restore()
