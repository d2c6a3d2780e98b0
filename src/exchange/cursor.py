"""Cursors: how far a reader has come, told to the reader and to nobody else.

A cursor is sealed with AES-SIV, afresh each time, and bound to exchange, reader and feed. Equal places give different
cursors, so nothing can be counted in them; foreign, forged and malformed ones get one and the same answer.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from exchange import jose
from exchange.refusal import Reason, Refusal

_FORM = struct.Struct(">QQ")
_NONCE = 16
_MONTHS_KEPT = 3


@dataclass(frozen=True, slots=True)
class Place:
    """How far: the position of the act that released an item, and the item's own position among what it released."""

    released: int
    item: int


START = Place(-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursors:
    """Seals and opens cursors. secret: 32 bytes, from which a key for each month derives; three months are kept."""

    secret: bytes
    origin: str
    now: Callable[[], datetime]
    entropy: Callable[[int], bytes]

    def seal(self, place: Place, *, reader: str, feed: str) -> str:
        month, nonce = self._month(), self.entropy(_NONCE)
        plain = _FORM.pack(place.released + 1, place.item + 1)
        return jose.encode(nonce + self._cipher(month).encrypt(plain, [self._bound_to(reader, feed), nonce]))

    def open(self, cursor: str, *, reader: str, feed: str) -> Place:
        """Raises Refusal(CURSOR_WRONG)."""
        try:
            raw = jose.decode(cursor.encode("ascii"))
        except (Refusal, UnicodeEncodeError):
            raise Refusal(Reason.CURSOR_WRONG) from None
        nonce, sealed = raw[:_NONCE], raw[_NONCE:]
        for month in range(self._month(), self._month() - _MONTHS_KEPT, -1):
            try:
                plain = self._cipher(month).decrypt(sealed, [self._bound_to(reader, feed), nonce])
            except (InvalidTag, ValueError):
                continue
            released, item = _FORM.unpack(plain)
            return Place(released - 1, item - 1)
        raise Refusal(Reason.CURSOR_WRONG)

    def _month(self) -> int:
        now = self.now()
        return now.year * 12 + now.month

    def _cipher(self, month: int) -> AESSIV:
        info = f"exchange/1/cursor/{month}".encode()
        return AESSIV(HKDFExpand(hashes.SHA256(), 64, info).derive(self.secret))

    def _bound_to(self, reader: str, feed: str) -> bytes:
        return f"{self.origin}\n{reader}\n{feed}".encode()
