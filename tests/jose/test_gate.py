"""The gate opens what its writer signs, bytes for bytes, and nothing that differs from it."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from exchange import jose
from exchange.jose import Kind, SigningKey, VerifiedBytes, decode, encode
from exchange.jose.gate import read_with_own_key
from exchange.refusal import Reason
from tests.jose.forgery import forged, honest_header, malleated
from tests.refused import outcome, refused
from tests.world import one_byte_changed

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
KEYS = {KEY.public.kid: KEY.public, OTHER.public.kid: OTHER.public}
LIMIT = 4096

# All that the gate may say; a refusal for another reason would be somebody else's work.
GATE = {Reason.JWS_MALFORMED, Reason.JWS_HEADER, Reason.UNKNOWN_KEY, Reason.BAD_SIGNATURE}


def opened(token: bytes, kind: Kind = Kind.MESSAGE) -> VerifiedBytes:
    return jose.open_jws(token, kind, KEYS, limit=LIMIT)


# Tokens


@given(payload=st.binary(min_size=1, max_size=300), kind=st.sampled_from(Kind))
def test_what_is_signed_is_opened_with_its_very_bytes(payload: bytes, kind: Kind) -> None:
    token = jose.sign(payload, kind, KEY)

    verified = opened(token, kind)

    assert (verified.payload, verified.token, verified.kind, verified.key) == (payload, token, kind, KEY.public)


def test_a_signature_by_another_library_is_opened() -> None:
    assert opened(forged(honest_header(Kind.MESSAGE, KEY), b"{}", KEY)).payload == b"{}"


def test_the_library_alone_decides_whether_a_signature_fits() -> None:
    """The control of every attack below: without its signature nothing is opened."""
    token = jose.sign(b"{}", Kind.MESSAGE, KEY)
    signed_by_other = token.rpartition(b".")[0] + b"." + jose.sign(b"{}", Kind.MESSAGE, OTHER).rpartition(b".")[2]

    with refused(Reason.BAD_SIGNATURE):
        opened(signed_by_other)


def test_any_bit_flipped_anywhere_is_refused() -> None:
    token = jose.sign(b'{"text":"seized at the border"}', Kind.MESSAGE, KEY)

    for n in range(len(token)):
        for bit in range(8):
            flipped = token[:n] + bytes([token[n] ^ 1 << bit]) + token[n + 1 :]
            with refused(*GATE):
                opened(flipped)


def test_any_byte_changed_in_a_proof_is_refused() -> None:
    token = jose.sign_with_own_key(b'{"htm":"GET"}', Kind.PROOF, KEY)

    assert read_with_own_key(token, Kind.PROOF, limit=LIMIT, bound=KEY.public).verify().payload == b'{"htm":"GET"}'
    for changed in one_byte_changed(token):
        with refused(*GATE, Reason.KEY_MALFORMED):
            read_with_own_key(changed, Kind.PROOF, limit=LIMIT, bound=KEY.public.kid).verify()


@given(token=st.binary(max_size=300) | st.text(st.sampled_from("ab9-_."), max_size=80).map(str.encode))
def test_any_bytes_are_refused_and_never_more_than_that(token: bytes) -> None:
    assert outcome(lambda: opened(token)) in GATE
    assert outcome(lambda: jose.key_id_of(token, limit=LIMIT)) in GATE
    assert outcome(lambda: jose.own_key_of(token, limit=LIMIT)) in GATE | {Reason.KEY_MALFORMED}


def test_the_other_signature_of_the_same_bytes_is_the_same_message() -> None:
    """(r, n - s) verifies too, and anybody can make it. What identifies a message is what was signed."""
    token = jose.sign(b"{}", Kind.MESSAGE, KEY)

    first, second = opened(token), opened(malleated(token))

    assert first.token != second.token
    assert first.signed == second.signed
    assert first.payload == second.payload


def test_the_limit_is_counted_in_bytes_of_the_whole_token() -> None:
    token = jose.sign(b"{}", Kind.MESSAGE, KEY)

    assert jose.open_jws(token, Kind.MESSAGE, KEYS, limit=len(token)).payload == b"{}"
    with refused(Reason.JWS_MALFORMED):
        jose.open_jws(token, Kind.MESSAGE, KEYS, limit=len(token) - 1)


def test_a_token_says_by_which_key_it_claims_to_be() -> None:
    """For looking the key up; nothing is verified yet."""
    assert jose.key_id_of(jose.sign(b"{}", Kind.MESSAGE, KEY), limit=LIMIT) == KEY.public.kid
    assert jose.own_key_of(jose.sign_with_own_key(b"{}", Kind.PROOF, KEY), limit=LIMIT) == KEY.public


def test_a_key_outside_the_set_is_unknown_however_good_its_signature() -> None:
    stranger = SigningKey.generate()

    with refused(Reason.UNKNOWN_KEY):
        opened(jose.sign(b"{}", Kind.MESSAGE, stranger))


# base64url


@given(raw=st.binary(max_size=100))
def test_bytes_come_back_from_base64url(raw: bytes) -> None:
    assert decode(encode(raw).encode()) == raw


@given(segment=st.text(st.sampled_from("AQgw048-_+/= \n"), max_size=12).map(str.encode) | st.binary(max_size=12))
def test_bytes_have_a_single_spelling(segment: bytes) -> None:
    raw = outcome(lambda: decode(segment))

    assert raw is Reason.JWS_MALFORMED or (isinstance(raw, bytes) and encode(raw).encode() == segment)


def test_every_last_character_but_one_is_refused() -> None:
    """All 64 for each remainder: of those that decode to the same bytes, one is canonical."""
    for stem, canonical in ((b"AA", 16), (b"A", 4)):
        spellings = [stem + bytes([c]) for c in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
        accepted = [s for s in spellings if outcome(lambda s=s: decode(s)) is not Reason.JWS_MALFORMED]  # type: ignore[misc]
        assert len(accepted) == canonical


# Keys


def test_a_thumbprint_is_that_of_the_rfc() -> None:
    """RFC 7638 over the key of RFC 7515, A.3."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }

    assert jose.public_key(jwk).kid == "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
    assert jose.public_key(jwk).jwk == jwk


