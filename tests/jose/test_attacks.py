"""Attacks on signed tokens, by name. Where it can be, the signature itself is good: it is not what refuses them."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from exchange import jose
from exchange.jose import Kind, SigningKey, encode
from exchange.jose.gate import read_with_own_key
from exchange.refusal import Reason
from tests.jose.forgery import (
    ORDER,
    PRIME,
    forged,
    honest_header,
    numbers,
    other_spelling,
    segment,
    with_segment,
)
from tests.refused import outcome, refused

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
KEYS = {KEY.public.kid: KEY.public, OTHER.public.kid: OTHER.public}
LIMIT = 64 * 1024
PAYLOAD = b'{"text":"seized at the border"}'
HONEST = honest_header(Kind.MESSAGE, KEY)
TOKEN = jose.sign(PAYLOAD, Kind.MESSAGE, KEY)
INPUT = TOKEN.rpartition(b".")[0]


def opened(token: bytes) -> jose.VerifiedBytes:
    return jose.open_jws(token, Kind.MESSAGE, KEYS, limit=LIMIT)


def test_the_forger_can_sign() -> None:
    """The control: without its attack each of the tokens below would be opened."""
    assert opened(forged(HONEST, PAYLOAD, KEY)).payload == PAYLOAD


# The algorithm


NAMES = ["none", "None", "nOnE", "NONE", "HS256", "RS256", "PS256", "ES384", "ES512", "ES256K", "EdDSA", "es256"]


@pytest.mark.parametrize("alg", [*NAMES, "", "ES256 ", None, 0, True, [], ["ES256"], {"ES256": 1}], ids=repr)
def test_another_algorithm_is_refused(alg: Any) -> None:
    with refused(Reason.JWS_HEADER):
        opened(forged(HONEST | {"alg": alg}, PAYLOAD, KEY))


def test_alg_none_without_a_signature_is_refused() -> None:
    header, payload = encode(b'{"alg":"none"}').encode(), encode(PAYLOAD).encode()

    with refused(Reason.JWS_MALFORMED):
        opened(header + b"." + payload + b".")
    with refused(Reason.JWS_HEADER):
        opened(header + b"." + payload + b".AA")


def _public_keys_as_secrets() -> dict[str, bytes]:
    pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    private = serialization.load_pem_private_key(KEY.to_pem(), password=None)
    public = private.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return {
        "PEM": public.public_bytes(pem, spki),
        "DER": public.public_bytes(serialization.Encoding.DER, spki),
        "raw point": public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint),
        "JWK": json.dumps(KEY.public.jwk).encode(),
        "x": jose.decode(KEY.public.x.encode()),
        "nothing": b"",
    }


@pytest.mark.parametrize("secret", _public_keys_as_secrets().values(), ids=_public_keys_as_secrets())
@pytest.mark.parametrize("alg", ["HS256", "ES256"])
def test_a_public_key_is_no_hmac_secret(alg: str, secret: bytes) -> None:
    signing_input = encode(json.dumps(HONEST | {"alg": alg}).encode()).encode() + b"." + encode(PAYLOAD).encode()
    mac = hmac.digest(secret, signing_input, hashlib.sha256)

    with refused(Reason.JWS_HEADER, Reason.BAD_SIGNATURE):
        opened(signing_input + b"." + encode(mac).encode())
    with refused(Reason.JWS_HEADER, Reason.BAD_SIGNATURE):
        opened(signing_input + b"." + encode(mac + mac).encode())


# The header


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": KEY.public.jwk},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/cert"},
        {"x5c": ["MIIB"]},
        {"x5t": "AAAA"},
        {"x5t#S256": "AAAA"},
        {"crit": []},
        {"crit": ["exp"], "exp": 1},
        {"b64": False, "crit": ["b64"]},
        {"b64": True},
        {"zip": "DEF"},
        {"enc": "A128GCM"},
        {"cty": "JWT"},
        {"Alg": "none"},
        {"": ""},
    ],
    ids=lambda member: "+".join(member),
)
def test_a_member_more_in_the_header_is_refused(member: dict[str, Any]) -> None:
    with refused(Reason.JWS_HEADER):
        opened(forged(HONEST | member, PAYLOAD, KEY))


@pytest.mark.parametrize("member", ["alg", "typ", "kid"])
def test_a_member_less_in_the_header_is_refused(member: str) -> None:
    with refused(Reason.JWS_HEADER):
        opened(forged({name: value for name, value in HONEST.items() if name != member}, PAYLOAD, KEY))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param('{"alg":"none","alg":"ES256","kid":"K","typ":"T"}', id="duplicate alg, last good"),
        pytest.param('{"alg":"ES256","kid":"K","kid":"K","typ":"T"}', id="duplicate kid, both good"),
        pytest.param('{"alg":"none","\\u0061lg":"ES256","kid":"K","typ":"T"}', id="duplicate alg, escaped"),
        pytest.param('\ufeff{"alg":"ES256","kid":"K","typ":"T"}', id="byte order mark"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"T"} {}', id="a second value"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"T",}', id="trailing comma"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"T","n":NaN}', id="NaN"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"T","n":1e999}', id="float overflow"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"T","n":' + "9" * 500 + "}", id="giant integer"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"T\\u0000"}', id="U+0000"),
        pytest.param('{"alg":"ES256","kid":"\\ud800","typ":"T"}', id="lone surrogate"),
        pytest.param('{"alg":"ES256","kid":"K","typ":' + "[" * 250 + "]" * 250 + "}", id="deep nesting"),
        pytest.param('{"alg":"ES256","kid":"K","typ":["T"]}', id="typ in a list"),
        pytest.param('{"alg":"ES256","kid":"K","typ":"APPLICATION/T"}', id="typ with its prefix"),
        pytest.param('["ES256","K","T"]', id="a list"),
        pytest.param('"ES256"', id="a text"),
        pytest.param("null", id="null"),
        pytest.param(" ", id="one space"),
    ],
)
def test_a_header_in_other_json_is_refused(raw: str) -> None:
    written = raw.replace('"K"', f'"{KEY.public.kid}"').replace('"T"', f'"{Kind.MESSAGE.value}"')

    with refused(Reason.JWS_HEADER):
        opened(forged(written.encode(), PAYLOAD, KEY))


def test_the_same_header_in_another_order_is_the_same_header() -> None:
    """Not everything unusual is an attack: order and spaces are the sender's."""
    turned = json.dumps(dict(reversed(HONEST.items())), indent=1).encode()

    assert opened(forged(turned, PAYLOAD, KEY)).payload == PAYLOAD


