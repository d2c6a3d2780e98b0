"""Who calls: tokens, proofs and keys, at every door; and rights that are asked again at every call."""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from exchange import jose, main, strictjson
from exchange.jose import Kind, SigningKey
from exchange.participant import ChangeKind
from tests.doors.house import House, fresh_id
from tests.doors.visitor import JOSE, Visitor

Own = Callable[..., House]


def reason(answer: httpx.Response) -> str:
    return str(answer.json().get("reason", answer.status_code))


def newcomer(house: House) -> Visitor:
    return house[house.newcomer(f"ncb-u{secrets.token_hex(3)}").id]


def revoke(house: House, visitor: Visitor, key: SigningKey) -> None:
    officer = house.world[visitor.id].officer
    house.change(ChangeKind.KEY_REVOKE, officer, participant=visitor.id, kid=key.public.kid, reason="lost")


# Keys that are taken back


def test_the_token_of_a_revoked_key_dies_at_the_next_call(house: House) -> None:
    visitor = newcomer(house)
    before = visitor.get("/v1/directory")

    revoke(house, visitor, visitor.access)

    assert before.status_code == 200
    assert reason(visitor.get("/v1/directory")) == "TOKEN_WRONG"
    assert reason(visitor.send(visitor.write("ncb-ita"))) == "TOKEN_WRONG"
    assert reason(visitor.ask_token()) == "ASSERTION_WRONG"


def test_a_revoked_message_key_signs_nothing_new_and_what_it_signed_keeps_its_receipt(house: House) -> None:
    visitor = newcomer(house)
    sent = visitor.sent("ncb-ita")

    revoke(house, visitor, visitor.message)
    again = visitor.post("/v1/messages", sent["jws"].encode())

    assert reason(visitor.send(visitor.write("ncb-ita"))) == "KEY_NOT_VALID"
    assert again.status_code == 200
    assert again.json()["leaf"] == sent["leaf"]
    assert again.json()["routing"] == sent["routing"]
    assert reason(visitor.acknowledge(house["ncb-ita"].sent(visitor.id)["item"])) == "KEY_NOT_VALID"


def test_a_sender_that_was_suspended_since_still_gets_its_receipt(house: House) -> None:
    visitor = newcomer(house)
    sent = visitor.sent("ncb-ita")

    house.suspend(visitor.id)
    again, fresh = visitor.post("/v1/messages", sent["jws"].encode()), visitor.send(visitor.write("ncb-ita"))

    assert (again.status_code, again.json()["position"]) == (200, sent["position"])
    assert reason(fresh) == "DENIED"


# Tokens and the key they are bound to


def test_a_token_is_of_no_use_without_the_key_it_is_bound_to(house: House) -> None:
    visitor = house["ncb-fra"]
    token = visitor.token
    proof = visitor.proof("GET", "/v1/inbox", token=token, key=SigningKey.generate())

    answer = get(visitor, "/v1/inbox", token, proof)

    assert reason(answer) == "PROOF_OF_KEY_WRONG"


def test_a_token_of_another_exchange_is_none(own: Own, house: House) -> None:
    """The same participants with the same keys, and another token key."""
    elsewhere = own()
    with elsewhere.opened():
        token = elsewhere["ncb-fra"].token

    visitor = house.visitor("ncb-fra")
    assert reason(get(visitor, "/v1/inbox", token, visitor.proof("GET", "/v1/inbox", token=token))) == "TOKEN_WRONG"


def test_an_assertion_is_of_no_use_elsewhere_or_twice(house: House) -> None:
    visitor = house.visitor("ncb-fra")
    once = visitor.assertion()

    assert visitor.ask_token(once).status_code == 200
    assert reason(visitor.ask_token(once)) == "REPLAYED"
    for instead in ({"audience": "http://127.0.0.1:1"}, {"participant": "ncb-ita"}, {"now": int(time.time()) - 400}):
        assert reason(visitor.ask_token(visitor.assertion(**instead))) == "ASSERTION_WRONG"


def test_a_message_key_gets_no_token(house: House) -> None:
    visitor = house.visitor("ncb-fra", access=house.world["ncb-fra"].message)

    assert reason(visitor.ask_token()) == "ASSERTION_WRONG"


