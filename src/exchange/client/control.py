"""What a source writes about an item that it has sent: recalls, restrictions, corrections.

Such an act has no recipients of its own. Whoever could read the item must be able to read the act, so its label is the
item's: rank, handling, circle and purposes, and no end.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from exchange.client.compose import Author, Draft, compose
from exchange.client.reading import Received

_OF_THE_ITEM = ("classification", "handling", "releasable_to", "purpose", "crime_area")
_LINE = 200  # characters of a subject
_SALT = 32  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedReason:
    """A reason that is shown to nobody but oversight, on demand: its code and salt, kept by the source.

    stated: HMAC-SHA256 of the code under the salt, in hex. Readers get it within the signed bytes and cannot guess it.
    """

    code: str
    salt: bytes

    @property
    def stated(self) -> str:
        return hmac.digest(self.salt, self.code.encode(), "sha256").hex()

    @classmethod
    def of(cls, code: str, entropy: Callable[[int], bytes]) -> "SealedReason":
        """entropy: n -> n random bytes."""
        return cls(code=code, salt=entropy(_SALT))


def about(author: Author, item: Received, type: str, verb: str, body: Mapping[str, Any]) -> Draft:
    """item: as its source has it. verb: how the act's subject begins; the item's own subject follows."""
    label = {name: item.document["label"][name] for name in _OF_THE_ITEM if name in item.document["label"]}
    return compose(
        author,
        type=type,
        subject=f"{verb}: {item.message.subject}"[:_LINE],
        body={"object": item.item, **body},
        label=label,
        thread=item.message.thread,
        case_ref=item.document["case_ref"],
    )
