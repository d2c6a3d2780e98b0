"""A leaf is read as it was written and in no other form; it opens to whom its salts were given, and only those."""

import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from exchange import instant, leaf, merkle, strictjson
from exchange import label as labels
from exchange.leaf import Draft, Event, Field, ItemKey
from exchange.refusal import Reason
from tests import world
from tests.refused import outcome, refused
from tests.world import NOW, one_byte_changed

KEY = ItemKey(bytes(range(32)))
BLIND = bytes(range(16))

words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
contents = st.binary(max_size=40)
keys = st.binary(min_size=32, max_size=32).map(ItemKey)
drafts = st.builds(
    Draft,
    event=st.sampled_from(Event),
    actor=words,
    object=words,
    type=words,
    label=st.none() | st.just({"classification": "OUO", "handling": ["H1"]}),
    rules=st.lists(words, max_size=3).map(tuple),
    key=words,
    items=st.lists(st.integers(0, 2**53 - 1), max_size=4).map(tuple),
    count=st.none() | st.integers(0, 10**6),
    sealed=st.dictionaries(st.sampled_from(Field), contents, max_size=4),
)


def written(draft: Draft, *, at: datetime = NOW, key: ItemKey = KEY, blind: bytes = BLIND) -> bytes:
    return leaf.write(draft, at=at, directory=12, policy="ab" * 32, key=key, blind=blind)


def a_draft(**members: Any) -> Draft:
    plain: dict[str, Any] = {
        "event": Event.MESSAGE_ACCEPTED,
        "actor": "ncb-ita",
        "object": "ncb-ita:01KAJ",
        "type": "message",
        "label": {"classification": "OUO"},
        "rules": ("may-submit",),
        "key": "WLk",
        "items": (1, 2),
        "count": 3,
        "sealed": {Field.MESSAGE: b"signed bytes", Field.ROUTING: b"[]"},
    }
    return Draft(**plain | members)


# Both ways


@given(draft=drafts, at=st.datetimes(timezones=st.just(UTC)), key=keys)
def test_a_leaf_is_read_as_it_was_written(draft: Draft, at: datetime, key: ItemKey) -> None:
    read = leaf.read(written(draft, at=at, key=key))

    said = ("event", "actor", "object", "type", "label", "rules", "key", "items", "count")
    assert [getattr(read, name) for name in said] == [getattr(draft, name) for name in said]
    assert (read.at, read.directory, read.policy) == (at, 12, "ab" * 32)
    assert read.commit == {name.value: key.commit(name, content) for name, content in draft.sealed.items()}


def test_the_leaf_shown_in_the_module_is_one_in_form() -> None:
    shown = (leaf.__doc__ or "").split("\n\n")[1]
    members = json.loads("".join(line.strip() for line in shown.splitlines()))

    assert strictjson.write(members).decode() == "".join(line.strip() for line in shown.splitlines())
    assert members.keys() <= json.loads(written(a_draft())).keys()


def test_times_are_written_alike_so_that_leaves_sort() -> None:
    for text in ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.5Z", "2026-11-20T12:00:00.000001Z"):
        members = json.loads(written(a_draft(), at=instant.parse(text)))
        assert len(members["at"]) == len("2026-11-20T12:00:00.000000Z")


def test_a_leaf_is_written_in_ascii_order_without_spaces() -> None:
    raw = written(a_draft())

    assert raw == json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":")).encode()


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_leaf(raw: bytes) -> None:
    assert outcome(lambda: leaf.read(raw)) is Reason.LEAF_MALFORMED


def test_a_leaf_with_any_byte_changed_has_another_hash_and_says_something_else_or_nothing() -> None:
    raw = written(a_draft())
    was = leaf.read(raw)

    for changed in one_byte_changed(raw):
        assert leaf.digest(changed) != leaf.digest(raw)
        says = outcome(lambda changed=changed: leaf.read(changed))  # type: ignore[misc]
        # The blind is all that a reader is not told.
        assert says is Reason.LEAF_MALFORMED or says != was or json.loads(changed)["blind"] != BLIND.hex()


