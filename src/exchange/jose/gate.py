"""Compact JWS, ES256 only: the gate in front of python-jose, and the kinds of token that the exchange speaks.

The one module that imports python-jose, and all it asks of it is its ES256 key object: construct, verify, sign.
That library's own reading of tokens accepts headers, encodings and keys that it must not, and crashes on others
(docs/decisions/0003), so the reading is done here, strictly, and the library never sees a header. No type of it
leaves this module.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose.backends.cryptography_backend import CryptographyECKey

from exchange import strictjson
from exchange.refusal import Reason, Refusal

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256's base point
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_HEADER_LIMIT = 1024  # bytes
_HEADERS_REMEMBERED = 4096
_KEYS_REMEMBERED = 4096
_COORDINATE, _SIGNATURE = 43, 64  # characters of base64url, bytes
_POINT = 2 * _COORDINATE
_SIGNED = _POINT + _SIGNATURE  # where in a question it begins


class Kind(StrEnum):
    """What a token is, stated in its `typ`. One verifier for each kind; a token of one kind is never another."""

    MESSAGE = "exchange-message+jws"
    ACKNOWLEDGEMENT = "exchange-acknowledgement+jws"
    CHANGE = "exchange-change+jws"
    APPROVAL = "exchange-approval+jws"
    ASSERTION = "client-authentication+jwt"
    ACCESS = "at+jwt"
    PROOF = "dpop+jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyingKey:
    """A P-256 public key, checked once. `kid` is its RFC 7638 thumbprint."""

    kid: str
    x: str
    y: str
    _backend: Any = field(repr=False, compare=False)

    @property
    def jwk(self) -> dict[str, str]:
        """RFC 7517, the four members that a P-256 key needs."""
        return {"kty": "EC", "crv": "P-256", "x": self.x, "y": self.y}


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A P-256 private key; knows its public half."""

    public: VerifyingKey
    _backend: Any = field(repr=False, compare=False)
    _private: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        return _signing_key(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """pem: PKCS 8, not encrypted. Raises Refusal(KEY_MALFORMED)."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise Refusal(Reason.KEY_MALFORMED) from None
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not isinstance(private.curve, ec.SECP256R1):
            raise Refusal(Reason.KEY_MALFORMED)
        return _signing_key(private)

    def to_pem(self) -> bytes:
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedBytes:
    """Bytes whose signature has been verified under `key`. Only `open_jws` makes one."""

    kind: Kind
    key: VerifyingKey
    token: bytes
    payload: bytes

    @property
    def signed(self) -> bytes:
        """What the signature covers: header and payload. The signature itself is malleable and identifies nothing."""
        return self.token[: self.token.rindex(b".")]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedBytes:
    """A token of the right form, with the key that it must verify under. Good for nothing else before it has."""

    kind: Kind
    key: VerifyingKey
    token: bytes
    _payload: bytes = field(repr=False)
    _signature: bytes = field(repr=False)

    def verify(self) -> VerifiedBytes:
        """The one slow step of the gate. Raises Refusal(BAD_SIGNATURE)."""
        return self.answered(_fits(self.key._backend, self._signed, self._signature))

    @property
    def question(self) -> bytes:
        """What `fits` answers, in whatever process: the key's point, the signature, and what was signed."""
        return b"".join((self.key.x.encode(), self.key.y.encode(), self._signature, self._signed))

    def answered(self, fits: bool) -> VerifiedBytes:
        """fits: what `fits` said to our question. Raises Refusal(BAD_SIGNATURE)."""
        if fits is not True:
            raise Refusal(Reason.BAD_SIGNATURE)
        return VerifiedBytes(kind=self.kind, key=self.key, token=self.token, payload=self._payload)

    @property
    def _signed(self) -> bytes:
        return self.token[: self.token.rindex(b".")]


def fits(question: bytes) -> bool:
    """question: of `UnverifiedBytes.question`. Whether the signature in it fits. Raises Refusal(KEY_MALFORMED)."""
    point, signature, signed = (
        question[:_POINT],
        question[_POINT : _POINT + _SIGNATURE],
        question[_POINT + _SIGNATURE :],
    )
    return _fits(_key_at(point)._backend, signed, signature)


def open_jws(token: bytes, kind: Kind, keys: Mapping[str, VerifyingKey], *, limit: int) -> VerifiedBytes:
    """token: a compact JWS of at most `limit` bytes, of this kind, signed by one of `keys` (kid -> key).

    The header holds exactly alg, typ and kid. Nothing of the payload is parsed here.
    Raises Refusal(JWS_MALFORMED | JWS_HEADER | UNKNOWN_KEY | BAD_SIGNATURE).
    """
    return read_jws(token, kind, keys, limit=limit).verify()


def read_jws(token: bytes, kind: Kind, keys: Mapping[str, VerifyingKey], *, limit: int) -> UnverifiedBytes:
    """All of `open_jws` but the signature."""
    segments = _segments(token, limit)
    header = _header(segments[0])
    if header.keys() != {"alg", "typ", "kid"} or header["alg"] != "ES256" or header["typ"] != kind.value:
        raise Refusal(Reason.JWS_HEADER)
    kid = header["kid"]
    if not isinstance(kid, str) or not _THUMBPRINT.fullmatch(kid):
        raise Refusal(Reason.JWS_HEADER)
    key = keys.get(kid)
    if key is None:
        raise Refusal(Reason.UNKNOWN_KEY)
    return _unverified(token, kind, key, segments)


def read_with_own_key(token: bytes, kind: Kind, *, limit: int, bound: VerifyingKey | str) -> UnverifiedBytes:
    """The same for a token that carries its key in its header, {alg, typ, jwk}: a DPoP proof (RFC 9449, 4.2).

    bound: the key that it must be, or its thumbprint. It is compared before any curve arithmetic: verified under a
    key of its own choice, a token would prove nothing. Raises as `read_jws`, and Refusal(KEY_MALFORMED).
    """
    segments = _segments(token, limit)
    header = _header(segments[0])
    if header.keys() != {"alg", "typ", "jwk"} or header["alg"] != "ES256" or header["typ"] != kind.value:
        raise Refusal(Reason.JWS_HEADER)
    key = _bound_key(header["jwk"], bound)
    return _unverified(token, kind, key, segments)


def own_key_of(token: bytes, *, limit: int) -> VerifyingKey:
    """The key that a token of the kind above carries, before anything is verified: for binding a new token to it."""
    return public_key(_header(_segments(token, limit)[0]).get("jwk"))


def key_id_of(token: bytes, *, limit: int) -> str:
    """The kid that a token claims, before anything is verified: good for finding the key to verify with, only."""
    kid = _header(_segments(token, limit)[0]).get("kid")
    if not isinstance(kid, str) or not _THUMBPRINT.fullmatch(kid):
        raise Refusal(Reason.JWS_HEADER)
    return kid


def sign(payload: bytes, kind: Kind, key: SigningKey) -> bytes:
    """-> a compact JWS of this kind, in the form that `open_jws` accepts."""
    header = {"alg": "ES256", "kid": key.public.kid, "typ": kind.value}
    return _sign(payload, header, key)


def sign_with_own_key(payload: bytes, kind: Kind, key: SigningKey) -> bytes:
    """-> the same with the public key in the header, for `open_with_own_key`."""
    return _sign(payload, {"alg": "ES256", "jwk": key.public.jwk, "typ": kind.value}, key)


def public_key(jwk: object) -> VerifyingKey:
    """jwk: exactly kty, crv, x and y of a point on P-256, canonically encoded. Raises Refusal(KEY_MALFORMED)."""
    members = _members(jwk)
    try:
        backend = CryptographyECKey(members, "ES256")
    except Exception:  # The library raises many kinds for a point off the curve; each means the same.
        raise Refusal(Reason.KEY_MALFORMED) from None
    return VerifyingKey(kid=thumbprint(members), x=members["x"], y=members["y"], _backend=backend)


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638: SHA-256 over the required members in order, base64url."""
    canonical = f'{{"crv":"{jwk["crv"]}","kty":"{jwk["kty"]}","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    return encode(hashlib.sha256(canonical.encode()).digest())


def encode(raw: bytes) -> str:
    """base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(segment: bytes) -> bytes:
    """base64url, strict and canonical: its alphabet only, no padding, no stray bits at the end.

    Raises Refusal(JWS_MALFORMED).
    """
    if len(segment) % 4 == 1 or segment.translate(None, _ALPHABET):
        raise Refusal(Reason.JWS_MALFORMED)
    raw = binascii.a2b_base64(segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4))
    tail = len(raw) % 3
    if tail and base64.urlsafe_b64encode(raw[-tail:]).rstrip(b"=") != segment[-(tail + 1) :]:
        raise Refusal(Reason.JWS_MALFORMED)
    return raw


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def _segments(token: bytes, limit: int) -> list[bytes]:
    if len(token) > limit:
        raise Refusal(Reason.JWS_MALFORMED)
    segments = token.split(b".", 3)
    if len(segments) != 3 or not all(segments) or len(segments[0]) > _HEADER_LIMIT:
        raise Refusal(Reason.JWS_MALFORMED)
    return segments


