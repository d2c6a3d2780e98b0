"""Where HTTP begins: what is too much, too slow, too often, or no request of ours."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from tests.doors.house import AUDITOR, House
from tests.doors.provoking import CANARY, slowly
from tests.doors.visitor import FORM, JOSE, Visitor

Own = Callable[..., House]

MESSAGE_LIMIT = 256 * 1024

# No store is asked before these are answered.
pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def reason(answer: httpx.Response) -> str:
    return str(answer.json().get("reason", answer.status_code))


def spoken(house: House, raw: bytes, *, seconds: float = 5) -> bytes:
    """What a connection that says just this is answered."""
    with socket.create_connection(("127.0.0.1", house.served.port), timeout=seconds) as line:
        line.sendall(raw)
        answered = b""
        while b"\r\n\r\n" not in answered:
            part = line.recv(65536)
            if not part:
                break
            answered += part
    return answered


def head(visitor: Visitor, method: str, path: str, **more: str) -> bytes:
    headers = {"Host": "127.0.0.1", **visitor.headers(method, path), **more}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


# Too much


def test_a_body_without_end_is_cut_off_while_it_is_read(house: House) -> None:
    """No length is stated, and the body would go on for a gigabyte: it is answered long before, and not read on."""
    visitor = house["ncb-fra"]
    request = head(visitor, "POST", "/v1/messages", **{"Content-Type": JOSE, "Transfer-Encoding": "chunked"})
    chunk = b"10000\r\n" + b"A" * 65536 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", house.served.port), timeout=10) as line:
        line.sendall(request)
        try:
            while sent < 1 << 30:
                line.sendall(chunk)
                sent += 65536
        except (BrokenPipeError, ConnectionResetError):
            pass
        answered = line.recv(65536)

    assert answered.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answered.lower()
    assert sent < 32 << 20


def test_a_body_that_says_it_is_too_large_is_not_read_at_all(house: House) -> None:
    visitor = house["ncb-fra"]
    stated = {"Content-Type": JOSE, "Content-Length": str(1 << 40)}

    answered = spoken(house, head(visitor, "POST", "/v1/messages", **stated))

    assert answered.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("path", "media", "size"),
    [
        ("/v1/messages", JOSE, MESSAGE_LIMIT + 1),
        ("/v1/messages/preview", "application/json", MESSAGE_LIMIT + 1),
        ("/v1/acknowledgements", JOSE, 8 * 1024 + 1),
        ("/v1/directory/changes", JOSE, 512 * 1024 + 1),
        ("/v1/directory/changes/none/approvals", JOSE, 4 * 1024 + 1),
    ],
)
def test_every_door_has_its_cap(path: str, media: str, size: int, house: House) -> None:
    visitor = house["ncb-fra"]

    below, above = visitor.post(path, b"A" * (size - 1), media), visitor.post(path, b"A" * size, media)

    assert below.status_code != 413
    assert (above.status_code, reason(above)) == (413, "BODY_TOO_LARGE")


def test_a_stranger_has_a_cap_too(house: House) -> None:
    headers = {"Content-Type": FORM, "DPoP": "x"}
    with httpx.Client() as stranger:
        answers = [
            stranger.post(house.url + "/v1/token", content=b"a=" + b"A" * size, headers=headers)
            for size in (100, 1 << 20)
        ]

    assert [reason(answer) for answer in answers] == ["FORM_MALFORMED", "BODY_TOO_LARGE"]


def test_a_form_says_each_thing_once(house: House) -> None:
    visitor = house.visitor("ncb-fra")
    twice = visitor.http.post(
        house.url + "/v1/token",
        content="grant_type=a&grant_type=b&client_assertion_type=c&client_assertion=d",
        headers={"Content-Type": FORM, "DPoP": "x"},
    )
    parts = visitor.http.post(house.url + "/v1/token", files={"grant_type": b"a"}, headers={"DPoP": "x"})

    assert reason(twice) == "FORM_MALFORMED"
    assert reason(parts) == "MEDIA_TYPE"
    assert visitor.ask_token(what_nobody_knows="ignored").status_code == 200


# Too slow


def test_a_slow_body_holds_nobody_up(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__BODY_SECONDS="0.5")

    def stalls() -> Iterator[bytes]:
        yield b"A"
        time.sleep(1.5)
        yield b"A"

    with house.opened():
        answer = slowly(house["ncb-fra"], "/v1/messages", stalls())
        began = time.monotonic()
        other = house["ncb-ita"].get("/v1/directory")

    assert (answer.status_code, reason(answer)) == (408, "BODY_TOO_SLOW")
    assert other.status_code == 200
    assert time.monotonic() - began < 5


def test_whoever_leaves_in_the_middle_of_a_body_harms_nobody(house: House) -> None:
    visitor = house["ncb-fra"]
    stated = {"Content-Type": JOSE, "Content-Length": "1000"}
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", house.served.port), timeout=5) as line:
            line.sendall(head(visitor, "POST", "/v1/messages", **stated) + b"A" * 10)

    assert visitor.get("/v1/directory").status_code == 200
    assert "fault" not in house.served.log


# Too often


def test_a_flood_is_told_when_to_come_back_and_harms_only_itself(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__POSTS_PER_SECOND="2", EXCHANGE_LIMITS__POSTS_BURST="5")
    with house.opened() as gateway:
        paris, rome = house["ncb-fra"], house["ncb-ita"]
        answers = [paris.send(paris.write("ncb-deu")) for _ in range(30)]
        other = rome.send(rome.write("ncb-deu"))
        house.on_its_loop(gateway.doors.edge.refusals.count(everything=True))
        time.sleep(1.0)
        later = paris.send(paris.write("ncb-deu"))
        recorded = [e["leaf"] for e in house.leaves()]

    turned_away = [answer for answer in answers if answer.status_code == 429]
    assert len(turned_away) >= 20
    assert all(1 <= int(answer.headers["retry-after"]) <= 2 for answer in turned_away)
    assert (other.status_code, later.status_code) == (201, 201)
    assert sum(one["event"] == "request.refused" for one in recorded) == len(turned_away)


def test_a_flood_beyond_ten_is_counted_in_one_leaf(own: Own) -> None:
    house = own(
        EXCHANGE_LIMITS__POSTS_PER_SECOND="0.01",
        EXCHANGE_LIMITS__POSTS_BURST="1",
        EXCHANGE_LIMITS__REFUSALS_PER_MINUTE="10",
    )
    with house.opened() as gateway:
        paris = house["ncb-fra"]
        answers = [paris.send(paris.write("ncb-deu")) for _ in range(31)]
        house.on_its_loop(gateway.doors.edge.refusals.count(everything=True))
        recorded = [e["leaf"] for e in house.leaves()]

    assert [answer.status_code for answer in answers] == [201] + [429] * 30
    (counted,) = [one for one in recorded if one["event"] == "refusals.counted"]
    assert (counted["actor"], counted["type"], counted["count"]) == ("ncb-fra", "TOO_MANY_REQUESTS", 20)


def test_strangers_use_up_their_own_share_and_nobody_elses(own: Own) -> None:
    house = own(EXCHANGE_LIMITS__STRANGERS_PER_SECOND="0.1", EXCHANGE_LIMITS__STRANGERS_BURST="6")
    with house.opened():
        paris = house["ncb-fra"]
        assert paris.get("/v1/directory").status_code == 200
        with httpx.Client() as stranger:
            asked = {"Authorization": "DPoP x", "DPoP": "y"}
            answers = [stranger.get(house.url + "/v1/inbox", headers=asked) for _ in range(10)]
        known = paris.get("/v1/directory")

    assert reason(answers[0]) == "TOKEN_WRONG"
    assert reason(answers[-1]) == "TOO_MANY_REQUESTS"
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert known.status_code == 200


# No request of ours


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", "/", "NOT_FOUND"),
        ("GET", "/v1", "NOT_FOUND"),
        ("GET", f"/{CANARY}", "NOT_FOUND"),
        ("GET", "/v1/inbox/", "NOT_FOUND"),
        ("GET", "/docs", "NOT_FOUND"),
        ("GET", "/redoc", "NOT_FOUND"),
        ("GET", "/v1/messages/a/b/c", "NOT_FOUND"),
        ("GET", "/v1/messages", "METHOD_NOT_ALLOWED"),
        ("PUT", "/v1/messages", "METHOD_NOT_ALLOWED"),
        ("DELETE", "/v1/messages/x", "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/inbox", "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/v1/inbox", "METHOD_NOT_ALLOWED"),
        ("TRACE", "/v1/inbox", "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_is_no_address_or_method_is_a_problem_like_any_other(
    method: str, path: str, wanted: str, house: House
) -> None:
    visitor = house["ncb-fra"]

    answer = visitor.http.request(method, house.url + path, headers=visitor.headers(method, path))

    assert reason(answer) == wanted
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("allow" in answer.headers) == (wanted == "METHOD_NOT_ALLOWED")
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/inbox", "limit=0"),
        ("/v1/inbox", "limit=101"),
        ("/v1/inbox", "limit=1e2"),
        ("/v1/inbox", "wait=31"),
        ("/v1/inbox", "wait=nan"),
        ("/v1/inbox", "wait=inf"),
        ("/v1/inbox", "wait=-1"),
        ("/v1/inbox", f"cursor={'A' * 257}"),
        ("/v1/inbox", "limit=1&limit=2"),
        ("/v1/inbox", f"{CANARY}=1"),
        ("/v1/inbox", "Cursor=x"),
        ("/v1/directory", "x="),
        ("/v1/directory/changes", f"after={10**30}"),
        ("/v1/directory/changes", "after=-1"),
        ("/v1/trail/inclusion", "position=1"),
        ("/v1/trail/inclusion", f"position={2**53}&size=1"),
        ("/v1/trail/consistency", f"from={10**40}&to=1"),
        ("/v1/trail/consistency", "from=-1&to=1"),
        ("/v1/trail/entries", f"after={10**30}"),
    ],
)
def test_a_query_is_right_or_refused_and_booked_on_who_asked(path: str, query: str, house: House) -> None:
    visitor = house["ncb-fra"]

    answer = visitor.http.get(f"{house.url}{path}?{query}", headers=visitor.headers("GET", path))

    assert (answer.status_code, reason(answer)) == (400, "FORM_MALFORMED")
    assert json.loads(answer.json()["receipt"]["leaf"])["actor"] == "ncb-fra"
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "name", ["%01", "a%7fb", "%ff", "%F0%9F%90%B8", "..%2f..%2fetc", "x" * 200, "ncb-fra:", ":", "%20"]
)
def test_a_name_that_is_none_is_not_found(name: str, house: House) -> None:
    visitor = house["ncb-fra"]
    for path in ("/v1/messages/{}", "/v1/messages/{}/deliveries", "/v1/threads/{}", "/v1/policies/{}"):
        url = httpx.URL(house.url + path.format(name))

        answer = visitor.http.get(url, headers=visitor.headers("GET", url.path))

        assert (answer.status_code, reason(answer)) == (404, "NOT_FOUND"), answer.text


@pytest.mark.parametrize(
    "stated",
    [
        b"Content-Length: abc",
        b"Content-Length: -1",
        b"Content-Length: 1, 2",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 99999999999999999999999999",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
    ],
)
def test_a_length_that_is_none_is_refused(stated: bytes, house: House) -> None:
    visitor = house["ncb-fra"]
    request = head(visitor, "POST", "/v1/messages", **{"Content-Type": JOSE})[:-2] + stated + b"\r\n\r\nhello"

    answered = spoken(house, request)

    assert answered[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 413"), answered
    assert house["ncb-ita"].get("/v1/directory").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
        b"GET /v1/inbox HTTP/1.1\r\nHost: x\r\nDPoP: a\x00b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_not_answered_with_ours(raw: bytes, house: House) -> None:
    answered = spoken(house, raw)

    assert answered == b"" or answered[:10] in (b"HTTP/1.1 4", b"HTTP/1.0 4")
    assert house["ncb-ita"].get("/v1/directory").status_code == 200


@pytest.mark.parametrize(
    "media", ["", "application/json", "text/plain", "application/josex", "application/jose, text/plain"]
)
def test_another_media_type_is_refused(media: str, house: House) -> None:
    visitor = house["ncb-fra"]

    answer = visitor.post("/v1/messages", visitor.sign(visitor.write("ncb-ita")), media)

    assert (answer.status_code, reason(answer)) == (415, "MEDIA_TYPE")


def test_a_media_type_may_have_parameters_and_large_letters(house: House) -> None:
    visitor = house["ncb-fra"]

    answer = visitor.post("/v1/messages", visitor.sign(visitor.write("ncb-ita")), "Application/JOSE; charset=utf-8")

    assert answer.status_code == 201


def test_two_media_types_are_none(house: House) -> None:
    visitor = house["ncb-fra"]
    headers = [*visitor.headers("POST", "/v1/messages").items(), ("Content-Type", JOSE), ("Content-Type", "text/plain")]

    answer = visitor.http.post(house.url + "/v1/messages", content=b"x", headers=headers)

    assert reason(answer) == "MEDIA_TYPE"


def test_a_compressed_body_is_taken_as_it_is(house: House) -> None:
    import gzip

    visitor = house["ncb-fra"]
    headers = visitor.headers("POST", "/v1/messages") | {"Content-Type": JOSE, "Content-Encoding": "gzip"}

    answer = visitor.http.post(house.url + "/v1/messages", content=gzip.compress(b"A" * 10_000_000), headers=headers)

    assert reason(answer) == "JWS_MALFORMED"


# What it says of itself


def test_the_document_lists_every_route(own: Own) -> None:
    house = own()
    with house.opened() as gateway, httpx.Client() as stranger:
        document = stranger.get(house.url + "/v1/openapi.json").json()
        routes = {
            (method, route.path)
            for route in gateway.app.routes
            if isinstance(route, Route) and route.path != "/v1/openapi.json"
            for method in route.methods or ()
        }

    listed = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert listed == routes
    assert len(listed) >= 19


def test_routes_that_take_a_token_take_nothing_without_one(house: House) -> None:
    with httpx.Client() as stranger:
        document = stranger.get(house.url + "/v1/openapi.json").json()
        answers = {
            (method, path): reason(stranger.request(method, house.url + path))
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if operation.get("security")
        }

    assert len(answers) >= 16
    assert set(answers.values()) == {"TOKEN_WRONG"}


def test_the_metadata_says_how_to_get_a_token(house: House) -> None:
    metadata = house["ncb-fra"].http.get(house.url + "/.well-known/oauth-authorization-server").json()

    assert metadata["issuer"] == house.url
    assert metadata["token_endpoint"] == house.url + "/v1/token"
    assert (metadata["exchange_origin"], metadata["exchange_genesis"]) == (house.world.origin, house.served.pin.genesis)


def test_every_answer_has_a_date_and_is_kept_by_nobody(house: House) -> None:
    visitor = house["ncb-fra"]
    sent: dict[str, Any] = visitor.sent("ncb-ita")
    answers = [
        visitor.get("/v1/inbox"),
        visitor.get(f"/v1/messages/{sent['item']}"),
        visitor.get("/v1/messages/none"),
        visitor.get("/v1/trail/checkpoint"),
        house[AUDITOR].get("/v1/trail/entries", limit=1),
        visitor.ask_token(),
    ]

    for answer in answers:
        assert "date" in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified", "server", "x-powered-by"} & set(answer.headers)
