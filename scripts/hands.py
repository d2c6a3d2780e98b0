"""The keys of the test vectors: each the hash of its own name, each signing the same bytes in the same way.

ES256 signatures are made as RFC 6979 says, so that whoever writes the vectors again writes the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange import jose, strictjson
from exchange.jose import Kind, SigningKey
from exchange.note import TrailKey
from exchange.participant import Use


def secret(name: str) -> bytes:
    """32 bytes that nobody may ever use."""
    return sha256(f"exchange vectors/{name}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody's P-256 key, by name."""

    name: str

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(secret(self.name), "big"), ec.SECP256R1())

    @property
    def public(self) -> jose.VerifyingKey:
        return SigningKey.from_pem(_pem(self.private)).public

    def sign(self, payload: Mapping[str, Any], kind: Kind, *, own_key: bool = False) -> str:
        """The compact JWS that the gate would make, but for its signature: always the same one."""
        named = {"jwk": self.public.jwk} if own_key else {"kid": self.public.kid}
        header = strictjson.write({"alg": "ES256", "typ": kind.value, **named})
        signing_input = f"{jose.encode(header)}.{jose.encode(strictjson.write(dict(payload)))}"
        der = self.private.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        r, s = utils.decode_dss_signature(der)
        return f"{signing_input}.{jose.encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def document(self) -> dict[str, Any]:
        return {"kid": self.public.kid, "jwk": self.public.jwk, "d": jose.encode(secret(self.name))}


def of(who: str, use: Use) -> Hand:
    return Hand(f"{who} {use.value}")


def trail_key(origin: str) -> TrailKey:
    return TrailKey.from_pem(origin, _pem(Ed25519PrivateKey.from_private_bytes(secret("trail"))))


def _pem(private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return private.private_bytes(encoding, form, serialization.NoEncryption())