@lru_cache(maxsize=_HEADERS_REMEMBERED)
def _header(segment: bytes) -> Mapping[str, Any]:
    """Remembered by its bytes: a client's header is the same each time, and reading it is as dear as its payload."""
    try:
        return strictjson.parse_object(decode(segment), limit=_HEADER_LIMIT, depth=2)
    except Refusal as refusal:
        if refusal.reason is Reason.JSON_MALFORMED:
            raise Refusal(Reason.JWS_HEADER) from None
        raise


def _unverified(token: bytes, kind: Kind, key: VerifyingKey, segments: list[bytes]) -> UnverifiedBytes:
    payload, signature = decode(segments[1]), decode(segments[2])
    if len(signature) != _SIGNATURE:
        raise Refusal(Reason.BAD_SIGNATURE)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < _ORDER and 0 < s < _ORDER):
        raise Refusal(Reason.BAD_SIGNATURE)
    return UnverifiedBytes(kind=kind, key=key, token=token, _payload=payload, _signature=signature)


def _fits(backend: Any, signed: bytes, signature: bytes) -> bool:
    try:
        return backend.verify(signed, signature) is True
    except Exception:  # Whatever the library throws at hostile input, it has not verified.
        return False


@lru_cache(maxsize=_KEYS_REMEMBERED)
def _key_at(point: bytes) -> VerifyingKey:
    x, y = point[:_COORDINATE].decode(), point[_COORDINATE:].decode()
    return public_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})


