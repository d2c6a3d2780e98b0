"""What lies in the store so that the store cannot read it: item keys, wrapped, and the texts sealed under them.

An item key opens one leaf's commitments and the content behind them, and exists in the database only wrapped by a key
of the settings. Without the wrapping key the rows tell who wrote to whom and when, not what; and with a row changed
they tell nothing at all, since every text is bound to its place. Destroying the wrapped key erases the rest.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exchange.leaf import Field, ItemKey
from exchange.store.faults import Tampered

_NONCE = 12  # bytes
_LENGTH = struct.Struct(">BI")

# One text each under a content key: a nonce of its own name is used once, for no position is ever written twice.
_NONCES = {
    "texts": b"exch/1/texts",
    "label": b"exch/1/label",
    "token": b"exch/1/token",
    "jws": b"exch/1/jws  ",
    "approvals": b"exch/1/apprv",
}
_ORDER = tuple(Field)
_INDEX = {name: n for n, name in enumerate(_ORDER)}


class KeyWrap:
    """Wraps item keys: AES-256-GCM, the position as additional data. key: 32 bytes. entropy: n -> n random bytes."""

    def __init__(self, key: bytes, *, entropy: Callable[[int], bytes]) -> None:
        if len(key) != 32:
            raise ValueError("a wrapping key has 32 bytes")
        self._aead = AESGCM(key)
        self._entropy = entropy

    def wrap(self, key: ItemKey, position: int) -> bytes:
        """-> 60 bytes: nonce, sealed key, tag."""
        nonce = self._entropy(_NONCE)
        return nonce + self._aead.encrypt(nonce, key.secret, _place("key", position))

    def unwrap(self, wrapped: bytes, position: int) -> ItemKey:
        """Raises Tampered."""
        try:
            return ItemKey(self._aead.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _place("key", position)))
        except (InvalidTag, ValueError):
            raise Tampered(
                f"the key of position {position} does not unwrap: its row was changed, or this is not the wrapping key"
            ) from None

    def content(self, wrapped: bytes, position: int) -> "Content":
        """What opens the texts of this position. Raises Tampered."""
        return Content.of(self.unwrap(wrapped, position), position)


@dataclass(frozen=True, slots=True)
class Content:
    """Seals and opens the texts of one position, under the content key of its item key."""

    position: int
    _aead: AESGCM = field(repr=False)

    @classmethod
    def of(cls, key: ItemKey, position: int) -> "Content":
        return cls(position, AESGCM(key.derive(b"exchange/1/content")))

    def seal(self, name: str, text: bytes, beside: bytes = b"") -> bytes:
        """beside: what the text must lie with to be opened again."""
        return self._aead.encrypt(_NONCES[name], text, _place(name, self.position) + beside)

    def open(self, name: str, sealed: bytes, beside: bytes = b"") -> bytes:
        """Raises Tampered."""
        try:
            return self._aead.decrypt(_NONCES[name], sealed, _place(name, self.position) + beside)
        except (InvalidTag, ValueError):
            raise Tampered(
                f"the {name} of position {self.position} does not open: its row was changed, or its leaf"
            ) from None

    def seal_texts(self, texts: Mapping[Field, bytes], leaf: bytes) -> bytes:
        """Bound to their leaf: the root says that some leaf was changed, this says at once which."""
        packed = b"".join(_LENGTH.pack(_INDEX[n], len(t)) + t for n, t in texts.items())
        return self.seal("texts", packed, leaf)

    def open_texts(self, sealed: bytes, leaf: bytes) -> dict[Field, bytes]:
        """The inverse of `seal_texts`. Raises Tampered."""
        packed, texts, at = self.open("texts", sealed, leaf), {}, 0
        while at < len(packed):
            index, length = _LENGTH.unpack_from(packed, at)
            at += _LENGTH.size + length
            texts[_ORDER[index]] = packed[at - length : at]
        return texts


@dataclass(slots=True)
class SealedText:
    """A text that is opened when somebody asks for it, and then once."""

    name: str
    sealed: bytes
    content: Content
    _opened: bytes | None = None

    def open(self) -> bytes:
        """Raises Tampered."""
        if self._opened is None:
            self._opened = self.content.open(self.name, self.sealed)
        return self._opened


def _place(name: str, position: int) -> bytes:
    return f"exchange/1/{name}/{position}".encode()
