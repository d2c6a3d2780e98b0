"""What gateways on one PostgreSQL tell each other in each commit: how long the trail is, and who has something new.

A notice may be lost with its connection. So the listener also looks once a second whether the trail is longer than it
has heard of, and if so says that anybody may have something.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

CHANNEL = "exchange"

_LIMIT = 7_900  # bytes; PostgreSQL carries less than 8,000

Heard = Callable[[Iterable[str] | None], None]
"""Takes the readers who have something new; None where it may be anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """size: of the trail after a commit. readers: None where they were too many to name.

    1017 ncb-deu,ncb-ita
    1018 *
    """

    size: int
    readers: frozenset[str] | None

    def write(self) -> str:
        named = "*" if self.readers is None else ",".join(sorted(self.readers))
        return f"{self.size} {named if len(named) <= _LIMIT else '*'}"

    @classmethod
    def parse(cls, text: str) -> "Notice":
        """The inverse of `write`. Raises ValueError."""
        size, _, named = text.partition(" ")
        readers = None if named == "*" else frozenset(named.split(",")) - {""}
        return cls(size=int(size), readers=readers)