def _sign(payload: bytes, header: dict[str, Any], key: SigningKey) -> bytes:
    signing_input = encode(strictjson.write(header)).encode() + b"." + encode(payload).encode()
    return signing_input + b"." + encode(key._backend.sign(signing_input)).encode()


def _bound_key(jwk: object, bound: VerifyingKey | str) -> VerifyingKey:
    if isinstance(bound, VerifyingKey):
        if jwk != bound.jwk:
            raise Refusal(Reason.UNKNOWN_KEY)
        return bound
    if thumbprint(_members(jwk)) != bound:
        raise Refusal(Reason.UNKNOWN_KEY)
    return public_key(jwk)


def _members(jwk: object) -> dict[str, str]:
    """Of a key that has the right form. Whether they name a point of the curve, nobody has asked yet."""
    if not isinstance(jwk, dict) or jwk.keys() != {"kty", "crv", "x", "y"}:
        raise Refusal(Reason.KEY_MALFORMED)
    if jwk["kty"] != "EC" or jwk["crv"] != "P-256" or not _is_coordinate(jwk["x"]) or not _is_coordinate(jwk["y"]):
        raise Refusal(Reason.KEY_MALFORMED)
    return jwk


def _is_coordinate(value: object) -> bool:
    if not isinstance(value, str) or len(value) != _COORDINATE or not value.isascii():
        return False
    try:
        return len(decode(value.encode())) == 32
    except Refusal:
        return False


def _signing_key(private: ec.EllipticCurvePrivateKey) -> SigningKey:
    numbers = private.public_key().public_numbers()
    x, y = (encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    public = public_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    return SigningKey(public=public, _backend=CryptographyECKey(private, "ES256"), _private=private)
