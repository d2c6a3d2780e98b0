"""The README's tour, walked from its first block to its last in an empty folder, against a real exchange.

Blocks say what they are: `tour` runs in its turn, `tour=background` goes on running, `tour=refused` must end with exit
code 1, `after=tour` runs when the tour is over, `output` is what the block before it printed (… stands for anything).
The one thing that is changed is the port: any free one instead of 8700.
"""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.fences import ROOT, Block, blocks

README = ROOT / "README.md"
PORT = "8700"

TOUR = [block for block in blocks(README) if {"tour", "output"} & block.marks.keys()]
AFTERWARDS = [block for block in blocks(README) if "after" in block.marks]


@dataclass(slots=True)
class Shell:
    """A newcomer at the keyboard of an empty folder. printed: by the last block, both streams."""

    folder: Path
    port: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    printed: str = ""

    def do(self, block: Block) -> int:
        """-> the exit code; 0 for what is left running."""
        text = block.text.replace(PORT, self.port)
        if block.marks.get("tour") == "background":
            return self._leave_running(text)
        command = [sys.executable, "-c", text] if block.language == "python" else ["bash", "-eu", "-c", text]
        ran = subprocess.run(
            command, cwd=self.folder, env=self._environment(), capture_output=True, text=True, timeout=120, check=False
        )
        self.printed = ran.stdout + ran.stderr
        return ran.returncode

    def end(self) -> list[int]:
        """Stop what runs, as an operator does."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        return [process.wait(30) for process in self.running]

    def _leave_running(self, text: str) -> int:
        said = self.folder / "said"
        with said.open("wb") as out:
            command = ["bash", "-c", f"exec {text}"]
            process = subprocess.Popen(command, cwd=self.folder, env=self._environment(), stdout=out, stderr=out)
        self.running.append(process)
        until = time.monotonic() + 60
        while b"serving" not in said.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(said.read_text())
            time.sleep(0.05)
        return 0

    def _environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**clean, "PATH": path, "EXCHANGE_PORT": self.port, "COLUMNS": "160"}


def unseen(expected: str, printed: str) -> list[str]:
    """The lines of a block that nobody printed. Spaces count as one, … as anything."""
    seen = [" ".join(line.split()) for line in printed.splitlines()]
    return [line for line in expected.splitlines() if not any(map(_pattern(line).fullmatch, seen))]


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, " ".join(line.split()).split("…"))))
