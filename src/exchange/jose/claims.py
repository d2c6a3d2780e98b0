"""The claims of the three tokens of access, each made and checked here, by SDK and gateway alike.

An assertion proves a participant to the token endpoint (RFC 7523), an access token says what it proved (RFC 9068),
a proof shows on every request that the token's holder holds its key (RFC 9449). Times are seconds since 1970, whole
numbers; a token that lives longer than five minutes, or says less or more than its kind says, is refused.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchange import strictjson
from exchange.jose.gate import (
    Kind,
    SigningKey,
    UnverifiedBytes,
    VerifiedBytes,
    VerifyingKey,
    encode,
    open_jws,
    read_with_own_key,
    sign,
    sign_with_own_key,
)
from exchange.refusal import Reason, Refusal

TOKEN_LIMIT = 4 * 1024  # bytes, of each of the three
LIFETIME = 300  # seconds, at most
SKEW = 10  # seconds that a caller's clock may be ahead
PROOF_AGE = 60  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """`participant` asks for a token, on behalf of `user` and for `purpose`; once (`single_use`, until `expires`)."""

    participant: str
    user: str
    purpose: str
    issued: int
    single_use: bytes
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What the gateway said of a caller: who, by which key (`kid`), for whom, why, and the key it is bound to."""

    participant: str
    kid: str
    user: str
    purpose: str
    jkt: str
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofOfKey:
    """A proof that fitted its request; good once (`single_use`, until `expires`)."""

    key: VerifyingKey
    issued: int
    single_use: bytes
    expires: int


def write_assertion(
    key: SigningKey, *, participant: str, audience: str, jti: str, now: int, user: str = "", purpose: str = ""
) -> bytes:
    claims: dict[str, strictjson.JsonValue] = {
        "iss": participant, "sub": participant, "aud": audience, "jti": jti, "iat": now, "exp": now + PROOF_AGE,
    }  # fmt: skip
    if user:
        claims["user"] = user
    if purpose:
        claims["purpose"] = purpose
    return sign(strictjson.write(claims), Kind.ASSERTION, key)


def read_assertion(token: bytes, keys: Mapping[str, VerifyingKey], *, audience: str, now: int) -> Assertion:
    """keys: the access keys of the participant that the assertion's kid belongs to. Raises Refusal, the gate's or
    ASSERTION_WRONG.
    """
    opened = open_jws(token, Kind.ASSERTION, keys, limit=TOKEN_LIMIT)
    claims = _claims(opened, {"iss", "sub", "aud", "jti", "iat", "exp"}, {"user", "purpose"}, Reason.ASSERTION_WRONG)
    issued, expires = claims["iat"], claims["exp"]
    timely = issued <= now + SKEW and now < expires and 0 < expires - issued <= LIFETIME
    if not timely or claims["aud"] != audience or claims["iss"] != claims["sub"]:
        raise Refusal(Reason.ASSERTION_WRONG)
    return Assertion(
        participant=claims["iss"],
        user=claims.get("user", ""),
        purpose=claims.get("purpose", ""),
        issued=issued,
        single_use=_single_use(opened, claims["jti"]),
        expires=expires,
    )


def write_access(key: SigningKey, token: AccessToken, *, issuer: str, audience: str, jti: str) -> bytes:
    claims: dict[str, strictjson.JsonValue] = {
        "iss": issuer,
        "aud": audience,
        "sub": token.participant,
        "client_id": token.participant,
        "client_kid": token.kid,
        "cnf": {"jkt": token.jkt},
        "user": token.user,
        "purpose": token.purpose,
        "jti": jti,
        "iat": token.expires - LIFETIME,
        "exp": token.expires,
    }
    return sign(strictjson.write(claims), Kind.ACCESS, key)


def read_access(token: bytes, keys: Mapping[str, VerifyingKey], *, issuer: str, audience: str) -> AccessToken:
    """keys: the gateway's own. Whether it has expired is asked at each use. Raises Refusal(TOKEN_WRONG)."""
    required = {"iss", "aud", "sub", "client_id", "client_kid", "cnf", "user", "purpose", "jti", "iat", "exp"}
    try:
        opened = open_jws(token, Kind.ACCESS, keys, limit=TOKEN_LIMIT)
    except Refusal:
        raise Refusal(Reason.TOKEN_WRONG) from None
    claims = _claims(opened, required, set(), Reason.TOKEN_WRONG, depth=2)
    jkt = claims["cnf"].get("jkt") if isinstance(claims["cnf"], dict) else None
    if claims["iss"] != issuer or claims["aud"] != audience or not isinstance(jkt, str):
        raise Refusal(Reason.TOKEN_WRONG)
    return AccessToken(
        participant=claims["sub"],
        kid=claims["client_kid"],
        user=claims["user"],
        purpose=claims["purpose"],
        jkt=jkt,
        expires=claims["exp"],
    )


