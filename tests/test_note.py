"""Checkpoints and proofs as text: what the printers print is read back, and nothing else is."""

import base64
from collections.abc import Iterator
from textwrap import dedent

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from exchange import note
from exchange.merkle import EMPTY_ROOT, Frontier, batch_proofs, leaf_hash
from exchange.note import NOTE_LIMIT, Checkpoint, Proof, TrailKey, TrailVerifier, parse_proof, print_proof
from exchange.refusal import Reason, Refusal

# The example of C2SP signed-note: a note that is no checkpoint.
C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n"
    "\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The text of the example in C2SP tlog-checkpoint.
C2SP_CHECKPOINT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

ORIGIN = "exchange.example/training"
KEY = TrailKey.generate(ORIGIN)
WITNESS = "— witness.example " + base64.b64encode(b"\x00\x01\x02\x03" + b"a timestamped cosignature").decode() + "\n"

names = st.text(min_size=1, max_size=60).filter(lambda name: is_name(name))
roots = st.binary(min_size=32, max_size=32)
heads = st.builds(
    lambda origin, size, root: Checkpoint(origin=origin, size=size, root=root if size else EMPTY_ROOT),
    names,
    st.integers(0, 2**63 - 1),
    roots,
)
proofs = st.builds(
    lambda index, hashes, quoted: Proof(index=index, hashes=tuple(hashes), note=quoted),
    st.integers(0, 2**63 - 1),
    st.lists(roots, max_size=64),
    st.text(min_size=1, max_size=300),
)


def is_name(name: str) -> bool:
    try:
        Checkpoint(origin=name, size=0, root=EMPTY_ROOT)
    except ValueError:
        return False
    return True


def head(size: int = 3) -> Checkpoint:
    return Checkpoint(origin=ORIGIN, size=size, root=leaf_hash(b"%d" % size) if size else EMPTY_ROOT)


def refused(reason: Reason) -> pytest.RaisesExc[Refusal]:
    return pytest.RaisesExc(Refusal, check=lambda refusal: refusal.reason is reason)


def with_one_bit_flipped(text: str) -> Iterator[str]:
    """Every text at a distance of one bit; bytes that are no UTF-8 arrive as lone surrogates."""
    raw = text.encode()
    for n in range(len(raw)):
        for bit in range(8):
            yield (raw[:n] + bytes([raw[n] ^ 1 << bit]) + raw[n + 1 :]).decode(errors="surrogateescape")


# The published examples


def test_the_published_note_opens_under_the_published_key() -> None:
    verifier = TrailVerifier.from_vkey(C2SP_VKEY)

    assert verifier.open_text(C2SP_NOTE) == "This is an example message.\n"
    assert verifier.vkey() == C2SP_VKEY


def test_a_signed_note_that_is_no_checkpoint_is_refused() -> None:
    with refused(Reason.CHECKPOINT_WRONG):
        TrailVerifier.from_vkey(C2SP_VKEY).open(C2SP_NOTE)


def test_the_published_checkpoint_is_read() -> None:
    checkpoint = Checkpoint.parse(C2SP_CHECKPOINT)

    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.text() == C2SP_CHECKPOINT


def test_the_proof_shown_in_the_module_holds() -> None:
    shown = (note.__doc__ or "").split("    c2sp.org", 1)[1].split("\n\nEd25519", 1)[0]
    verifier = TrailVerifier.from_vkey("exchange.example+4c31c7b2+AXNZ5aravtfXb3qIZQNiLNLHy7ULRK12ZlanV6M3UlBA")

    proof = parse_proof(dedent("    c2sp.org" + shown) + "\n")

    assert proof.verify(leaf_hash(b"second"), verifier).size == 3


# Checkpoints and notes


@given(checkpoint=heads)
def test_a_checkpoint_comes_back_from_its_text_and_from_its_note(checkpoint: Checkpoint) -> None:
    key = TrailKey.generate(checkpoint.origin)

    assert Checkpoint.parse(checkpoint.text()) == checkpoint
    assert key.verifier.open(key.sign(checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{ORIGIN}\n03\n{'A' * 43}=\n", id="leading zero"),
        pytest.param(f"{ORIGIN}\n+3\n{'A' * 43}=\n", id="sign"),
        pytest.param(f"{ORIGIN}\n1_0\n{'A' * 43}=\n", id="underscore"),
        pytest.param(f"{ORIGIN}\n３\n{'A' * 43}=\n", id="wide digit"),  # noqa: RUF001
        pytest.param(f"{ORIGIN}\n{2**63}\n{'A' * 43}=\n", id="size out of bounds"),
        pytest.param(f"{ORIGIN}\n{'9' * 5000}\n{'A' * 43}=\n", id="size of 5000 digits"),
        pytest.param(f"{ORIGIN}\n0\n{'A' * 43}=\n", id="empty tree, other root"),
        pytest.param(f"{ORIGIN}\n3\n{'A' * 43}\n", id="no padding"),
        pytest.param(f"{ORIGIN}\n3\n{'A' * 42}B=\n", id="stray bits"),
        pytest.param(f"{ORIGIN}\n3\n{'A' * 40}=\n", id="short root"),
        pytest.param(f"{ORIGIN}\n3\n{'A' * 43}=", id="no last newline"),
        pytest.param(f"{ORIGIN}\n3\n{'A' * 43}=\nextension\n", id="extension line"),
        pytest.param(f"{ORIGIN}\n3\n", id="no root"),
        pytest.param(f"\n3\n{'A' * 43}=\n", id="no origin"),
        pytest.param(f"a b\n3\n{'A' * 43}=\n", id="space in the origin"),
        pytest.param(f"a+b\n3\n{'A' * 43}=\n", id="plus in the origin"),
        pytest.param(f"{'a' * 256}\n3\n{'A' * 43}=\n", id="long origin"),
    ],
)
def test_another_way_to_write_a_checkpoint_is_refused(text: str) -> None:
    with refused(Reason.CHECKPOINT_WRONG):
        Checkpoint.parse(text)