def test_a_good_signature_without_kind_and_key_is_not_enough() -> None:
    """The token of RFC 7515, A.3."""
    token = (
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        b"cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )

    with refused(Reason.JWS_HEADER):
        opened(token)


def test_a_signing_key_comes_back_from_its_pem() -> None:
    again = SigningKey.from_pem(KEY.to_pem())

    assert again.public == KEY.public
    assert opened(jose.sign(b"{}", Kind.MESSAGE, again)).payload == b"{}"


def test_a_pem_without_a_p256_key_is_none() -> None:
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    plain, locked = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    private = serialization.load_pem_private_key(KEY.to_pem(), password=None)
    wrong = [
        ec.generate_private_key(ec.SECP384R1()).private_bytes(pem, pkcs8, plain),
        ec.generate_private_key(ec.SECP256K1()).private_bytes(pem, pkcs8, plain),
        Ed25519PrivateKey.generate().private_bytes(pem, pkcs8, plain),
        private.private_bytes(pem, pkcs8, locked),
        KEY.to_pem()[:-40],
        b"",
    ]

    for text in wrong:
        with refused(Reason.KEY_MALFORMED):
            SigningKey.from_pem(text)


def test_a_key_does_not_show_itself() -> None:
    secret = KEY.to_pem().decode().split("\n")[1]

    assert secret not in repr(KEY)
    assert "_private" not in repr(KEY)


@pytest.mark.parametrize("kid", [None, 1, [], {}, "", "short", "x" * 44, "ü" * 43, "x" * 42 + "\n"])
def test_a_kid_that_is_no_thumbprint_names_nothing(kid: object) -> None:
    token = forged({"alg": "ES256", "kid": kid, "typ": Kind.MESSAGE.value}, b"{}", KEY)

    with refused(Reason.JWS_HEADER):
        opened(token)
    with refused(Reason.JWS_HEADER):
        jose.key_id_of(token, limit=LIMIT)
