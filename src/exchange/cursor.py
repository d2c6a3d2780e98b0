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

_FORM = struct.Struct(">QQQQQQ")
_NONCE = 16
_MONTHS_KEPT = 3


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """How far: the position of the act that released an item, and the item's own position among what it released."""

    released: int
    item: int


START = Place(-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """at: everything up to here was looked at. passed: everything up to here was shown; beyond it lies something that
    could not be, under what `under` stands for. Equal to `at` where nothing was passed over.

    shown: the position of the last leaf that showed something. What was first read later was read by another hand.
    """

    at: Place
    passed: Place
    shown: int = -1
    under: int = -1

    @classmethod
    def up_to(cls, place: Place) -> "Progress":
        """With nothing passed over."""
        return cls(at=place, passed=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursors:
    """Seals and opens cursors. secret: 32 bytes, from which a key for each month derives; three months are kept."""

    secret: bytes
    origin: str
    now: Callable[[], datetime]
    entropy: Callable[[int], bytes]

    def seal(self, come: Progress, *, reader: str, feed: str) -> str:
        month, nonce = self._month(), self.entropy(_NONCE)
        numbers = (come.at.released, come.at.item, come.passed.released, come.passed.item, come.shown, come.under)
        plain = _FORM.pack(*(number + 1 for number in numbers))
        return jose.encode(nonce + self._cipher(month).encrypt(plain, [self._bound_to(reader, feed), nonce]))

    def open(self, cursor: str, *, reader: str, feed: str) -> Progress:
        """Raises Refusal(CURSOR_WRONG)."""
        try:
            raw = jose.decode(cursor.encode("ascii"))
        except (Refusal, UnicodeEncodeError):
            raise Refusal(Reason.CURSOR_WRONG) from None
        nonce, sealed = raw[:_NONCE], raw[_NONCE:]
        for month in range(self._month(), self._month() - _MONTHS_KEPT, -1):
            try:
                plain = self._cipher(month).decrypt(sealed, [self._bound_to(reader, feed), nonce])
                numbers = [number - 1 for number in _FORM.unpack(plain)]
            except (InvalidTag, ValueError, struct.error):
                continue
            at, passed = Place(*numbers[:2]), Place(*numbers[2:4])
            return Progress(at=at, passed=passed, shown=numbers[4], under=numbers[5])
        raise Refusal(Reason.CURSOR_WRONG)

    def _month(self) -> int:
        now = self.now()
        return now.year * 12 + now.month

    def _cipher(self, month: int) -> AESSIV:
        info = f"exchange/1/cursor/{month}".encode()
        return AESSIV(HKDFExpand(hashes.SHA256(), 64, info).derive(self.secret))

    def _bound_to(self, reader: str, feed: str) -> bytes:
        return f"{self.origin}\n{reader}\n{feed}".encode()
