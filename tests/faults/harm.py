"""Harm: single changes, each of which makes a good message bad at one level. `mutators` says when which is done.

The senders are a bureau cleared for RESTRICTED, one that is not, and an auditor, who posts nothing.
"""

import base64
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from exchange import instant, strictjson
from exchange.jose import Kind, SigningKey
from tests import world
from tests.jose import forgery

CLEARED, UNCLEARED, READER, AUDITOR = "ncb-fra", "ncb-deu", "ncb-ita", "ovs-auditor"

Document = dict[str, Any]


def _replaced(token: bytes, chance: random.Random, by: Callable[[int], bytes]) -> bytes:
    at = chance.randrange(len(token) or 1)
    return token[:at] + by(token[at] if token else 0) + token[at + 1 :]


def _cut(token: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(token) or 1), chance.randint(1, 40)
    return token[:at] + token[at + length :]


def _doubled(token: bytes, chance: random.Random) -> bytes:
    at, length = chance.randrange(len(token) or 1), chance.randint(1, 40)
    return token[: at + length] + token[at:]


OF_BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda token, chance: _replaced(token, chance, lambda byte: bytes([byte ^ 1 << chance.randrange(8)])),
    lambda token, chance: _replaced(token, chance, lambda _: bytes([chance.choice(forgery.ALPHABET.encode())])),
    lambda token, chance: _replaced(token, chance, lambda _: chance.randbytes(chance.randint(0, 8))),
    lambda token, chance: _replaced(
        token, chance, lambda _: chance.choice((b"\n", b" ", b"=", b".", b"+", b"/", b"\0"))
    ),
    _cut,
    _doubled,
    lambda token, chance: token[: chance.randrange(len(token) or 1)],
    lambda token, chance: token + chance.choice((b"\n", b"=", b"==", b".", b"." + token, b"\0")),
    lambda token, chance: b".".join(chance.sample(token.split(b"."), len(token.split(b".")))),
    lambda token, chance: b".".join(token.split(b".")[:2]),
    lambda token, chance: token.replace(b".", b"..", 1),
    lambda token, chance: b"\xef\xbb\xbf" + token,
    lambda token, chance: b'{"payload":"' + token.replace(b".", b'","protected":"', 1) + b'"}',
    lambda token, chance: base64.b64encode(token),
)

Header = Mapping[str, Any]
OF_HEADER: tuple[Callable[[Header, SigningKey, random.Random], Header | bytes], ...] = (
    lambda header, key, chance: {**header, "alg": chance.choice(("none", "None", "HS256", "ES384", "RS256", "es256"))},
    lambda header, key, chance: {**header, "typ": chance.choice([k.value for k in Kind if k is not Kind.MESSAGE])},
    lambda header, key, chance: {**header, "typ": chance.choice(("JWT", "", None, "exchange-message+JWS"))},
    lambda header, key, chance: {
        **header,
        "kid": chance.choice((key.public.kid[:-1], key.public.kid + "=", "", 7, None)),
    },
    lambda header, key, chance: {**header, "jwk": key.public.jwk},
    lambda header, key, chance: {**header, "crit": ["b64"], "b64": False},
    lambda header, key, chance: {**header, chance.choice(("jku", "x5u")): "https://127.0.0.1/keys"},
    lambda header, key, chance: {**header, chance.choice(("cty", "zip", "x5c", "b64")): "x"},
    lambda header, key, chance: {name: header[name] for name in chance.sample(sorted(header), 2)},
    lambda header, key, chance: strictjson.write(dict(header)).replace(b"{", b'{"alg":"ES256",', 1),
    lambda header, key, chance: strictjson.write(dict(header)) + b" x",
    lambda header, key, chance: strictjson.write([dict(header)]),
    lambda header, key, chance: b"\xef\xbb\xbf" + strictjson.write(dict(header)),
)


def _numbers(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


OF_SIGNATURE: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda raw, chance: raw[32:] + raw[:32],
    lambda raw, chance: _numbers(0, int.from_bytes(raw[32:], "big")),
    lambda raw, chance: raw[:32] + bytes(32),
    lambda raw, chance: _numbers(forgery.ORDER, int.from_bytes(raw[32:], "big")),
    lambda raw, chance: raw[:32] + b"\xff" * 32,
    lambda raw, chance: raw[: chance.randint(1, 63)],
    lambda raw, chance: raw + chance.randbytes(chance.randint(1, 40)),
    lambda raw, chance: chance.randbytes(64),
    lambda raw, chance: bytes([0x30, 0x44, 0x02, 0x20]) + raw[:32] + bytes([0x02, 0x20]) + raw[32:],
)


def _text_is(raw: bytes, text: bytes) -> bytes:
    """The same JSON, with this where the subject's text stood: whole values, quotes and all."""
    before, _, rest = raw.partition(b'"subject":')
    _, _, after = rest.partition(b'","')
    return before + b'"subject":' + text + b',"' + after


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


