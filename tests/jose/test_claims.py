"""The three tokens of access: exactly their claims, within their times, for their one purpose, and once."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import jose
from exchange.jose import LIFETIME, PROOF_AGE, SKEW, TOKEN_LIMIT, AccessToken, Kind, SigningKey
from exchange.refusal import Reason
from tests.jose.forgery import forged, honest_header, malleated
from tests.refused import outcome, refused

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
KEYS = {KEY.public.kid: KEY.public, OTHER.public.kid: OTHER.public}

NOW = 1_795_600_000
URL = "https://exchange.example"
ORIGIN = "exchange.example/training"
INBOX = URL + "/v1/inbox"
JTI = "0123456789abcdef"

# Values that a careless reader takes for a whole number, or for a text.
NO_NUMBER: list[Any] = [True, False, None, str(NOW), float(NOW), NOW + 0.5, [NOW], {}]
NO_TEXT: list[Any] = [True, None, 1, 1.5, [], ["text"], {}]

ASSERTION: dict[str, Any] = {
    "iss": "ncb-fra", "sub": "ncb-fra", "aud": URL, "jti": JTI, "iat": NOW, "exp": NOW + 60,
}  # fmt: skip
PROOF: dict[str, Any] = {"htm": "GET", "htu": INBOX, "jti": JTI, "iat": NOW}
ACCESS: dict[str, Any] = {
    "iss": URL, "aud": ORIGIN, "sub": "ncb-fra", "client_id": "ncb-fra", "client_kid": KEY.public.kid,
    "cnf": {"jkt": OTHER.public.kid}, "user": "u-117", "purpose": "P3", "jti": JTI, "iat": NOW, "exp": NOW + LIFETIME,
}  # fmt: skip


def without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {n: value for n, value in claims.items() if n != name}


def asserted(claims: Any, *, now: int = NOW) -> jose.Assertion:
    token = forged(honest_header(Kind.ASSERTION, KEY), json.dumps(claims).encode(), KEY)
    return jose.read_assertion(token, KEYS, audience=URL, now=now)


def proved(claims: Any, *, now: int = NOW, ath: str | None = None, key: SigningKey = KEY) -> jose.ProofOfKey:
    header = {"alg": "ES256", "typ": Kind.PROOF.value, "jwk": key.public.jwk}
    token = forged(header, json.dumps(claims).encode(), key)
    return jose.read_proof(token, bound=KEY.public, method="GET", url=INBOX, now=now, access_token_hash=ath)


def granted(claims: Any) -> AccessToken:
    token = forged(honest_header(Kind.ACCESS, KEY), json.dumps(claims).encode(), KEY)
    return jose.read_access(token, KEYS, issuer=URL, audience=ORIGIN)


def test_the_bounds_are_those_of_the_protocol() -> None:
    """Seconds and bytes as docs/protocol.md states them; the tests below count from these."""
    assert (LIFETIME, PROOF_AGE, SKEW, TOKEN_LIMIT) == (300, 60, 10, 4096)


# Assertions


@given(now=st.integers(0, 2**40), user=st.text(max_size=64), purpose=st.text(max_size=8))
def test_an_assertion_says_what_it_was_made_to_say(now: int, user: str, purpose: str) -> None:
    if any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in user + purpose):
        return
    token = jose.write_assertion(KEY, participant="ncb-fra", audience=URL, jti=JTI, now=now, user=user, purpose=purpose)

    read = jose.read_assertion(token, KEYS, audience=URL, now=now)

    assert (read.participant, read.user, read.purpose) == ("ncb-fra", user, purpose)
    assert read.expires == now + PROOF_AGE


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(ASSERTION | {"aud": ORIGIN}, id="for another audience"),
        pytest.param(ASSERTION | {"aud": URL + "/v1/token"}, id="for the token endpoint and not the issuer"),
        pytest.param(ASSERTION | {"aud": URL + "/"}, id="with a slash"),
        pytest.param(ASSERTION | {"aud": [URL]}, id="audiences in a list"),
        pytest.param(ASSERTION | {"aud": ""}, id="for nobody"),
        pytest.param(ASSERTION | {"sub": "ncb-ita"}, id="about another"),
        pytest.param(ASSERTION | {"iss": "ncb-ita"}, id="by another"),
        pytest.param(ASSERTION | {"iat": NOW - 10, "exp": NOW}, id="over now"),
        pytest.param(ASSERTION | {"iat": NOW - 100, "exp": NOW - 1}, id="over"),
        pytest.param(ASSERTION | {"iat": NOW + 5, "exp": NOW + 5}, id="of no life"),
        pytest.param(ASSERTION | {"iat": NOW + 5, "exp": NOW + 4}, id="over before it began"),
        pytest.param(ASSERTION | {"exp": NOW + LIFETIME + 1}, id="too long a life"),
        pytest.param(ASSERTION | {"iat": NOW + SKEW + 1, "exp": NOW + 60}, id="from the future"),
        pytest.param(ASSERTION | {"iat": -(2**53) + 1, "exp": 2**53 - 1}, id="from beginning to end"),
        pytest.param(ASSERTION | {"nbf": NOW}, id="a claim more"),
        pytest.param(ASSERTION | {"role": "admin"}, id="a role"),
        pytest.param(ASSERTION | {"jti": "x" * 15}, id="short jti"),
        pytest.param(ASSERTION | {"jti": "x" * 129}, id="long jti"),
        pytest.param(ASSERTION | {"user": "u" * 65}, id="long user"),
        pytest.param(ASSERTION | {"purpose": "P" * 9}, id="long purpose"),
        pytest.param([ASSERTION], id="a list"),
        pytest.param(None, id="null"),
        *(pytest.param(without(ASSERTION, name), id=f"no {name}") for name in ASSERTION),
        *(pytest.param(ASSERTION | {n: v}, id=f"{n} {v!r}") for n in ("iat", "exp") for v in NO_NUMBER),
        *(pytest.param(ASSERTION | {n: v}, id=f"{n} {v!r}") for n in ("iss", "aud", "jti", "user") for v in NO_TEXT),
    ],
)
def test_an_assertion_that_says_anything_else_is_refused(claims: Any) -> None:
    with refused(Reason.ASSERTION_WRONG):
        asserted(claims)


@pytest.mark.parametrize(
    "claims",
    [
        ASSERTION | {"exp": NOW + 1},
        ASSERTION | {"exp": NOW + LIFETIME},
        ASSERTION | {"iat": NOW + SKEW, "exp": NOW + SKEW + LIFETIME},
        ASSERTION | {"iat": NOW - LIFETIME + 1, "exp": NOW + 1},
        ASSERTION | {"jti": "x" * 16},
        ASSERTION | {"jti": "x" * 128},
        ASSERTION | {"user": "u" * 64, "purpose": "P" * 8},
    ],
    ids=["one second left", "longest life", "as far ahead as may be", "its last second", "short", "long", "full"],
)
def test_an_assertion_at_the_edge_is_taken(claims: dict[str, Any]) -> None:
    assert asserted(claims).participant == "ncb-fra"


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(ASSERTION)[:-1] + ',"sub":"ncb-ita","sub":"ncb-fra"}',
        json.dumps(ASSERTION)[:-1] + ',"aud":"' + URL + '"}',
        json.dumps(ASSERTION).replace(str(NOW + 60), "1e999"),
        json.dumps(ASSERTION).replace(str(NOW), "NaN"),
        json.dumps(ASSERTION).replace(JTI, JTI + "\\u0000"),
        json.dumps(ASSERTION).replace(JTI, JTI + "\\ud800"),
        "\ufeff" + json.dumps(ASSERTION),
        json.dumps(ASSERTION) + "{}",
        "[" * 1000,
    ],
    ids=["sub thrice", "aud twice", "float overflow", "NaN", "U+0000", "surrogate", "mark", "two values", "deep"],
)
def test_claims_in_other_json_are_refused(payload: str) -> None:
    token = forged(honest_header(Kind.ASSERTION, KEY), payload.encode(), KEY)

    with refused(Reason.ASSERTION_WRONG):
        jose.read_assertion(token, KEYS, audience=URL, now=NOW)


# Access tokens


@given(times=st.integers(LIFETIME, 2**40))
def test_an_access_token_says_what_the_gateway_said(times: int) -> None:
    said = AccessToken(
        participant="ncb-fra", kid=KEY.public.kid, user="u-117", purpose="P3", jkt=OTHER.public.kid, expires=times
    )

    token = jose.write_access(KEY, said, issuer=URL, audience=ORIGIN, jti=JTI)

    assert jose.read_access(token, KEYS, issuer=URL, audience=ORIGIN) == said


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(ACCESS | {"iss": "https://elsewhere.example"}, id="by another exchange"),
        pytest.param(ACCESS | {"aud": "exchange.example"}, id="for another exchange"),
        pytest.param(ACCESS | {"aud": [ORIGIN]}, id="for a list"),
        pytest.param(ACCESS | {"cnf": {}}, id="bound to nothing"),
        pytest.param(ACCESS | {"cnf": {"jkt": 1}}, id="bound to a number"),
        pytest.param(ACCESS | {"cnf": {"jkt": None}}, id="bound to null"),
        pytest.param(ACCESS | {"cnf": OTHER.public.kid}, id="bound by a text"),
        pytest.param(ACCESS | {"cnf": [{"jkt": OTHER.public.kid}]}, id="bound by a list"),
        pytest.param(ACCESS | {"cnf": {"jkt": OTHER.public.kid, "x": {"y": 1}}}, id="deeper than a token is"),
        pytest.param(ACCESS | {"scope": "all"}, id="a claim more"),
        pytest.param(ACCESS | {"jti": "short"}, id="short jti"),
        *(pytest.param(without(ACCESS, name), id=f"no {name}") for name in ACCESS),
        *(pytest.param(ACCESS | {"exp": value}, id=f"exp {value!r}") for value in NO_NUMBER),
        *(pytest.param(ACCESS | {n: v}, id=f"{n} {v!r}") for n in ("sub", "client_kid", "user") for v in NO_TEXT),
    ],
)
def test_an_access_token_that_says_anything_else_is_refused(claims: Any) -> None:
    assert granted(ACCESS).participant == "ncb-fra"
    with refused(Reason.TOKEN_WRONG):
        granted(claims)


@pytest.mark.parametrize("kind", [Kind.ASSERTION, Kind.MESSAGE, Kind.PROOF])
def test_a_token_of_another_kind_gives_no_access(kind: Kind) -> None:
    token = forged(honest_header(kind, KEY), json.dumps(ACCESS).encode(), KEY)

    with refused(Reason.TOKEN_WRONG):
        jose.read_access(token, KEYS, issuer=URL, audience=ORIGIN)


def test_whatever_is_wrong_with_an_access_token_it_is_one_answer() -> None:
    stranger = SigningKey.generate()
    by_stranger = forged(honest_header(Kind.ACCESS, stranger), json.dumps(ACCESS).encode(), stranger)

    for token in (b"", b"a.b.c", by_stranger, b"x" * (TOKEN_LIMIT + 1)):
        with refused(Reason.TOKEN_WRONG):
            jose.read_access(token, KEYS, issuer=URL, audience=ORIGIN)


# Proofs of key


@given(now=st.integers(0, 2**40), access_token=st.none() | st.binary(min_size=1, max_size=40))
def test_a_proof_fits_the_request_that_it_was_made_for(now: int, access_token: bytes | None) -> None:
    token = jose.write_proof(KEY, method="GET", url=INBOX, jti=JTI, now=now, access_token=access_token)
    ath = None if access_token is None else jose.token_hash(access_token)

    for bound in (KEY.public, KEY.public.kid):
        read = jose.read_proof(token, bound=bound, method="GET", url=INBOX, now=now, access_token_hash=ath)
        assert (read.key, read.issued, read.expires) == (KEY.public, now, now + PROOF_AGE + SKEW)


def test_the_hash_of_a_token_is_that_of_the_rfc() -> None:
    """RFC 9449, 7.1."""
    token = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

    assert jose.token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(PROOF | {"htm": "POST"}, id="another method"),
        pytest.param(PROOF | {"htm": "get"}, id="method in small letters"),
        pytest.param(PROOF | {"htu": URL + "/v1/sent"}, id="another address"),
        pytest.param(PROOF | {"htu": "https://elsewhere.example/v1/inbox"}, id="another host"),
        pytest.param(PROOF | {"htu": INBOX.replace("https", "http")}, id="another scheme"),
        pytest.param(PROOF | {"htu": INBOX + "?limit=1"}, id="with a query"),
        pytest.param(PROOF | {"htu": INBOX + "/"}, id="with a slash"),
        pytest.param(PROOF | {"htu": "/v1/inbox"}, id="path only"),
        pytest.param(PROOF | {"iat": NOW - PROOF_AGE - 1}, id="a second too old"),
        pytest.param(PROOF | {"iat": NOW + SKEW + 1}, id="a second too far ahead"),
        pytest.param(PROOF | {"jti": "x" * 15}, id="short jti"),
        pytest.param(PROOF | {"jti": "x" * 129}, id="long jti"),
        pytest.param(PROOF | {"ath": jose.token_hash(b"token")}, id="for a token, where there is none"),
        pytest.param(PROOF | {"nonce": "n"}, id="a claim more"),
        *(pytest.param(without(PROOF, name), id=f"no {name}") for name in PROOF),
        *(pytest.param(PROOF | {"iat": value}, id=f"iat {value!r}") for value in NO_NUMBER),
        *(pytest.param(PROOF | {n: v}, id=f"{n} {v!r}") for n in ("htm", "htu", "jti") for v in NO_TEXT),
    ],
)
def test_a_proof_for_anything_else_is_refused(claims: Any) -> None:
    with refused(Reason.PROOF_OF_KEY_WRONG):
        proved(claims)


@pytest.mark.parametrize("age", [-SKEW, -1, 0, 1, PROOF_AGE])
def test_a_proof_is_good_from_a_minute_back_to_ten_seconds_ahead(age: int) -> None:
    assert proved(PROOF | {"iat": NOW - age}).issued == NOW - age


def test_a_proof_is_remembered_until_it_could_no_longer_come() -> None:
    proof = proved(PROOF | {"iat": NOW + SKEW})

    with refused(Reason.PROOF_OF_KEY_WRONG):
        proved(PROOF | {"iat": NOW + SKEW}, now=proof.expires + 1)


@pytest.mark.parametrize("ath", [None, jose.token_hash(b"another"), "", 1], ids=["none", "another", "empty", "number"])
def test_a_proof_for_another_access_token_is_refused(ath: Any) -> None:
    claims = PROOF if ath is None else PROOF | {"ath": ath}
    right = jose.token_hash(b"token")

    assert proved(PROOF | {"ath": right}, ath=right).key == KEY.public
    with refused(Reason.PROOF_OF_KEY_WRONG):
        proved(claims, ath=right)


def test_a_proof_by_another_key_is_refused() -> None:
    with refused(Reason.PROOF_OF_KEY_WRONG):
        proved(PROOF, key=OTHER)


def test_a_proof_that_gives_its_private_key_away_is_refused() -> None:
    header = {"alg": "ES256", "typ": Kind.PROOF.value, "jwk": KEY.public.jwk | {"d": KEY.public.x}}
    token = forged(header, json.dumps(PROOF).encode(), KEY)

    for bound in (KEY.public, KEY.public.kid):
        with refused(Reason.PROOF_OF_KEY_WRONG):
            jose.read_proof(token, bound=bound, method="GET", url=INBOX, now=NOW)


@given(token=st.binary(max_size=200) | st.text(st.sampled_from("eyJ.A-_"), max_size=60).map(str.encode))
def test_any_bytes_are_no_token_of_access(token: bytes) -> None:
    at_the_gate = {Reason.JWS_MALFORMED, Reason.JWS_HEADER, Reason.UNKNOWN_KEY, Reason.ASSERTION_WRONG}

    assert outcome(lambda: jose.read_assertion(token, KEYS, audience=URL, now=NOW)) in at_the_gate
    assert outcome(lambda: jose.read_access(token, KEYS, issuer=URL, audience=ORIGIN)) is Reason.TOKEN_WRONG
    proof = outcome(lambda: jose.read_proof(token, bound=KEY.public, method="GET", url=INBOX, now=NOW))
    assert proof is Reason.PROOF_OF_KEY_WRONG


# Once


def test_a_token_is_single_by_its_jti_and_key_and_not_by_its_signature() -> None:
    """So neither a fresh signature nor a malleated one makes a token new; another key or another kind does."""
    token = jose.write_proof(KEY, method="GET", url=INBOX, jti=JTI, now=NOW)

    def single_use(proof: bytes, bound: SigningKey = KEY) -> bytes:
        return jose.read_proof(proof, bound=bound.public, method="GET", url=INBOX, now=NOW).single_use

    assert single_use(malleated(token)) == single_use(token)
    assert single_use(jose.write_proof(KEY, method="GET", url=INBOX, jti=JTI, now=NOW - 1)) == single_use(token)
    assert single_use(jose.write_proof(KEY, method="GET", url=INBOX, jti=JTI + "x", now=NOW)) != single_use(token)
    assert single_use(jose.write_proof(OTHER, method="GET", url=INBOX, jti=JTI, now=NOW), OTHER) != single_use(token)
    assert asserted(ASSERTION).single_use != single_use(token)


@pytest.mark.parametrize("size", [TOKEN_LIMIT - 200, TOKEN_LIMIT])
def test_a_token_of_access_has_four_kilobytes_at_most(size: int) -> None:
    token = forged(honest_header(Kind.ASSERTION, KEY), json.dumps(ASSERTION).encode() + b" " * size, KEY)

    assert len(token) > TOKEN_LIMIT
    with refused(Reason.JWS_MALFORMED):
        jose.read_assertion(token, KEYS, audience=URL, now=NOW)
