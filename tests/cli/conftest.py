"""One exchange for all tests of the command line, and the command itself in this process."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from exchange import cli
from tests.community import Community


@pytest.fixture(scope="package")
def community(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Community]:
    made = Community.begin(tmp_path_factory.mktemp("community"))
    yield made
    made.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Of --json: all of standard output is one document."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Command:
    """`exchange ...`, run as its entry point runs it."""

    captured: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> Ran:
        self.captured.readouterr()
        code = cli.run([str(word) for word in words])
        out, err = self.captured.readouterr()
        return Ran(code=code, out=out, err=err)


@pytest.fixture
def exchange(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.delenv("EXCHANGE_PROFILE", raising=False)
    return Command(capsys)
