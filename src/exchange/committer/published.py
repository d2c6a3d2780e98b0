"""What this gateway has signed: the largest tree, kept in a file of its own beside the settings, not in the database.

A database that was put back to yesterday looks whole from inside. This file is how the gateway notices.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from exchange import strictjson
from exchange.merkle import Hash
from exchange.refusal import Refusal
from exchange.store import Unfit

_EACH = 1.0  # seconds between two writings: what is missed by a crash is at most that old
_LIMIT = 1024


@dataclass(slots=True)
class Published:
    """size: 0 where nothing was signed yet."""

    path: Path
    size: int = 0
    root: Hash = b""
    _written: float = field(default=float("-inf"), repr=False)
    _behind: bool = field(default=False, repr=False)

    @classmethod
    def load(cls, path: Path) -> "Published":
        """Raises Unfit for a file that cannot be read: to begin anew in silence would be to forget."""
        if not path.exists():
            return cls(path)
        try:
            members = strictjson.parse_object(path.read_bytes(), limit=_LIMIT)
            return cls(path, size=int(members["size"]), root=bytes.fromhex(members["root"]))
        except (Refusal, KeyError, TypeError, ValueError) as error:
            raise Unfit(
                f"{path} does not say which tree was signed last: check the trail against a kept checkpoint, "
                "then remove the file"
            ) from error

    def remember(self, size: int, root: Hash) -> None:
        """Before the checkpoint of this tree is handed to anybody; on the disk at most a second later (`settle`)."""
        self.size, self.root, self._behind = size, root, True
        self.settle()

    def settle(self) -> float | None:
        """Write what is due. -> seconds until there is more to write; None where the file says all."""
        if not self._behind:
            return None
        left = self._written + _EACH - time.monotonic()
        if left > 0:
            return left
        self._write()
        return None

    def flush(self) -> None:
        """At the end."""
        if self._behind:
            self._write()

    def _write(self) -> None:
        """In the place of the old one, or not at all: a file that a power cut left empty would stop the next start."""
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as file:
            file.write(strictjson.write({"root": self.root.hex(), "size": self.size}) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        self._written, self._behind = time.monotonic(), False