def test_a_header_of_more_than_a_kilobyte_is_refused() -> None:
    """1024 characters of base64url, which are 768 bytes."""
    header = json.dumps(HONEST).encode()

    assert opened(forged(header.ljust(768), PAYLOAD, KEY)).payload == PAYLOAD
    with refused(Reason.JWS_MALFORMED):
        opened(forged(header.ljust(769), PAYLOAD, KEY))


def test_a_payload_is_not_parsed_by_the_gate() -> None:
    """What is in it is for the parser of its kind, on these very bytes."""
    for payload in (b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b"\xff", b"[" * 30_000, b"NaN", b'"\\ud800"', b"9" * 10_000):
        assert opened(forged(HONEST, payload, KEY)).payload == payload


# The segments


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"..", id="three times nothing"),
        pytest.param(INPUT, id="two segments"),
        pytest.param(INPUT + b".", id="no signature"),
        pytest.param(TOKEN + b".", id="a fourth, empty"),
        pytest.param(TOKEN + b"." + TOKEN, id="six segments"),
        pytest.param(b"." + TOKEN, id="an empty first"),
        pytest.param(with_segment(TOKEN, 1, b""), id="detached payload"),
        pytest.param(b".".join([*TOKEN.split(b"."), b"AA", b"AA"]), id="five segments, as in JWE"),
        pytest.param(TOKEN + b"\n", id="newline"),
        pytest.param(b" " + TOKEN, id="space"),
        pytest.param(b"Bearer " + TOKEN, id="scheme"),
        pytest.param(TOKEN + "é".encode(), id="not ASCII"),
        pytest.param(TOKEN + b"\x00", id="NUL"),
        pytest.param(
            json.dumps(
                dict(zip(("protected", "payload", "signature"), TOKEN.decode().split("."), strict=True))
            ).encode(),
            id="JSON serialisation",
        ),
    ],
)
def test_what_is_no_compact_jws_is_refused(token: bytes) -> None:
    with refused(Reason.JWS_MALFORMED):
        opened(token)


