"""What the store holds sealed opens with its key, at its place, and in no other way."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.leaf import Field, ItemKey
from exchange.store import KeyWrap, Tampered
from exchange.store.vault import Content

positions = st.integers(0, 2**53)
keys = st.binary(min_size=32, max_size=32).map(ItemKey)
texts = st.dictionaries(st.sampled_from(list(Field)), st.binary(max_size=300))


def wrap() -> KeyWrap:
    return KeyWrap(bytes(32), entropy=secrets.token_bytes)


@given(key=keys, position=positions)
def test_a_wrapped_key_unwraps_at_its_position_and_at_no_other(key: ItemKey, position: int) -> None:
    wrapped = wrap().wrap(key, position)

    assert len(wrapped) == 60
    assert wrap().unwrap(wrapped, position) == key
    with pytest.raises(Tampered, match=str(position + 1)):
        wrap().unwrap(wrapped, position + 1)


def test_another_wrapping_key_unwraps_nothing() -> None:
    wrapped = wrap().wrap(ItemKey(bytes(32)), 1)

    with pytest.raises(Tampered):
        KeyWrap(b"\1" * 32, entropy=secrets.token_bytes).unwrap(wrapped, 1)


def test_no_byte_of_a_wrapped_key_can_be_changed() -> None:
    wrapped = wrap().wrap(ItemKey(bytes(32)), 1)

    for n in range(len(wrapped)):
        with pytest.raises(Tampered):
            wrap().unwrap(wrapped[:n] + bytes([wrapped[n] ^ 1]) + wrapped[n + 1 :], 1)


def test_the_same_key_is_never_wrapped_alike_twice() -> None:
    assert wrap().wrap(ItemKey(bytes(32)), 1) != wrap().wrap(ItemKey(bytes(32)), 1)


@given(key=keys, position=positions, held=texts, leaf=st.binary(max_size=100))
def test_texts_open_as_they_were_sealed_beside_their_own_leaf(
    key: ItemKey, position: int, held: dict[Field, bytes], leaf: bytes
) -> None:
    content = Content.of(key, position)

    assert content.open_texts(content.seal_texts(held, leaf), leaf) == held
    with pytest.raises(Tampered):
        content.open_texts(content.seal_texts(held, leaf), leaf + b" ")


@given(key=keys, position=positions, text=st.binary(max_size=100))
def test_a_text_opens_at_its_own_position_and_under_its_own_name(key: ItemKey, position: int, text: bytes) -> None:
    sealed = Content.of(key, position).seal("token", text)

    assert Content.of(key, position).open("token", sealed) == text
    for content, name in ((Content.of(key, position + 1), "token"), (Content.of(key, position), "label")):
        with pytest.raises(Tampered):
            content.open(name, sealed)


def test_neither_texts_nor_keys_show_in_a_representation() -> None:
    assert "\\x07" not in repr(Content.of(ItemKey(b"\7" * 32), 1)) + repr(wrap())


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_wrapping_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyWrap(bytes(size), entropy=secrets.token_bytes)
