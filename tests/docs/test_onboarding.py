"""docs/onboarding.md, walked line by line from an empty folder: founding, bureaus, entity, agency, losses, leaving."""

import json
import re
import shlex
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from signal import SIGTERM

import pytest

from exchange import cli
from tests.docs.fences import ROOT, Block, blocks
from tests.docs.tour import PORT, Shell, unseen
from tests.serving import free_port

PAGE = ROOT / "docs" / "onboarding.md"
WALK = [block for block in blocks(PAGE) if {"tour", "output"} & block.marks.keys()]

_STANDS = re.compile(r"^(\S+:\w{26}) stands at", re.MULTILINE)
_CHANGE = re.compile(r"^Change (\w{26})\.", re.MULTILINE)


@dataclass(slots=True)
class Reader:
    """Somebody who does as the page says. known: what CHANGE, ITEM and KID stand for now.

    The commands run in this process, as their entry point runs them: to start one for each line takes minutes.
    """

    shell: Shell
    known: dict[str, str] = field(default_factory=dict)

    def does(self, block: Block) -> None:
        if "output" in block.marks:
            assert unseen(block.text, self.shell.printed) == [], f"{block}\n{self.shell.printed}"
        elif block.marks["tour"] == "background":
            self.shell.do(block)
        else:
            expected = 1 if block.marks["tour"] == "refused" else 0
            for line in block.text.splitlines():
                self._types(line, expected)

    def _types(self, line: str, expected: int) -> None:
        replaced = re.match(r"exchange key (?:add (message)|request) --as (\S+)", line)
        if replaced:
            self.known["KID"] = self._key_of(replaced[2], replaced[1] or "officer")
        for name, value in self.known.items():
            line = line.replace(name, value)
        code = self._run(line)
        assert code == expected, f"{line}\n{self.shell.printed}"
        for name, found in (("CHANGE", _CHANGE), ("ITEM", _STANDS)):
            printed = found.findall(self.shell.printed)
            if printed:
                self.known[name] = printed[-1]

    def _run(self, line: str) -> int:
        """-> the exit code."""
        program, *words = shlex.split(line.replace(PORT, self.shell.port))
        if program != "exchange":
            return self.shell.do(Block(page="", line=0, language="sh", marks={}, text=line))
        said = StringIO()
        with chdir(self.shell.folder), redirect_stdout(said), redirect_stderr(said):
            code = cli.run(words)
        self.shell.printed = said.getvalue()
        return code

    def _key_of(self, participant: str, use: str) -> str:
        assert self._run(f"exchange key list --as {participant} --json") == 0, self.shell.printed
        (kid,) = [key["kid"] for key in json.loads(self.shell.printed) if key["use"] == use and not key["revoked_at"]]
        return str(kid)


def test_a_network_comes_to_be_and_somebody_leaves_it(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("EXCHANGE_PROFILE", raising=False)
    shell = Shell(tmp_path_factory.mktemp("onboarding"), str(free_port()))
    reader = Reader(shell)
    try:
        for block in WALK:
            reader.does(block)
    finally:
        codes = shell.end()

    assert len(WALK) > 20
    assert {*codes} <= {0, -SIGTERM}


def test_every_line_that_is_shown_is_run() -> None:
    shown = [block for block in blocks(PAGE) if block.language == "sh"]

    assert [str(block) for block in shown if "tour" not in block.marks] == []
    assert sum("exchange " in line for block in shown for line in block.text.splitlines()) > 40
