"""What a client remembers of an exchange between its calls, in the profile's state folder.

    state/<origin, its slashes written as +>/
        checkpoint          the last checkpoint known to extend all before it, a signed note
        history.jsonl       genesis, then a line for each change of the directory shown to us; verified at every start
        cursor              how far `follow` has come
        reasons.jsonl       reasons that were sealed into restrictions, with the salts that open them
        fork/               evidence of two histories: while it is there, nothing is signed for this exchange

Nothing here is believed because it lies here: the checkpoint is signed, the history verifies itself from the pin.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    folder: Path

    @classmethod
    def of(cls, folder: Path, origin: str) -> "State":
        """An origin has no plus sign (it is a key name, C2SP signed-note), so two origins never share a folder."""
        made = folder / origin.replace("/", "+")
        made.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(made)

    @property
    def checkpoint(self) -> str | None:
        return self._read("checkpoint")

    def keep_checkpoint(self, note: str) -> None:
        # Two processes of one profile may overwrite each other's: an older one still binds, only less.
        self._write("checkpoint", note)

    @property
    def cursor(self) -> str | None:
        return self._read("cursor")

    def keep_cursor(self, cursor: str) -> None:
        self._write("cursor", cursor)

    def history(self) -> Iterator[dict[str, Any]]:
        """The lines as they were kept; a line cut off by a crash ends them."""
        for line in (self._read("history.jsonl") or "").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                return

    def keep_history(self, lines: Iterable[dict[str, Any]]) -> None:
        self._write("history.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def reasons(self) -> list[dict[str, Any]]:
        """{object, code, salt, stated}, in the order in which they were given."""
        return [json.loads(line) for line in (self._read("reasons.jsonl") or "").splitlines()]

    def keep_reason(self, reason: dict[str, Any]) -> None:
        self._write("reasons.jsonl", (self._read("reasons.jsonl") or "") + json.dumps(reason) + "\n")

    @property
    def fork(self) -> Path | None:
        """Where the evidence lies, if there is any."""
        folder = self.folder / "fork"
        return folder if folder.exists() else None

    def keep_fork(self, *, kept: str, offered: str, why: str) -> Path:
        """Save both signed notes, durably: they are the only proof there may ever be."""
        folder = self.folder / "fork"
        folder.mkdir(exist_ok=True, mode=0o700)
        for name, text in (("kept", kept), ("offered", offered), ("why", why + "\n")):
            self._write(f"fork/{name}", text)
        return folder

    def _read(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_text("utf-8")
        except FileNotFoundError:
            return None

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all: written aside, forced to the disk, put in place."""
        aside = self.folder / f"{name}.{os.getpid()}"
        try:
            with aside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self.folder / name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()
