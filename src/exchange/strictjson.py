"""The one parser of anything that is posted or signed, and the one writer of what is hashed.

Strict means: a text is accepted only if every reader in the world would read the same value from it. So: UTF-8
without a byte order mark, no duplicate names, no NaN, no infinity, no lone surrogate, no U+0000 (PostgreSQL cannot
store it), integers within +-(2**53-1) (RFC 7493), bounded size, depth and number of nodes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from exchange.refusal import Reason, Refusal

# Read-only kinds, so that a dict of texts is one too: what is written here is never changed here.
JsonValue: TypeAlias = bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None

_MAX_NODES = 50_000
_MAX_INTEGER = 2**53 - 1
# A number too long for 2**53, found without reading: every digit as 0, everything else as a blank.
_LONG_NUMBER = b"0" * len(str(_MAX_INTEGER))
_DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_CONTAINERS = (dict, list)
_ESCAPES = re.compile(
    r"""\\(?:
        (?P<bad> u0000 | u[dD][89abAB]..(?!\\u[dD][c-fC-F]) | u[dD][c-fC-F].. )
        | u[dD][89abAB]..\\u....      # a pair
        | .                           # any other escape, \\\\ among them
    )""",
    re.VERBOSE | re.DOTALL,
)


def parse(raw: bytes, *, limit: int, depth: int = 16) -> Any:
    """raw: at most `limit` bytes of JSON, objects and lists nested at most `depth` deep -> its value.

    Raises Refusal(JSON_MALFORMED).
    """
    if len(raw) > limit:
        raise Refusal(Reason.JSON_MALFORMED)
    try:
        value = orjson.loads(raw)
        if not _is_as_we_write(raw, value):
            value = _read_strictly(raw)
    except (ValueError, RecursionError):
        # ValueError covers bad UTF-8, bad JSON and integers of thousands of digits.
        raise Refusal(Reason.JSON_MALFORMED) from None
    _check_shape(value, depth)
    return value


def parse_object(raw: bytes, *, limit: int, depth: int = 16) -> dict[str, Any]:
    """The same, for a text whose value is an object."""
    value = parse(raw, limit=limit, depth=depth)
    if not isinstance(value, dict):
        raise Refusal(Reason.JSON_MALFORMED)
    return value


def reread(raw: bytes) -> dict[str, Any]:
    """The object in bytes that `write` wrote and nobody can have changed since: nothing is left to be strict about."""
    members: dict[str, Any] = orjson.loads(raw)
    return members


def write(value: JsonValue) -> bytes:
    """The one serialisation of what we sign or hash ourselves: sorted names, no spaces, UTF-8, no floats by use.

    By orjson, which writes what the standard encoder would in a tenth of its time; for reading it is too lenient.
    """
    raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    if b"null" in raw:
        # NaN and infinity have become null, and null may also be null.
        _refuse_no_numbers(value)
    return raw


def _is_as_we_write(raw: bytes, value: Any) -> bool:
    """Whether these bytes are the one way in which orjson writes this value. Then no name was there twice, no number is
    one that it reads leniently, and a quick look finds what else it lets pass. So are messages by our own SDK, and by
    most others: the strict reader takes four times as long.
    """
    return b"\\u" not in raw and _LONG_NUMBER not in raw.translate(_DIGITS) and orjson.dumps(value) == raw


def _read_strictly(raw: bytes) -> Any:
    """Raises ValueError, RecursionError, Refusal(JSON_MALFORMED)."""
    text = raw.decode("utf-8")
    if text[:1] == "\ufeff":
        raise Refusal(Reason.JSON_MALFORMED)
    value = _DECODER.decode(text)
    if b"\\u" in raw:
        # Only an escape can bring U+0000 or half a surrogate pair: raw, the one is bad JSON and the other bad UTF-8.
        _check_escaped(text)
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Refusal(Reason.JSON_MALFORMED)
    return members


def _no_constant(_: str) -> None:
    raise Refusal(Reason.JSON_MALFORMED)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Refusal(Reason.JSON_MALFORMED)
    return number


def _bounded(text: str) -> int:
    """Bounded in digits before it is read: reading a number of many digits costs their square."""
    if len(text) > 17 or not -_MAX_INTEGER <= (number := int(text)) <= _MAX_INTEGER:
        raise Refusal(Reason.JSON_MALFORMED)
    return number


# Built once: json.loads would build a decoder for every call that passes a hook.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded
)


def _refuse_no_numbers(value: JsonValue) -> None:
    """Raises ValueError for what JSON cannot say."""
    json.dumps(value, allow_nan=False)


def _check_escaped(text: str) -> None:
    """No U+0000, and surrogates in pairs only. An escaped backslash before a `u` is none of these."""
    for escape in _ESCAPES.finditer(text):
        if escape["bad"]:
            raise Refusal(Reason.JSON_MALFORMED)


def _check_shape(value: object, depth: int) -> None:
    """Level by level and without recursion: the answer must not depend on how deep the caller's stack is."""
    level: list[Any] = [value]
    nodes = 1
    for _ in range(depth):
        below: list[Any] = []
        for node in level:
            kind = type(node)
            if kind is dict:
                nodes += len(node)
                below += [child for child in node.values() if type(child) in _CONTAINERS]
            elif kind is list:
                nodes += len(node)
                below += [child for child in node if type(child) in _CONTAINERS]
        if nodes > _MAX_NODES:
            raise Refusal(Reason.JSON_MALFORMED)
        if not below:
            return
        level = below
    raise Refusal(Reason.JSON_MALFORMED)
