"""A stranger's verifier, written from docs/protocol.md alone: hashes, curves, and nothing of the exchange's code.

What it cannot check, the protocol does not say well enough.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils


def b64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(jwk: Mapping[str, str]) -> str:
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()


def open_jws(token: str, jwk: Mapping[str, str], typ: str) -> tuple[dict[str, Any], Any]:
    """-> (header, payload). Raises InvalidSignature, AssertionError."""
    signed, _, signature = token.rpartition(".")
    header, payload = (json.loads(b64u(part)) for part in signed.split("."))
    assert (header["alg"], header["typ"]) == ("ES256", typ)
    assert header.get("kid", thumbprint(jwk)) == thumbprint(jwk)
    x, y = (int.from_bytes(b64u(jwk[name]), "big") for name in "xy")
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    raw = b64u(signature)
    assert len(raw) == 64
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return header, payload


def open_checkpoint(note: str, vkey: str) -> tuple[str, int, bytes]:
    """C2SP signed-note, tlog-checkpoint -> (origin, size, root). Raises InvalidSignature, StopIteration."""
    name, _, encoded = vkey.split("+", 2)
    typed = base64.b64decode(encoded)
    key_id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    text, _, block = note.rpartition("\n\n")
    lines = [line.split(" ") for line in block.splitlines()]
    signatures = (base64.b64decode(encoded) for _, signer, encoded in lines if signer == name)
    ours = next(s for s in signatures if s[:4] == key_id)
    ed25519.Ed25519PublicKey.from_public_bytes(typed[1:]).verify(ours[4:], (text + "\n").encode())
    origin, size, root = text.split("\n")
    return origin, int(size), base64.b64decode(root)


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.3.2."""
    node, last, value = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in proof:
        assert last != 0
        if node & 1 or node == last:
            value = hashlib.sha256(b"\x01" + sibling + value).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = hashlib.sha256(b"\x01" + value + sibling).digest()
        node, last = node >> 1, last >> 1
    assert last == 0
    return value


def commitment(salt: str, text: str) -> str:
    return hmac.digest(b64u(salt), text.encode(), "sha256").hex()


def verify_receipt(receipt: Mapping[str, Any], vkey: str) -> dict[str, Any]:
    """The steps of "How to verify a receipt" -> the leaf's members. Raises AssertionError, InvalidSignature."""
    head, _, note = receipt["proof"].partition("\n\n")
    version, index, *proof = head.split("\n")
    assert (version, index) == ("c2sp.org/tlog-proof@v1", f"index {receipt['position']}")
    origin, size, root = open_checkpoint(note, vkey)
    assert origin == vkey.split("+", 1)[0]
    hashed = root_of_inclusion(receipt["leaf"].encode(), receipt["position"], size, list(map(base64.b64decode, proof)))
    assert hashed == root
    members: dict[str, Any] = json.loads(receipt["leaf"])
    return members