@given(text=st.text(max_size=120) | st.from_regex(r"[a-z]{1,3}\n[0-9]{1,3}\n[A-Za-z0-9+/]{43}=\n", fullmatch=True))
def test_whatever_is_read_as_a_checkpoint_prints_as_it_was(text: str) -> None:
    try:
        checkpoint = Checkpoint.parse(text)
    except Refusal:
        return

    assert checkpoint.text() == text


def test_a_note_with_any_bit_flipped_is_refused() -> None:
    signed = KEY.sign(head())

    for flipped in with_one_bit_flipped(signed):
        with refused(Reason.CHECKPOINT_WRONG):
            KEY.verifier.open(flipped)


def test_signing_again_gives_the_same_note() -> None:
    again = TrailKey.from_pem(ORIGIN, KEY.to_pem())

    assert again.sign(head()) == KEY.sign(head())
    assert again.vkey() == KEY.vkey()


def test_a_key_signs_for_its_own_origin_only() -> None:
    with pytest.raises(ValueError, match="origin"):
        KEY.sign(Checkpoint(origin="elsewhere.example", size=0, root=EMPTY_ROOT))


def signed_whatever_it_is(text: str) -> str:
    private = serialization.load_pem_private_key(KEY.to_pem(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    signature = base64.b64encode(KEY.verifier.key_id + private.sign(text.encode())).decode()
    return f"{text}\n— {ORIGIN} {signature}\n"


@pytest.mark.parametrize("control", ["\0", "\t", "\r", "\x1f"])
def test_a_note_holds_no_control_characters(control: str) -> None:
    assert KEY.verifier.open_text(signed_whatever_it_is("plain\n")) == "plain\n"

    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open_text(signed_whatever_it_is(f"pl{control}in\n"))


def test_a_checkpoint_of_another_origin_under_our_name_is_refused() -> None:
    foreign = Checkpoint(origin="elsewhere.example", size=0, root=EMPTY_ROOT).text()
    signed = signed_whatever_it_is(foreign)

    assert KEY.verifier.open_text(signed) == foreign
    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open(signed)


def test_another_key_of_the_same_name_signs_nothing_here() -> None:
    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open(TrailKey.generate(ORIGIN).sign(head()))


def test_signatures_by_unknown_keys_are_passed_over() -> None:
    signed = KEY.sign(head())
    text, ours = signed.split("\n\n")
    successor = TrailKey.generate(ORIGIN).sign(head()).split("\n\n")[1]

    assert KEY.verifier.open(signed + WITNESS * 15) == head()
    assert KEY.verifier.open(f"{text}\n\n{successor}{ours}") == head()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("", id="blank"),
        pytest.param("— witness.example\n", id="no signature"),
        pytest.param("— witness.example AAAA\n", id="no key id"),
        pytest.param("— witness.example AAAAAA=\n", id="not padded"),
        pytest.param("— witness.example AAAAAAB=\n", id="stray bits"),
        pytest.param("— witness.example AAAAAAA= \n", id="trailing space"),
        pytest.param("— witness+example AAAAAAA=\n", id="plus in the name"),
        pytest.param("— wit\u00a0ness AAAAAAA=\n", id="space in the name"),
        pytest.param("— wit\x7fness\x0b AAAAAAA=\n", id="control character"),
        pytest.param("- witness.example AAAAAAA=\n", id="hyphen for the dash"),
        pytest.param("—  AAAAAAA=\n", id="no name"),
        pytest.param("— witness.example AAAAAAA=", id="no last newline"),
        pytest.param("— witness.example AAAAAAA=\r\n", id="carriage return"),
    ],
)
def test_a_malformed_line_among_the_signatures_spoils_the_note(line: str) -> None:
    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open(KEY.sign(head()) + (line or "\n"))


def test_a_signature_of_ours_stands_once() -> None:
    signed = KEY.sign(head())

    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open(signed + signed.split("\n\n")[1])