@pytest.mark.parametrize("n", [0, 1, 2], ids=["header", "payload", "signature"])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda segment: segment + b"=", id="padding"),
        pytest.param(lambda segment: segment + b"==", id="more padding"),
        pytest.param(lambda segment: segment[:5] + b"\n" + segment[5:], id="newline within"),
        pytest.param(lambda segment: segment[:5] + b"*" + segment[5:], id="junk within"),
        pytest.param(lambda segment: segment[:5] + b"+" + segment[6:], id="plus"),
        pytest.param(lambda segment: segment[:5] + b"/" + segment[6:], id="slash"),
        pytest.param(lambda segment: segment[:5] + b"\xff" + segment[6:], id="no ASCII"),
        pytest.param(other_spelling, id="stray bits"),
    ],
)
def test_another_spelling_of_base64_is_refused(spoil: Callable[[bytes], bytes], n: int) -> None:
    """Before the signature is looked at: a lax decoder would find it good where only the signature is respelt."""
    # A header of 3k + 1 bytes and a payload of 3k + 2, so that each segment has room for stray bits.
    header = json.dumps(HONEST).encode()
    token = forged(header + b" " * (-(len(header) - 1) % 3), PAYLOAD + b" " * (-(len(PAYLOAD) - 2) % 3), KEY)
    assert opened(token).payload.strip() == PAYLOAD

    respelt = with_segment(token, n, spoil(token.split(b".")[n]))

    with refused(Reason.JWS_MALFORMED):
        opened(respelt)


# The signature


@pytest.mark.parametrize("length", [1, 32, 63, 65, 96, 128])
def test_a_signature_has_64_bytes(length: int) -> None:
    good = jose.decode(TOKEN.rpartition(b".")[2])
    cut = (good + b"\x00" * 64)[:length]

    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + encode(cut).encode())
    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + encode(b"\x00" * (length - 64) + good if length > 64 else good[-length:]).encode())


def test_a_signature_in_der_is_refused() -> None:
    der = encode_dss_signature(*numbers(INPUT, KEY))

    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + encode(der).encode())


@pytest.mark.parametrize(
    ("r", "s"),
    list(product([0, 1, ORDER - 1, ORDER, ORDER + 1, PRIME - 1, 2**256 - 1], repeat=2)),
    ids=lambda number: f"{number:x}"[-9:],
)
def test_a_signature_of_chosen_numbers_is_refused(r: int, s: int) -> None:
    """The psychic signature (CVE-2022-21449), and numbers on both sides of the order."""
    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + segment(r, s))


@pytest.mark.parametrize("half", ["r", "s"])
def test_a_signature_with_the_order_added_is_refused(half: str) -> None:
    """The same number modulo n: a verifier that reduces would take it. It fits 32 bytes for one r in 2**32 only, so
    it is made by hand from one that is small enough, good or not: the range is what refuses it.
    """
    numbers_of = {"r": 5, "s": 5, half: ORDER + 5}

    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + segment(numbers_of["r"], numbers_of["s"]))


def test_the_signature_of_another_message_is_refused() -> None:
    other = jose.sign(b'{"text":"another"}', Kind.MESSAGE, KEY)

    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + other.rpartition(b".")[2])