def write_proof(
    key: SigningKey, *, method: str, url: str, jti: str, now: int, access_token: bytes | None = None
) -> bytes:
    """url: without query and fragment (RFC 9449, 4.2)."""
    claims: dict[str, strictjson.JsonValue] = {"htm": method, "htu": url, "jti": jti, "iat": now}
    if access_token is not None:
        claims["ath"] = token_hash(access_token)
    return sign_with_own_key(strictjson.write(claims), Kind.PROOF, key)


def read_proof(
    token: bytes, *, bound: VerifyingKey | str, method: str, url: str, now: int, access_token_hash: str | None = None
) -> ProofOfKey:
    """bound: the key that the proof must be made with, or its thumbprint. url: the gateway's own configured address,
    never what the request says of itself. Raises Refusal(PROOF_OF_KEY_WRONG).
    """
    try:
        opened = unverified_proof(token, bound=bound).verify()
    except Refusal:
        raise Refusal(Reason.PROOF_OF_KEY_WRONG) from None
    return check_proof(opened, method=method, url=url, now=now, access_token_hash=access_token_hash)


def unverified_proof(token: bytes, *, bound: VerifyingKey | str) -> UnverifiedBytes:
    """The first half of `read_proof`, before the signature is looked at. Raises Refusal(PROOF_OF_KEY_WRONG)."""
    try:
        return read_with_own_key(token, Kind.PROOF, limit=TOKEN_LIMIT, bound=bound)
    except Refusal:
        raise Refusal(Reason.PROOF_OF_KEY_WRONG) from None


def check_proof(opened: VerifiedBytes, *, method: str, url: str, now: int, access_token_hash: str | None) -> ProofOfKey:
    """The second half. opened: a proof. Raises Refusal(PROOF_OF_KEY_WRONG)."""
    required = {"htm", "htu", "jti", "iat"} | ({"ath"} if access_token_hash is not None else set())
    claims = _claims(opened, required, set(), Reason.PROOF_OF_KEY_WRONG)
    if claims["htm"] != method or claims["htu"] != url or claims.get("ath") != access_token_hash:
        raise Refusal(Reason.PROOF_OF_KEY_WRONG)
    issued = claims["iat"]
    if not now - PROOF_AGE <= issued <= now + SKEW:
        raise Refusal(Reason.PROOF_OF_KEY_WRONG)
    expires = issued + PROOF_AGE + SKEW
    return ProofOfKey(key=opened.key, issued=issued, single_use=_single_use(opened, claims["jti"]), expires=expires)


def token_hash(access_token: bytes) -> str:
    """`ath` of RFC 9449: SHA-256 of the token, base64url."""
    return encode(hashlib.sha256(access_token).digest())


_WHOLE_NUMBERS = frozenset({"iat", "exp"})


def _claims(
    opened: VerifiedBytes, required: set[str], optional: set[str], reason: Reason, *, depth: int = 1
) -> dict[str, Any]:
    """Exactly these claims: times are whole numbers (and no booleans), all else but cnf is text."""
    try:
        claims = strictjson.parse_object(opened.payload, limit=TOKEN_LIMIT, depth=depth)
    except Refusal:
        raise Refusal(reason) from None
    if not required <= claims.keys() <= required | optional:
        raise Refusal(reason)
    for name, value in claims.items():
        wanted = int if name in _WHOLE_NUMBERS else dict if name == "cnf" else str
        if type(value) is not wanted:
            raise Refusal(reason)
    if not 16 <= len(claims["jti"]) <= 128 or len(claims.get("user", "")) > 64 or len(claims.get("purpose", "")) > 8:
        raise Refusal(reason)
    return claims


def _single_use(opened: VerifiedBytes, jti: str) -> bytes:
    """What must not come twice: this jti under this key."""
    return hashlib.sha256(f"{opened.kind.value} {opened.key.kid} {jti}".encode()).digest()
