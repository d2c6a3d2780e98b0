"""What the pages share: the README's tour, walked once, and the exchange that it leaves running."""

from collections.abc import Iterator
from signal import SIGTERM

import pytest

from tests.docs.tour import TOUR, Shell, unseen
from tests.serving import free_port


@pytest.fixture(scope="package")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """After the tour. Each of its blocks has done what it says."""
    shell = Shell(tmp_path_factory.mktemp("tour"), str(free_port()))
    try:
        for block in TOUR:
            if "output" in block.marks:
                assert unseen(block.text, shell.printed) == [], f"{block}\n{shell.printed}"
            else:
                assert shell.do(block) == (1 if block.marks["tour"] == "refused" else 0), f"{block}\n{shell.printed}"
        yield shell
    finally:
        codes = shell.end()
    assert {*codes} <= {0, -SIGTERM}  # uvicorn ends by the very signal, once all is answered