MEMBERS = json.loads(written(a_draft()))


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"v": 2}, id="another version"),
        pytest.param({"v": True}, id="version true"),
        pytest.param({"v": 1.0}, id="version 1.0"),
        pytest.param({"at": "2026-11-20T12:00:00Z"}, id="time without decimals"),
        pytest.param({"at": "2026-11-20T12:00:00.000Z"}, id="time of three decimals"),
        pytest.param({"at": 1}, id="time as a number"),
        pytest.param({"event": "message.forgotten"}, id="unknown event"),
        pytest.param({"event": ["genesis"]}, id="event in a list"),
        pytest.param({"actor": None}, id="nobody"),
        pytest.param({"object": 1}, id="object as a number"),
        pytest.param({"type": ""}, id="empty type"),
        pytest.param({"rules": []}, id="no rules"),
        pytest.param({"rules": "R07"}, id="rules as a text"),
        pytest.param({"rules": [7]}, id="a rule as a number"),
        pytest.param({"key": ""}, id="empty key"),
        pytest.param({"items": []}, id="no items"),
        pytest.param({"items": ["1"]}, id="an item as a text"),
        pytest.param({"items": [True]}, id="an item as true"),
        pytest.param({"items": [1.0]}, id="an item as a float"),
        pytest.param({"count": None}, id="count null"),
        pytest.param({"count": True}, id="count true"),
        pytest.param({"label": []}, id="label as a list"),
        pytest.param({"directory": "12"}, id="directory as a text"),
        pytest.param({"policy": None}, id="policy null"),
        pytest.param({"blind": "00" * 15}, id="short blind"),
        pytest.param({"blind": "AB" * 16}, id="blind in capitals"),
        pytest.param({"blind": "00 " * 16}, id="blind with spaces"),
        pytest.param({"commit": {}}, id="no commitments"),
        pytest.param({"commit": []}, id="commitments as a list"),
        pytest.param({"commit": {"subject": "00" * 32}}, id="unknown field"),
        pytest.param({"commit": {"message": "00" * 31}}, id="short commitment"),
        pytest.param({"commit": {"message": None}}, id="commitment null"),
        pytest.param({"commit": {"message": ["00" * 32]}}, id="commitment in a list"),
        pytest.param({"reason": "compromised"}, id="a member more"),
        *(
            pytest.param({name: ...}, id=f"no {name}")
            for name in ("v", "at", "event", "actor", "object", "directory", "policy", "blind")
        ),
    ],
)
def test_what_write_would_not_have_written_is_refused(members: dict[str, Any]) -> None:
    stated = {name: value for name, value in (MEMBERS | members).items() if value is not ...}

    with refused(Reason.LEAF_MALFORMED):
        leaf.read(strictjson.write(stated))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda raw: raw + b"\n", id="newline"),
        pytest.param(lambda raw: raw.replace(b":", b": ", 1), id="space"),
        pytest.param(lambda raw: json.dumps(dict(reversed(json.loads(raw).items()))).encode(), id="another order"),
        pytest.param(lambda raw: raw.replace(b"ncb-ita", b"ncb-it\\u0061", 1), id="an escape"),
        pytest.param(lambda raw: raw[:-1] + b',"v":1}', id="a member twice"),
        pytest.param(lambda raw: b"[" + raw + b"]", id="a list"),
        pytest.param(lambda raw: raw.replace(b"WLk", b"W" * 4096), id="more than 4 KiB"),
    ],
)
def test_another_spelling_of_a_leaf_is_refused(spoil: Any) -> None:
    raw = written(a_draft())
    assert leaf.read(raw).actor == "ncb-ita"

    with refused(Reason.LEAF_MALFORMED):
        leaf.read(spoil(raw))


def test_a_leaf_of_more_than_four_kilobytes_is_not_written() -> None:
    with pytest.raises(ValueError, match="4 KiB"):
        written(a_draft(items=tuple(range(10**6, 10**6 + 600))))