OF_JSON: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda raw, chance: raw.replace(b"{", b'{"subject":"first",', 1),
    lambda raw, chance: raw.replace(b'"label":{', b'"label":{"policy":"first",', 1),
    lambda raw, chance: raw.replace(b"{", b'{"s\\u0075bject":"first",', 1),
    lambda raw, chance: _text_is(raw, chance.choice((b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e400"))),
    lambda raw, chance: _text_is(raw, chance.choice((b"9007199254740992", b"-9007199254740992", b"7" * 400))),
    lambda raw, chance: _text_is(raw, chance.choice((b'"\\ud800"', b'"\\udc00x"', b'"\\udc00\\ud800"', b'"\\uD83D"'))),
    lambda raw, chance: _text_is(raw, chance.choice((b'"a\\u0000b"', b'"a\x00b"', b'"a\nb"', b'"a\tb"', b'"\\x41"'))),
    lambda raw, chance: _text_is(
        raw, b'"a' + chance.choice((b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82")) + b'"'
    ),
    lambda raw, chance: _text_is(raw, _nested(chance.choice((12, 13, 40, 2_000)))),
    lambda raw, chance: _text_is(raw, chance.choice((b"'a'", b"a", b"01", b"+1", b".5", b"1.", b"0x1", b"True", b""))),
    lambda raw, chance: raw + chance.choice((b"x", b"{}", b",", b"\x00", b"//", b"]")),
    lambda raw, chance: b"\xef\xbb\xbf" + raw,
    lambda raw, chance: raw[:-1] + b",}",
    lambda raw, chance: raw[: chance.randrange(1, len(raw))],
    lambda raw, chance: b"/* */" + raw,
    lambda raw, chance: raw.decode().encode(chance.choice(("utf-16", "utf-16-le", "utf-32"))),
    lambda raw, chance: chance.choice((b"[" + raw + b"]", b"null", b"7", b'"' + b"a" * 40 + b'"', b"true")),
    lambda raw, chance: _text_is(raw, b"[" + b"0," * 50_000 + b"0]"),
)

Change = Callable[[Document, random.Random], object]


def _members(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: what holds it, and its name or number there."""
    if isinstance(value, dict | list):
        for name in list(value if isinstance(value, dict) else range(len(value))):
            yield value, name
            yield from _members(value[name])


def _mistyped(document: Document, chance: random.Random) -> None:
    holder, name = chance.choice(list(_members(document)))
    value = holder[name]
    others: dict[type, Any] = {str: "7", int: 7, list: [], dict: {}, type(None): None, bool: False, float: 0.5}
    kinds = [kind for kind in others if kind is not type(value) and {kind, type(value)} != {int, float}]
    holder[name] = others[chance.choice(kinds)]


def _unknown(document: Document, chance: random.Random) -> None:
    objects = [document, *(holder[name] for holder, name in _members(document) if isinstance(holder[name], dict))]
    chance.choice(objects)[f"x-{chance.randrange(1000)}"] = chance.choice((None, 1, "x", [], {}))


def _missing(document: Document, chance: random.Random) -> None:
    label = [
        (document["label"], name) for name in ("policy", "originator", "created", "releasable_to", "classification")
    ]
    envelope = ("id", "type", "aud", "sender", "user", "recipients", "case_ref", "subject", "label", "sent_at", "body")
    holder, name = chance.choice([*label, *((document, name) for name in envelope), (document, "schema_version")])
    del holder[name]


def _set(path: str, *values: Any) -> Change:
    """path: names with dots between."""
    *outer, last = path.split(".")

    def change(document: Document, chance: random.Random) -> None:
        holder = document
        for name in outer:
            holder = holder[name]
        holder[last] = chance.choice(values)

    return change


def _wordless(document: Document, chance: random.Random) -> None:
    """H3 without saying what it asks for."""
    document["label"] |= {"handling": ["H3", "EXERCISE"]}
    document["label"].pop("handling_text", None)


_PERSON = {"kind": "person", "names": ["SPECIMEN Ada"], "person_status": "WIT", "age": 40}
OF_SCHEMA: tuple[Change, ...] = (
    _mistyped,
    _mistyped,
    _unknown,
    _unknown,
    _missing,
    _missing,
    _set("label.classification", "SECRET", "ouo", "OUO ", "TOP"),
    _set("label.handling", ["H9", "EXERCISE"], ["EXERCISE", "EXERCISE"], ["exercise"]),
    _wordless,
    _set("label.purpose", ["P13"], ["P3", "P3"], [""]),
    _set("label.crime_area", ["DRUGS"], ["DRG", "DRG"]),
    _set("label.urgency", "U0", "u1", "U6"),
    _set("label.policy", "urn:exchange:policy:core:2", "urn:other:policy:1"),
    _set(
        "label.releasable_to", {"mode": "SOME"}, {"mode": "ALL_MINUS"}, {"mode": "ONLY"}, {"mode": "ALL", "tiers": []}
    ),
    _set("label.releasable_to", {"mode": "ALL_MINUS", "exclude": ["BRA"], "include": ["FRA"]}),
    _set("label.releasable_to", {"mode": "ALL_MINUS", "exclude": ["Br"]}, {"mode": "ONLY", "include": ["FRANCE"]}),
    _set("label.retention", "R-EVER", "R-ANA-0", "R-ANA-10000"),
    _set("subject", "a" * 201, "", "a\nb", "a\u202eb", "a\u001bb"),
    _set("sent_at", "2026-13-01T00:00:00Z", "2026-11-22T05:00:00+00:00", "2026-11-22T05:00:60Z", "yesterday"),
    _set("id", "01kaj0000000000000000000aa", "01KAJ", "01KAJ0000000000000000000IL", "8" + "Z" * 25),
    _set("type", "information", "message2", "Message", "acknowledgement"),
    _set("schema_version", 2, 0, "1", -1, True),
    _set("recipients", [], [{}], [{"all": False}], [{"participant": "ncb-ita", "all": True}], [{"nobody": "x"}]),
    _set("recipients", [{"participant": f"ncb-{n}"} for n in range(65)], [{"country": "IT"}], [{"tier": "T7"}]),
    _set("recipients", [{"participant": "NCB-ITA"}], [{"participant": "ncb-ita"}] * 2),
    _set("entities", [{"kind": "ghost", "description": "x"}], [_PERSON] * 65),
    _set("entities", [{name: _PERSON[name] for name in ("kind", "names", "age")}]),
    _set("entities", [_PERSON | {"birth_date": "1986-01-01"}], [_PERSON | {"age": -1}], [_PERSON | {"age": 9.5}]),
    _set("body", {}, {"text": ""}, {"texts": "x"}, {"text": "x", "more": 1}),
    _set("user", "", "a b", "x" * 65),
    _set("thread", "ncb-fra", "01KAJ0000000000000000000AA"),
)


def _late(by: timedelta, *, id_too: bool) -> Change:
    def change(document: Document, chance: random.Random) -> None:
        at = datetime.now(UTC) + by
        document["sent_at"] = instant.write(at)
        if id_too:
            document["id"] = world.fresh_id(at)

    return change


def _from(name: str) -> Change:
    def change(document: Document, chance: random.Random) -> None:
        document["sender"] = document["label"]["originator"] = name

    return change


_CHILD = [{"kind": "person", "names": ["SPECIMEN Ada"], "person_status": "MIS"}]
_SPECIAL = {"kind": "item", "description": "a sealed file", "special_data": True}
_NOWHERE = "ncb-fra:01KAJ0000000000000000000AA"


def _restricted(document: Document, chance: random.Random) -> None:
    document["label"] |= {"classification": "RES", "purpose": ["P3"]}


def _aimless(document: Document, chance: random.Random) -> None:
    document["label"] |= {"classification": "RES"}
    document["label"].pop("purpose")


OF_POLICY: tuple[tuple[str, Change], ...] = (
    (UNCLEARED, _restricted),
    (AUDITOR, lambda document, chance: None),
    (CLEARED, _aimless),
    (CLEARED, _set("label.classification", "CON")),
    (CLEARED, _set("label.handling", ["MINOR"], ["VICTIM", "NOPRIV"], [])),
    (CLEARED, _set("entities", _CHILD, [_PERSON, *_CHILD])),
    (CLEARED, _set("entities", [_PERSON, _SPECIAL], [_SPECIAL | {"necessity": "  "}])),
    (CLEARED, _set("label.handling", ["SENS", "EXERCISE"])),
    (CLEARED, _set("recipients", [{"participant": "ncb-xxx"}], [{"country": "XYZ"}])),
    (CLEARED, _set("recipients", [{"participant": CLEARED}], [{"country": "FRA"}], [{"tier": "T4"}])),
    (CLEARED, _set("aud", "exchange.example/production", "exchange.example")),
    (CLEARED, _set("sender", READER, "ncb-xxx")),
    (CLEARED, _set("label.originator", READER, "ncb-xxx")),
    (CLEARED, _from(READER)),
    (CLEARED, _late(timedelta(days=-8), id_too=True)),
    (CLEARED, _late(timedelta(minutes=5), id_too=True)),
    (CLEARED, _late(timedelta(minutes=-5), id_too=False)),
    (CLEARED, _set("thread", _NOWHERE)),
    (CLEARED, _set("in_reply_to", _NOWHERE)),
)