def test_r_and_s_the_wrong_way_round_are_refused() -> None:
    r, s = numbers(INPUT, KEY)

    with refused(Reason.BAD_SIGNATURE):
        opened(INPUT + b"." + segment(s, r))


class UnsafeAcceptAll:
    """A library that finds every signature good: what is refused now, the gate itself refused."""

    def verify(self, signed: bytes, signature: bytes) -> bool:
        return True


class UnsafeAnswers:
    """A library that answers with something else than a plain yes, or breaks."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def verify(self, signed: bytes, signature: bytes) -> object:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def opened_by(library: object, signature: bytes) -> jose.VerifiedBytes:
    key = replace(KEY.public, _backend=library)
    return jose.open_jws(INPUT + b"." + encode(signature).encode(), Kind.MESSAGE, {key.kid: key}, limit=LIMIT)


def test_length_and_range_of_a_signature_are_no_matter_of_the_library() -> None:
    lax, one, top = UnsafeAcceptAll(), (1).to_bytes(32, "big"), ORDER.to_bytes(32, "big")
    below = (ORDER - 1).to_bytes(32, "big")

    for good in (one + one, below + below, one + below, below + one):
        assert opened_by(lax, good).payload == PAYLOAD
    for bad in (bytes(32) + one, one + bytes(32), top + one, one + top, b"\xff" * 64, one + one[1:], one + one + one):
        with refused(Reason.BAD_SIGNATURE):
            opened_by(lax, bad)


@pytest.mark.parametrize(
    "answer", [False, None, 1, "yes", b"payload", [True], RuntimeError(), RecursionError()], ids=repr
)
def test_only_a_plain_yes_of_the_library_is_a_yes(answer: object) -> None:
    with refused(Reason.BAD_SIGNATURE):
        opened_by(UnsafeAnswers(answer), b"\x01" * 64)


# The key


@pytest.mark.parametrize("kid", [OTHER.public.kid, "kid of another"], ids=["of a key", "of none"])
def test_the_key_that_signed_is_the_key_that_is_named(kid: str) -> None:
    with refused(Reason.BAD_SIGNATURE, Reason.JWS_HEADER):
        opened(forged(HONEST | {"kid": kid}, PAYLOAD, KEY))


def test_a_key_in_the_payload_verifies_nothing() -> None:
    stranger = SigningKey.generate()
    payload = json.dumps({"jwk": stranger.public.jwk, "kid": stranger.public.kid}).encode()

    with refused(Reason.UNKNOWN_KEY):
        opened(jose.sign(payload, Kind.MESSAGE, stranger))
    with refused(Reason.BAD_SIGNATURE):
        opened(forged(HONEST, payload, stranger))


def _jwk_of(curve: ec.EllipticCurve, crv: str, size: int) -> dict[str, str]:
    point = ec.generate_private_key(curve).public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": crv,
        "x": encode(point.x.to_bytes(size, "big")),
        "y": encode(point.y.to_bytes(size, "big")),
    }


def _coordinate(number: int, size: int = 32) -> str:
    return encode(number.to_bytes(size, "big"))


JWK = KEY.public.jwk
X, Y = (int.from_bytes(jose.decode(JWK[c].encode()), "big") for c in "xy")


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(None, id="null"),
        pytest.param("EC", id="text"),
        pytest.param([JWK], id="list"),
        pytest.param({"keys": [JWK]}, id="key set"),
        pytest.param({}, id="empty"),
        pytest.param(_jwk_of(ec.SECP384R1(), "P-384", 48), id="P-384"),
        pytest.param(_jwk_of(ec.SECP384R1(), "P-256", 48), id="P-384 under the name P-256"),
        pytest.param(_jwk_of(ec.SECP256K1(), "secp256k1", 32), id="secp256k1"),
        pytest.param(_jwk_of(ec.SECP256K1(), "P-256", 32), id="secp256k1 under the name P-256"),
        pytest.param(_jwk_of(ec.BrainpoolP256R1(), "P-256", 32), id="brainpoolP256r1 under the name P-256"),
        pytest.param({"kty": "oct", "k": "AAAA"}, id="symmetric"),
        pytest.param({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, id="RSA"),
        pytest.param({"kty": "OKP", "crv": "Ed25519", "x": JWK["x"]}, id="Ed25519"),
        pytest.param(JWK | {"kty": "ec"}, id="small kty"),
        pytest.param(JWK | {"d": JWK["x"]}, id="private key"),
        pytest.param(JWK | {"use": "sig"}, id="use sig"),
        pytest.param(JWK | {"use": "enc"}, id="use enc"),
        pytest.param(JWK | {"alg": "ES256"}, id="alg"),
        pytest.param(JWK | {"kid": KEY.public.kid}, id="kid"),
        pytest.param(JWK | {"key_ops": ["verify"]}, id="key_ops"),
        pytest.param(JWK | {"x5u": "https://attacker.example"}, id="x5u"),
        pytest.param({n: v for n, v in JWK.items() if n != "y"}, id="no y"),
        pytest.param(JWK | {"x": 1}, id="x as a number"),
        pytest.param(JWK | {"x": ""}, id="empty x"),
        pytest.param(JWK | {"x": JWK["x"] + "="}, id="padding"),
        pytest.param(JWK | {"x": other_spelling(JWK["x"].encode()).decode()}, id="stray bits"),
        pytest.param(JWK | {"y": other_spelling(JWK["y"].encode()).decode()}, id="stray bits in y"),
        pytest.param(JWK | {"y": JWK["y"] + "="}, id="padding in y"),
        pytest.param(JWK | {"crv": "P-384"}, id="P-256 under the name P-384"),
        pytest.param(JWK | {"kty": "OKP"}, id="P-256 as an OKP"),
        pytest.param(JWK | {"x": "é" * 43}, id="not ASCII"),
        pytest.param(JWK | {"x": _coordinate(X >> 8, 31)}, id="31 bytes"),
        pytest.param(JWK | {"x": _coordinate(X, 33)}, id="33 bytes"),
        pytest.param(JWK | {"x": _coordinate(0), "y": _coordinate(0)}, id="zero"),
        pytest.param(JWK | {"x": _coordinate(X ^ 1)}, id="off the curve"),
        pytest.param(JWK | {"x": JWK["y"], "y": JWK["x"]}, id="x and y changed over"),
        pytest.param(JWK | {"x": _coordinate(PRIME)}, id="x is the prime"),
        pytest.param(JWK | {"x": _coordinate(2**256 - 1)}, id="x above the prime"),
    ],
)
def test_what_is_no_p256_public_key_is_refused(jwk: Any) -> None:
    assert jose.public_key(JWK) == KEY.public
    with refused(Reason.KEY_MALFORMED):
        jose.public_key(jwk)


def test_the_same_point_turned_over_is_another_key() -> None:
    """(x, p - y) lies on the curve too, and has another name; it verifies nothing of ours."""
    turned = jose.public_key(JWK | {"y": _coordinate(PRIME - Y)})

    assert turned.kid != KEY.public.kid
    with refused(Reason.BAD_SIGNATURE):
        jose.open_jws(TOKEN, Kind.MESSAGE, {KEY.public.kid: turned}, limit=LIMIT)


# The kinds


def _made(kind: Kind) -> bytes:
    sign = jose.sign_with_own_key if kind is Kind.PROOF else jose.sign
    return sign(b"{}", kind, KEY)


def _verified(kind: Kind, token: bytes) -> jose.VerifiedBytes:
    if kind is Kind.PROOF:
        return read_with_own_key(token, kind, limit=LIMIT, bound=KEY.public).verify()
    return jose.open_jws(token, kind, KEYS, limit=LIMIT)


@pytest.mark.parametrize("verifier", Kind)
@pytest.mark.parametrize("made", Kind)
def test_a_token_of_one_kind_is_never_another(made: Kind, verifier: Kind) -> None:
    came_of_it = outcome(lambda: _verified(verifier, _made(made)))

    if made is verifier:
        assert isinstance(came_of_it, jose.VerifiedBytes)
        assert came_of_it.kind is made
    else:
        assert came_of_it is Reason.JWS_HEADER


@pytest.mark.parametrize("kind", Kind)
def test_a_token_carries_its_key_or_names_it_as_its_kind_demands(kind: Kind) -> None:
    """A proof that names its key, and everything else that brings it along."""
    sign = jose.sign if kind is Kind.PROOF else jose.sign_with_own_key

    with refused(Reason.JWS_HEADER):
        _verified(kind, sign(b"{}", kind, KEY))


@pytest.mark.parametrize(
    "typ", ["", "JWT", "JOSE", "exchange-message+JWS", "application/exchange-message+jws", 1, None]
)
def test_a_kind_is_named_in_one_way(typ: Any) -> None:
    with refused(Reason.JWS_HEADER):
        opened(forged(HONEST | {"typ": typ}, PAYLOAD, KEY))


# Proofs, whose key comes from their header


def test_a_proof_by_another_key_than_the_bound_one_is_refused_before_any_curve() -> None:
    token = jose.sign_with_own_key(b"{}", Kind.PROOF, OTHER)
    unsigned = with_segment(token, 2, b"AAAA")

    for bound in (KEY.public, KEY.public.kid):
        with refused(Reason.UNKNOWN_KEY):
            read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=bound).verify()
        with refused(Reason.UNKNOWN_KEY):
            read_with_own_key(unsigned, Kind.PROOF, limit=LIMIT, bound=bound).verify()


def test_a_key_that_is_no_point_is_another_key_before_it_is_no_point() -> None:
    """Were the point looked at first, the refusal would be KEY_MALFORMED, and the arithmetic done for a stranger."""
    nowhere = JWK | {"x": jose.encode(b"\x01" * 32)}
    token = forged({"alg": "ES256", "typ": Kind.PROOF.value, "jwk": nowhere}, b"{}", KEY)

    with refused(Reason.KEY_MALFORMED):
        jose.public_key(nowhere)
    for bound in (KEY.public, KEY.public.kid):
        with refused(Reason.UNKNOWN_KEY):
            read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=bound)
    with refused(Reason.KEY_MALFORMED):
        read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=jose.thumbprint(nowhere))


@pytest.mark.parametrize("member", [{"alg": "none"}, {"alg": "HS256"}, {"typ": "JWT"}, {"typ": "at+jwt"}, {"kid": "K"}])
def test_a_proof_with_another_header_is_refused(member: dict[str, Any]) -> None:
    plain = {"alg": "ES256", "typ": Kind.PROOF.value, "jwk": JWK}
    token, other = (forged(header, b"{}", KEY) for header in (plain, plain | member))

    assert jose.own_key_of(token, limit=LIMIT) == KEY.public
    for bound in (KEY.public, KEY.public.kid):
        assert read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=bound).verify().payload == b"{}"
        with refused(Reason.JWS_HEADER):
            read_with_own_key(other, Kind.PROOF, limit=LIMIT, bound=bound).verify()


@pytest.mark.parametrize(
    "jwk",
    [JWK | {"d": JWK["x"]}, JWK | {"kid": KEY.public.kid}, {"kty": "EC"}, None, "jwk", [], {**JWK, "x": {"y": "z"}}],
    ids=["private key", "kid", "half a key", "null", "text", "list", "nested"],
)
def test_a_proof_whose_key_is_not_plain_is_refused(jwk: Any) -> None:
    token = forged({"alg": "ES256", "typ": Kind.PROOF.value, "jwk": jwk}, b"{}", KEY)

    with refused(Reason.KEY_MALFORMED, Reason.JWS_HEADER):
        read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=KEY.public.kid).verify()
    with refused(Reason.UNKNOWN_KEY, Reason.JWS_HEADER):
        read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=KEY.public).verify()
    with refused(Reason.KEY_MALFORMED, Reason.JWS_HEADER):
        jose.own_key_of(token, limit=LIMIT)
