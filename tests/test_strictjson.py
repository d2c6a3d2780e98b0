"""One value for each text, one text for each value that we write, and a refusal for everything else."""

import json
import math
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exchange import strictjson
from exchange.refusal import Reason, Refusal
from tests.refused import outcome, refused

LIMIT = 64 * 1024
MAX = 2**53 - 1

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-MAX, MAX) | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4), max_leaves=20
)

# Bytes that look enough like JSON to get past the first checks of a parser.
pieces = st.sampled_from(
    [bytes([byte]) for byte in b'{}[]:,"\\-01.e \x00\xff']
    + [b"\\ud800", b"\\u0000", b'"a"', b'"a":1', b"NaN", b"Infinity", b"1e999", b"9" * 20, b"true", b"\xef\xbb\xbf"]
)
soups = st.lists(pieces, max_size=24).map(b"".join)
escapes = st.sampled_from(
    [
        "\\ud83d",
        "\\uD83D",
        "\\ude00",
        "\\uDE00",
        "\\u0000",
        "\\u0041",
        "\\\\",
        "\\n",
        '\\"',
        "ud83d",
        "u0000",
        "ude00",
        "a",
    ]
)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@given(raw=st.binary(max_size=200) | soups)
def test_any_bytes_are_a_value_or_refused(raw: bytes) -> None:
    value = outcome(lambda: strictjson.parse(raw, limit=LIMIT))

    assert value is Reason.JSON_MALFORMED or value == json.loads(raw)


documents = values.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@given(
    raw=documents
    | soups
    | st.tuples(documents, st.integers(0, 200), pieces).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :])
)
@example(raw=b'{"a":1,"a":2}')
@example(raw=b"[9007199254740992]")
@example(raw=b"[18446744073709551615]")
@example(raw=b'["\\u0000"]')
@example(raw=b"[-0]")
@example(raw=b'{"a":{"b":1.0,"b":1.0}}')
def test_the_short_way_reads_what_the_strict_one_reads(raw: bytes) -> None:
    def strictly() -> Any:
        try:
            value = strictjson._read_strictly(raw)
        except (ValueError, RecursionError):
            raise Refusal(Reason.JSON_MALFORMED) from None
        strictjson._check_shape(value, 16)
        return value

    came_of_it = outcome(lambda: strictjson.parse(raw, limit=LIMIT))

    assert repr(came_of_it) == repr(outcome(strictly))  # 1, 1.0 and True are equal, and -0.0 is equal to 0.0


@given(text=st.lists(escapes, max_size=8).map("".join))
def test_half_a_pair_and_u0000_are_refused_however_they_are_escaped(text: str) -> None:
    raw = f'"{text}"'
    sound = not re.search("[\x00\ud800-\udfff]", json.loads(raw))

    came_of_it = outcome(lambda: strictjson.parse(raw.encode(), limit=LIMIT))

    assert came_of_it == (json.loads(raw) if sound else Reason.JSON_MALFORMED)


@given(value=values)
@example(value=-0.0)
@example(value={"\U0010ffff": 1, "\uffff": 2})  # sorted by code point, not by UTF-16 unit
def test_what_is_written_is_read_and_written_again_alike(value: Any) -> None:
    written = strictjson.write(value)

    read = strictjson.parse(written, limit=LIMIT)

    assert read == value
    assert strictjson.write(read) == written


