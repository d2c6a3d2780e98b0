"""One exchange for all tests of the client: each brings its own messages."""

from collections.abc import Iterator

import pytest

from tests.community import Community


@pytest.fixture(scope="package")
def community(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Community]:
    made = Community.begin(tmp_path_factory.mktemp("community"))
    yield made
    made.end()