def test_a_note_is_at_most_16_kib() -> None:
    signed = KEY.sign(head())
    filled = signed + WITNESS * ((NOTE_LIMIT - len(signed.encode())) // len(WITNESS.encode()))

    assert KEY.verifier.open(filled) == head()
    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open(filled + WITNESS)


@pytest.mark.parametrize("text", ["", "\n", "\n\n", "text\n", "text\n\n", "\ud800\n\n— a AAAAAAA=\n"])
def test_what_is_no_note_is_refused(text: str) -> None:
    with refused(Reason.CHECKPOINT_WRONG):
        KEY.verifier.open(text)


# Keys


@given(name=names)
def test_a_verifier_comes_back_from_its_vkey(name: str) -> None:
    verifier = TrailKey.generate(name).verifier

    assert TrailVerifier.from_vkey(verifier.vkey()) == verifier


def test_a_vkey_with_any_bit_flipped_is_refused() -> None:
    for flipped in with_one_bit_flipped(C2SP_VKEY):
        with refused(Reason.CHECKPOINT_WRONG):
            TrailVerifier.from_vkey(flipped)


@pytest.mark.parametrize("vkey", ["", "++", "a", "a+00000000", "a+00000000+", "a+00000000+AQ==", C2SP_VKEY + "\n"])
def test_what_is_no_vkey_is_refused(vkey: str) -> None:
    with refused(Reason.CHECKPOINT_WRONG):
        TrailVerifier.from_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x01b", "\ud800", "é" * 128])
def test_a_name_that_no_note_can_carry_names_no_key(name: str) -> None:
    with pytest.raises(ValueError, match=r"key name|surrogates"):
        TrailKey.generate(name)


def test_a_pem_without_a_trail_key_is_none() -> None:
    pkcs8, pem = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, pkcs8, serialization.NoEncryption())
    locked = Ed25519PrivateKey.generate().private_bytes(pem, pkcs8, serialization.BestAvailableEncryption(b"secret"))

    for wrong in (other, locked, b"", KEY.to_pem()[:-40]):
        with pytest.raises(ValueError, match=r"trail key|PEM|key data"):
            TrailKey.from_pem(ORIGIN, wrong)


def test_a_trail_key_does_not_show_itself() -> None:
    secret = KEY.to_pem().decode().split("\n")[1]

    assert secret not in repr(KEY)
    assert "_private" not in repr(KEY)


# Proofs


@given(proof=proofs)
def test_a_proof_comes_back_from_its_text(proof: Proof) -> None:
    assert parse_proof(print_proof(proof)) == proof


@given(text=st.from_regex(r"c2sp.org/tlog-proof@v1\nindex [0-9]{1,3}\n([A-Za-z0-9+/]{43}=\n){0,2}\n[a-z\n]{0,9}"))
def test_whatever_is_read_as_a_proof_prints_as_it_was(text: str) -> None:
    try:
        proof = parse_proof(text)
    except Refusal:
        return

    assert print_proof(proof) == text


def test_a_proof_shows_its_own_leaf_under_a_signed_head_and_no_other() -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(11)]
    tree, paths = batch_proofs(Frontier.empty(), leaves)
    signed = KEY.sign(Checkpoint(origin=ORIGIN, size=tree.size, root=tree.root()))

    for index, path in enumerate(paths):
        proof = parse_proof(print_proof(Proof(index=index, hashes=path, note=signed + WITNESS)))
        assert proof.verify(leaves[index], KEY.verifier).size == len(leaves)
        with refused(Reason.PROOF_WRONG):
            proof.verify(leaves[(index + 1) % len(leaves)], KEY.verifier)


def test_a_proof_with_any_bit_flipped_is_refused() -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(6)]
    tree, paths = batch_proofs(Frontier.empty(), leaves)
    signed = KEY.sign(Checkpoint(origin=ORIGIN, size=tree.size, root=tree.root()))
    printed = print_proof(Proof(index=4, hashes=paths[4], note=signed))

    for flipped in with_one_bit_flipped(printed):
        with pytest.raises(Refusal):
            parse_proof(flipped).verify(leaves[4], KEY.verifier)


HASH = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 0\n", id="no note"),
        pytest.param("c2sp.org/tlog-proof@v1\n\nnote", id="no index"),
        pytest.param("c2sp.org/tlog-proof@v2\nindex 0\n\nnote", id="another version"),
        pytest.param("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\nnote", id="extra data"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 00\n\nnote", id="leading zero"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex -1\n\nnote", id="negative"),
        pytest.param(f"c2sp.org/tlog-proof@v1\nindex {2**63}\n\nnote", id="index out of bounds"),
        pytest.param("c2sp.org/tlog-proof@v1\n0\n\nnote", id="bare index"),
        pytest.param("c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote", id="short hash"),
        pytest.param(f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH[:-2]}B=\n\nnote", id="stray bits"),
        pytest.param(f"c2sp.org/tlog-proof@v1\nindex 0\n{(HASH + chr(10)) * 65}\nnote", id="65 hashes"),
        pytest.param(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{'n' * (NOTE_LIMIT + 1)}", id="long note"),
        pytest.param(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{'n' * 10**6}", id="a megabyte"),
        pytest.param("c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\nnote", id="carriage returns"),
    ],
)
def test_another_way_to_write_a_proof_is_refused(text: str) -> None:
    with refused(Reason.PROOF_WRONG):
        parse_proof(text)