def test_a_token_lives_for_five_minutes(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timedelta(0)
    monkeypatch.setattr(main, "now", lambda: datetime.now(UTC) + later)
    house = own()
    with house.opened():
        visitor = house["ncb-fra"]
        token, answers = visitor.token, []
        for seconds in (0, 299, 301):
            later = timedelta(seconds=seconds)
            proof = visitor.proof("GET", "/v1/directory", token=token, now=int(time.time()) + seconds)
            answers.append(get(visitor, "/v1/directory", token, proof))

    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert reason(answers[-1]) == "TOKEN_WRONG"


# Proofs


def get(visitor: Visitor, path: str, token: bytes, proof: bytes, **headers: str) -> httpx.Response:
    proven = {"Authorization": f"DPoP {token.decode()}", "DPoP": proof.decode(), **headers}
    return visitor.http.get(visitor.url + path, headers=proven)


def test_a_proof_is_good_once(house: House) -> None:
    visitor = house["ncb-fra"]
    headers = visitor.headers("GET", "/v1/directory")

    answers = [visitor.http.get(house.url + "/v1/directory", headers=headers) for _ in range(2)]

    assert [reason(answer) for answer in answers] == ["200", "REPLAYED"]


def test_a_posts_proof_is_not_spent_because_its_message_is_single(house: House) -> None:
    visitor = house["ncb-fra"]
    headers = visitor.headers("POST", "/v1/messages") | {"Content-Type": JOSE}
    token = visitor.sign(visitor.write("ncb-ita"))

    answers = [visitor.http.post(house.url + "/v1/messages", content=token, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]


@pytest.mark.parametrize(
    "instead",
    [
        {"url": "https://exchange.example/v1/directory"},
        {"url": "/v1/directory"},
        {"now": int(time.time()) - 3600},
        {"now": int(time.time()) + 3600},
        {"jti": "short"},
        {"jti": "x" * 129},
    ],
    ids=lambda instead: f"{next(iter(instead))}",
)
def test_a_proof_is_for_one_request_now(instead: dict[str, Any], house: House) -> None:
    visitor = house["ncb-fra"]
    token = visitor.token

    answer = get(visitor, "/v1/directory", token, visitor.proof("GET", "/v1/directory", token=token, **instead))

    assert reason(answer) == "PROOF_OF_KEY_WRONG"


def test_a_proof_names_the_method_the_address_and_the_token(house: House) -> None:
    visitor = house["ncb-fra"]
    token = visitor.token
    proofs = [
        visitor.proof("POST", "/v1/directory", token=token),
        visitor.proof("GET", "/v1/inbox", token=token),
        visitor.proof("GET", "/v1/directory", token=None),
        visitor.proof("GET", "/v1/directory", token=house["ncb-ita"].token),
    ]

    answers = [get(visitor, "/v1/directory", token, proof) for proof in proofs]

    assert {reason(answer) for answer in answers} == {"PROOF_OF_KEY_WRONG"}


def test_the_host_header_does_not_choose_the_address(house: House) -> None:
    """A captured proof of a post, which is not spent, must open no other door: `Host` says nothing of the path."""
    visitor = house["ncb-fra"]
    token, proof = visitor.token, visitor.proof("GET", "/v1/directory", token=visitor.token)

    answer = get(visitor, "/v1/inbox", token, proof, Host="exchange.example/v1/directory?")

    assert reason(answer) == "PROOF_OF_KEY_WRONG"


def test_what_comes_twice_is_not_chosen_from(house: House) -> None:
    visitor = house["ncb-fra"]
    other = house["ncb-ita"].headers("GET", "/v1/directory")
    for name, wanted in (("Authorization", "TOKEN_WRONG"), ("DPoP", "PROOF_OF_KEY_WRONG")):
        own = visitor.headers("GET", "/v1/directory")
        twice = [*own.items(), (name, other[name])]
        assert reason(visitor.http.get(house.url + "/v1/directory", headers=twice)) == wanted


def test_a_bearer_token_is_none(house: House) -> None:
    visitor = house["ncb-fra"]
    headers = visitor.headers("GET", "/v1/directory")
    bearer = headers | {"Authorization": headers["Authorization"].replace("DPoP", "Bearer")}

    assert reason(visitor.http.get(house.url + "/v1/directory", headers=bearer)) == "TOKEN_WRONG"


# Kinds of token at each door


def at_the_token_door(house: House, kind: Kind) -> httpx.Response:
    visitor = house["ncb-fra"]
    claims: dict[str, strictjson.JsonValue] = {
        "iss": "ncb-fra",
        "sub": "ncb-fra",
        "aud": house.url,
        "jti": secrets.token_urlsafe(24),
        "iat": int(time.time()),
        "exp": int(time.time()) + 60,
    }
    return visitor.ask_token(jose.sign(strictjson.write(claims), kind, visitor.access))


def at_every_door_as_a_token(house: House, kind: Kind) -> httpx.Response:
    """The payload of a real access token, under the exchange's own key."""
    visitor = house["ncb-fra"]
    payload = jose.decode(visitor.token.split(b".")[1])
    key = SigningKey.from_pem((house.served.folder / "secrets" / "token.pem").read_bytes())
    token = jose.sign(payload, kind, key)
    return get(visitor, "/v1/directory", token, visitor.proof("GET", "/v1/directory", token=token))


def at_every_door_as_a_proof(house: House, kind: Kind) -> httpx.Response:
    visitor = house["ncb-fra"]
    token = visitor.token
    payload = jose.decode(visitor.proof("GET", "/v1/directory", token=token).split(b".")[1])
    return get(visitor, "/v1/directory", token, jose.sign_with_own_key(payload, kind, visitor.bound))


def at_the_posting_door(house: House, kind: Kind) -> httpx.Response:
    visitor = house["ncb-fra"]
    document = strictjson.write(visitor.write("ncb-ita"))
    return visitor.post("/v1/messages", jose.sign(document, kind, visitor.message))


def at_the_acknowledging_door(house: House, kind: Kind) -> httpx.Response:
    visitor = house["ncb-ita"]
    own = visitor.acknowledgement(house["ncb-fra"].sent("ncb-ita")["item"])
    token = jose.sign(jose.decode(own.split(b".")[1]), kind, visitor.message)
    return visitor.post("/v1/acknowledgements", token)


def suspension(house: House) -> bytes:
    """Of somebody who is nobody: refused where its content is looked at, and so without effect."""
    content = {"participant": "ncb-nobody", "status": "suspended"}
    officer = house.world.officers[0]
    return house.world.change(ChangeKind.STATUS, officer, id=fresh_id(), made_at=datetime.now(UTC), **content)


def at_the_door_for_changes(house: House, kind: Kind) -> httpx.Response:
    payload = jose.decode(suspension(house).split(b".")[1])
    return house["one"].post("/v1/directory/changes", jose.sign(payload, kind, house.world.officers[0]))


def at_the_door_for_approvals(house: House, kind: Kind) -> httpx.Response:
    content = {"participant": "ncb-bra", "clearance": "RES", "purposes": ["P3"], "crime_areas": ["DRG"]}
    first, second = house.world.officers
    change = house.world.change(ChangeKind.RIGHTS, first, id=fresh_id(), made_at=datetime.now(UTC), **content)
    at = f"/v1/directory/changes/{house['one'].post('/v1/directory/changes', change).json()['change']}/approvals"
    answer = house["one"].post(
        at, jose.sign(jose.decode(house.world.approval(change, second).split(b".")[1]), kind, second)
    )
    if answer.status_code == 201:
        house.grant("ncb-bra", "OUO")
    return answer


DOORS: dict[Kind, tuple[Callable[[House, Kind], httpx.Response], str, set[str]]] = {
    Kind.ASSERTION: (at_the_token_door, "200", {"ASSERTION_WRONG"}),
    Kind.ACCESS: (at_every_door_as_a_token, "200", {"TOKEN_WRONG"}),
    Kind.PROOF: (at_every_door_as_a_proof, "200", {"PROOF_OF_KEY_WRONG"}),
    Kind.MESSAGE: (at_the_posting_door, "201", {"JWS_HEADER"}),
    Kind.ACKNOWLEDGEMENT: (at_the_acknowledging_door, "201", {"JWS_HEADER"}),
    Kind.CHANGE: (at_the_door_for_changes, "CHANGE_WRONG", {"JWS_HEADER"}),
    Kind.APPROVAL: (at_the_door_for_approvals, "201", {"JWS_HEADER"}),
}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("door", DOORS, ids=lambda kind: kind.value)
def test_a_door_takes_its_own_kind_of_token_and_no_other(door: Kind, house: House) -> None:
    knock, accepted, refused = DOORS[door]

    answers = {kind: reason(knock(house, kind)) for kind in Kind}

    assert answers.pop(door) == accepted
    assert set(answers.values()) == refused


# Who signs and who calls


def test_a_recipient_cannot_post_what_its_sender_signed(house: House) -> None:
    sent = house["ncb-fra"].sent("ncb-ita")

    assert reason(house["ncb-ita"].post("/v1/messages", sent["jws"].encode())) == "UNKNOWN_KEY"


def test_another_sender_may_use_the_same_id(house: House) -> None:
    first = house["ncb-fra"].sent("ncb-deu")["document"]

    second = house["ncb-ita"].send(house["ncb-ita"].write("ncb-deu", id=first["id"], sent_at=first["sent_at"]))

    assert second.status_code == 201


def test_everybodys_items_are_closed_to_everybody_else(house: House) -> None:
    """Each asks for each object of each other over each door: what was not sent to it is not there."""
    bureaus = ("ncb-fra", "ncb-ita", "ncb-deu", "ncb-bra", "ncb-esp", "agy-drugs")
    items = {
        (sender, reader): house[sender].sent(reader)["item"]
        for sender, reader in zip(bureaus, bureaus[1:] + bureaus[:1], strict=True)
    }

    leaks = [
        (who, item, path)
        for who in bureaus
        for (sender, reader), item in items.items()
        for path, entitled in (
            (f"/v1/messages/{item}", {sender, reader}),
            (f"/v1/threads/{item}", {sender, reader}),
            (f"/v1/messages/{item}/deliveries", {sender}),
        )
        if (house[who].get(path).status_code == 200) != (who in entitled)
    ]

    assert leaks == []