def test_a_page_of_a_hundred_items_fits_into_a_leaf() -> None:
    last = 2**53 - 1
    raw = written(a_draft(event=Event.ITEMS_READ, items=tuple(range(last - 100, last)), count=None))

    assert len(leaf.read(raw).items) == 100


# Hashes


def test_the_digest_of_a_leaf_is_its_hash_in_the_tree() -> None:
    raw = written(a_draft())

    assert leaf.digest(raw) == merkle.leaf_hash(raw).hex() == hashlib.sha256(b"\x00" + raw).hexdigest()


def test_leaves_that_say_the_same_differ_by_their_blind() -> None:
    first, second = (written(a_draft(), blind=secrets.token_bytes(16)) for _ in range(2))

    assert leaf.read(first) == leaf.read(second)
    assert leaf.digest(first) != leaf.digest(second)


# Commitments


@given(content=contents, other=contents, key=keys, other_key=keys)
def test_a_commitment_opens_to_its_content_with_its_salt_only(
    content: bytes, other: bytes, key: ItemKey, other_key: ItemKey
) -> None:
    read = leaf.read(written(a_draft(sealed={Field.MESSAGE: content, Field.ROUTING: content}), key=key))
    salt = key.salt(Field.MESSAGE)

    assert leaf.opens(read, Field.MESSAGE, salt, content)
    assert leaf.opens(read, Field.MESSAGE, salt, other) == (other == content)
    assert leaf.opens(read, Field.MESSAGE, other_key.salt(Field.MESSAGE), content) == (other_key == key)
    assert not leaf.opens(read, Field.MESSAGE, key.salt(Field.ROUTING), content)
    assert not leaf.opens(read, Field.ROUTING, salt, content)
    assert not leaf.opens(read, Field.USER, key.salt(Field.USER), content)


def test_equal_contents_have_unequal_commitments() -> None:
    """In one leaf and in two: from what is told of one nothing can be guessed of the other."""
    same = dict.fromkeys(Field, b"ncb-fra")

    first = leaf.read(written(a_draft(sealed=same))).commit
    second = leaf.read(written(a_draft(sealed=same), key=ItemKey(b"\x01" * 32))).commit

    assert len(set(first.values()) | set(second.values())) == 2 * len(Field)


def test_a_salt_tells_nothing_of_its_key_or_of_other_salts() -> None:
    """HKDF-Expand of RFC 5869, 2.3, as cryptography does it."""
    for name in Field:
        info = b"exchange/1/salt/" + name.encode()
        assert KEY.salt(name) == HKDFExpand(hashes.SHA256(), 32, info).derive(KEY.secret)


def test_an_item_key_does_not_show_itself() -> None:
    assert repr(KEY) == "ItemKey()"


# Labels in leaves


def test_a_leaf_says_what_auditors_ask_by_and_not_whom_a_label_excludes() -> None:
    label = labels.parse(
        world.label(
            handling=["NOCOPY", "EXERCISE"],
            releasable_to={"mode": "ALL_MINUS", "exclude": ["BRA"]},
            purpose=["P9", "P3"],
            crime_area=["VEH", "DRG"],
            urgency="U5",
        )
    )

    assert leaf.label_facts(label) == {
        "classification": "OUO",
        "urgency": "U5",
        "handling": ["EXERCISE", "NOCOPY"],
        "purpose": ["P3", "P9"],
        "crime_area": ["DRG", "VEH"],
    }


def test_what_a_label_leaves_out_a_leaf_leaves_out() -> None:
    assert leaf.label_facts(labels.parse(world.label(handling=[]))) == {"classification": "OUO", "urgency": "U4"}


@given(st.binary(max_size=64), st.integers(0, 6000).map(lambda size: bytes(n % 251 for n in range(size))))
def test_our_hmac_is_everybodys(key: bytes, content: bytes) -> None:
    assert leaf.hmac_sha256(key, content) == hmac.digest(key, content, "sha256")
