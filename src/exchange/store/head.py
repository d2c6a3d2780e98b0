"""The head: where the trail stands. One row, under a MAC whose key is in the settings and not in the database.

Whoever can write rows can still put an old head back (`Published` finds that), and cannot make a new one.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime

from exchange import strictjson
from exchange.merkle import Frontier
from exchange.store.faults import HeadForged
from exchange.store.held import from_micros, to_micros
from exchange.strictjson import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The trail's tree, the time of its last leaf, and what is in force: directory (version) and policy (digest).

    rights: the position of the last act that changed who may see an item; 0 before the first.
    """

    frontier: Frontier
    at: datetime
    directory: int
    policy: str
    rights: int

    @property
    def size(self) -> int:
        return self.frontier.size


@dataclass(frozen=True, slots=True)
class HeadKey:
    """Seals heads as rows and opens rows as heads. secret: 32 bytes."""

    secret: bytes

    def row(self, head: Head) -> tuple[int, bytes, int, int, str, int, bytes]:
        """-> (size, frontier, at, directory, policy, rights, mac)."""
        members = (head.size, head.frontier.to_bytes(), to_micros(head.at), head.directory, head.policy, head.rights)
        return (*members, self._mac(*members))

    def open(self, size: int, frontier: bytes, at: int, directory: int, policy: str, rights: int, mac: bytes) -> Head:
        """The inverse of `row`. Raises HeadForged."""
        if not hmac.compare_digest(self._mac(size, frontier, at, directory, policy, rights), mac):
            raise HeadForged(
                "the head's MAC is wrong: its row was written by somebody without the head key, or the head key was "
                "changed. Nothing is appended. Compare the trail with a kept checkpoint, and restore the database"
            )
        known = Frontier.from_bytes(frontier)
        return Head(frontier=known, at=from_micros(at), directory=directory, policy=policy, rights=rights)

    def _mac(self, size: int, frontier: bytes, at: int, directory: int, policy: str, rights: int) -> bytes:
        """HMAC-SHA256 over the members in our one serialisation.

        rights are among them once they are not 0: the migration that added them to a head had no key.
        """
        members: dict[str, JsonValue] = {
            "at": at,
            "directory": directory,
            "frontier": frontier.hex(),
            "policy": policy,
            "size": size,
        }
        if rights != 0:
            members["rights"] = rights
        return hmac.digest(self.secret, b"exchange/1/head\n" + strictjson.write(members), "sha256")