@given(members=st.dictionaries(texts, scalars, min_size=1, max_size=6))
def test_the_order_in_which_members_were_put_in_is_not_written(members: dict[str, Any]) -> None:
    turned = dict(reversed(members.items()))

    assert strictjson.write(turned) == strictjson.write(members)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" ", id="space only"),
        pytest.param(b"{}{}", id="two values"),
        pytest.param(b"{},", id="something after"),
        pytest.param(b"[1,]", id="trailing comma"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1}// no', id="comment"),
        pytest.param(b"01", id="leading zero"),
        pytest.param(b"+1", id="plus"),
        pytest.param(b"1.", id="dangling point"),
        pytest.param(b"0x10", id="hexadecimal"),
        pytest.param(b"\xd9\xa1", id="digit of another script"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param(b'"\xc0\xaf"', id="overlong UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate in UTF-8"),
        pytest.param(b'{"a":1,"a":1}', id="duplicate name"),
        pytest.param(b'{"a":1,"\\u0061":1}', id="duplicate name, escaped"),
        pytest.param(b'[{"b":{"a":1,"a":2}}]', id="duplicate name, deep"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="infinity"),
        pytest.param(b"-Infinity", id="minus infinity"),
        pytest.param(b"1e999", id="float overflow"),
        pytest.param(b"-1e999", id="float overflow, negative"),
        pytest.param(b"%d" % (MAX + 1), id="integer beyond 2**53 - 1"),
        pytest.param(b"%d" % (-MAX - 1), id="integer below -(2**53 - 1)"),
        pytest.param(b"9" * 5000, id="integer of 5000 digits"),
        pytest.param(b"[" + b"9" * 4000 + b"]", id="integer of 4000 digits"),
        pytest.param(b'"\\ud800"', id="lone high surrogate"),
        pytest.param(b'"\\udc00\\ud800"', id="surrogates the wrong way round"),
        pytest.param(b'{"\\ud800":1}', id="lone surrogate in a name"),
        pytest.param(b'"\\u0000"', id="U+0000"),
        pytest.param(b'{"a\\u0000":1}', id="U+0000 in a name"),
        pytest.param(b'"\x00"', id="NUL as it is"),
        pytest.param(b'"a\nb"', id="newline in a text"),
        pytest.param(nested(17), id="deeper than 16"),
        pytest.param(nested(30_000), id="deeper than any stack"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="objects deeper than any stack"),
        pytest.param(b"[" + b"0," * 50_000 + b"0]", id="more than 50,000 nodes"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(raw: bytes) -> None:
    with refused(Reason.JSON_MALFORMED):
        strictjson.parse(raw, limit=1 << 20)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xf0\x9f\x98\x80"', "\U0001f600"),
        (b'"\\u0001\xef\xbb\xbf"', "\x01\ufeff"),
        (b'{"a":{"a":1},"A":2}', {"a": {"a": 1}, "A": 2}),
        (b" [ 1 ] ", [1]),
        (b"%d" % MAX, MAX),
        (b"1e308", 1e308),
        (b"true", True),
    ],
)
def test_what_is_only_unusual_is_read(raw: bytes, value: Any) -> None:
    assert strictjson.parse(raw, limit=LIMIT) == value


@pytest.mark.parametrize("depth", [1, 2, 4, 16])
def test_the_depth_is_counted_exactly(depth: int) -> None:
    flat = b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)

    assert strictjson.parse(nested(depth), limit=LIMIT, depth=depth) == json.loads(nested(depth))
    assert strictjson.parse(flat, limit=LIMIT, depth=depth) == json.loads(flat)
    with refused(Reason.JSON_MALFORMED):
        strictjson.parse(b"[" + nested(depth) + b"]", limit=LIMIT, depth=depth)
    with refused(Reason.JSON_MALFORMED):
        strictjson.parse(b'{"a":' + flat + b"}", limit=LIMIT, depth=depth)


def test_the_size_is_counted_in_bytes() -> None:
    raw = '"éé"'.encode()

    assert strictjson.parse(raw, limit=6) == "éé"
    with refused(Reason.JSON_MALFORMED):
        strictjson.parse(raw, limit=5)


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"a"', b"null", b"true"])
def test_where_an_object_is_asked_for_nothing_else_will_do(raw: bytes) -> None:
    assert strictjson.parse_object(b"{}", limit=LIMIT) == {}
    with refused(Reason.JSON_MALFORMED):
        strictjson.parse_object(raw, limit=LIMIT)


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", {"a": {1, 2}}])
def test_what_could_not_be_read_again_is_not_written(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        strictjson.write(value)
