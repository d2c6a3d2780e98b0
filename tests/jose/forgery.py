"""Tokens that no honest writer writes. Their signatures are made without python-jose, which so has a witness."""

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from exchange.jose import Kind, SigningKey, decode, encode

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def honest_header(kind: Kind, key: SigningKey) -> dict[str, Any]:
    return {"alg": "ES256", "kid": key.public.kid, "typ": kind.value}


def forged(header: Mapping[str, Any] | bytes, payload: bytes, key: SigningKey) -> bytes:
    """Any header over any payload, under a signature that fits them."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return resigned(encode(raw).encode() + b"." + encode(payload).encode(), key)


def resigned(signing_input: bytes, key: SigningKey) -> bytes:
    r, s = numbers(signing_input, key)
    return signing_input + b"." + segment(r, s)


def numbers(signing_input: bytes, key: SigningKey) -> tuple[int, int]:
    private = serialization.load_pem_private_key(key.to_pem(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return decode_dss_signature(private.sign(signing_input, ec.ECDSA(hashes.SHA256())))


def segment(r: int, s: int) -> bytes:
    return encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).encode()


def malleated(token: bytes) -> bytes:
    """The other signature that anybody can make of a signature: (r, n - s)."""
    signing_input, _, signature = token.rpartition(b".")
    raw = decode(signature)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return signing_input + b"." + segment(r, ORDER - s)


def with_segment(token: bytes, n: int, segment: bytes) -> bytes:
    segments = token.split(b".")
    segments[n] = segment
    return b".".join(segments)


def other_spelling(segment: bytes) -> bytes:
    """The same bytes in base64url with stray bits in the last character, where there is room for some."""
    last = ALPHABET.index(chr(segment[-1]))
    assert len(segment) % 4, "whole groups have no room"
    return segment[:-1] + ALPHABET[last ^ 1].encode()
