"""The trail's word: checkpoints, signed as notes, and the proofs that quote them.

C2SP signed-note, tlog-checkpoint and tlog-proof, so that foreign tools can check this trail. Of these a parser here
accepts what its printer prints and nothing else; the one exception are signature lines by keys that it does not know
(witnesses, the trail's next key), which stay in the note and are passed over, as signed-note asks.

A proof that the leaf with index 1 stands in a tree of three. What follows its empty line is the checkpoint, a signed
note of its own: origin, size and root; then, after another empty line, the signatures.

    c2sp.org/tlog-proof@v1
    index 1
    oa8DAjHKL9IOzzDFKUuvj2kyHQm7FqxTiFzNF6OFKA0=
    ZW0+j1RCOM324y1kD1G6CRSVmxTt16UtC4uZq0yKxsY=

    exchange.example
    3
    w2UeVBcUxT1kjsx7rsp/4sNu9PplvM4ksdcShkN95WY=

    — exchange.example TDHHsrOQiFI6v/YleTzh57LQOev1MvD7Wl49qj0G219M5TvZhLxmS7+cv5OzVELqvHN+E7btDkyHVa3P/zmTzy5D3As=

Ed25519, unlike everything else that is signed here: it is what the readers of such logs understand.
"""

import base64
import re
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from exchange.merkle import EMPTY_ROOT, HASH_SIZE, Hash, verify_inclusion
from exchange.refusal import Reason, Refusal

NOTE_LIMIT = 16 * 1024
"""Bytes in a note, signatures included: well over sixteen Ed25519 signatures."""

PROOF_LIMIT = 64
"""Hashes in a proof: a tree of fewer than 2**63 leaves needs no more."""

_SIZE_LIMIT = 2**63
_NAME_LIMIT = 255  # bytes
_ED25519 = b"\x01"  # signed-note, "Signature types"
_KEY_ID_BYTES = 4
_EM_DASH = "\N{EM DASH} "
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree head (tlog-checkpoint) without extension lines. Raises ValueError for one that cannot be."""

    origin: str
    size: int
    root: Hash

    def __post_init__(self) -> None:
        _checked_name(self.origin)
        if not 0 <= self.size < _SIZE_LIMIT or len(self.root) != HASH_SIZE:
            raise ValueError("a checkpoint has a size below 2**63 and a root of 32 bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise ValueError("the empty tree has one root only")

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The inverse of `text`, for text whose signature has been verified. Raises Refusal(CHECKPOINT_WRONG)."""
        lines = text.split("\n")
        if len(lines) != 4 or len(text) > NOTE_LIMIT:
            raise Refusal(Reason.CHECKPOINT_WRONG)
        try:
            checkpoint = cls(origin=lines[0], size=int(lines[1]), root=_decoded(lines[2]))
        except ValueError:
            raise Refusal(Reason.CHECKPOINT_WRONG) from None
        if checkpoint.text() != text:
            raise Refusal(Reason.CHECKPOINT_WRONG)
        return checkpoint

    def text(self) -> str:
        """Origin, size and root, a line each: the text that is signed."""
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailVerifier:
    """The public half of a trail key: an origin and an Ed25519 key."""

    name: str
    key: bytes
    _public: Ed25519PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_vkey(cls, vkey: str) -> "TrailVerifier":
        """The inverse of `vkey`. Raises Refusal(CHECKPOINT_WRONG): without the key no checkpoint can be right."""
        parts = vkey.split("+", 2)
        try:
            name, typed_key = parts[0], _decoded(parts[2])
            verifier = _verifier(_checked_name(name), typed_key[1:])
        except (ValueError, IndexError):
            raise Refusal(Reason.CHECKPOINT_WRONG) from None
        if verifier.vkey() != vkey:
            raise Refusal(Reason.CHECKPOINT_WRONG)
        return verifier

    def vkey(self) -> str:
        """name+hex(key id)+base64(type || key), as signed-note writes verifier keys."""
        return f"{self.name}+{self.key_id.hex()}+{_encoded(_ED25519 + self.key)}"

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart. They prove nothing: collisions are cheap."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:_KEY_ID_BYTES]

    def open(self, note: str) -> Checkpoint:
        """A signed note -> the checkpoint in it, signed by this key for the origin of this name.

        Raises Refusal(CHECKPOINT_WRONG).
        """
        checkpoint = Checkpoint.parse(self.open_text(note))
        if checkpoint.origin != self.name:
            raise Refusal(Reason.CHECKPOINT_WRONG)
        return checkpoint

    def open_text(self, note: str) -> str:
        """A signed note of any content -> its text, if this key signed it exactly once. Raises as `open` does."""
        text, signatures = _split_note(note)
        us = (self.name, self.key_id)
        ours = [signature for name, key_id, signature in signatures if (name, key_id) == us]
        if len(ours) != 1:
            raise Refusal(Reason.CHECKPOINT_WRONG)
        try:
            self._public.verify(ours[0], text.encode())
        except InvalidSignature:
            raise Refusal(Reason.CHECKPOINT_WRONG) from None
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailKey:
    """The key that signs this trail's checkpoints. Its name is the origin, fixed when the trail begins."""

    verifier: TrailVerifier
    _private: Ed25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, name: str) -> "TrailKey":
        """Raises ValueError for a name that signed-note does not allow: empty, spaces, a plus sign; over 255 bytes."""
        return _trail_key(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> "TrailKey":
        """pem: PKCS 8, not encrypted. Raises ValueError if it holds no Ed25519 key, or as `generate` does."""
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (TypeError, UnsupportedAlgorithm):
            raise ValueError("the trail key is encrypted or of a kind unknown here") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError("the trail key is no Ed25519 key")
        return _trail_key(name, private)

    def to_pem(self) -> bytes:
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def name(self) -> str:
        return self.verifier.name

    def vkey(self) -> str:
        return self.verifier.vkey()

    def sign(self, checkpoint: Checkpoint) -> str:
        """-> the signed note. Deterministic: the same head gives the same note, whoever signs it again.

        What it signs must be durable: a signed head that is rolled back is a fork.
        Raises ValueError for another origin.
        """
        if checkpoint.origin != self.name:
            raise ValueError("a trail key signs for its own origin only")
        text = checkpoint.text()
        signature = self.verifier.key_id + self._private.sign(text.encode())
        return f"{text}\n{_EM_DASH}{self.name} {_encoded(signature)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A tlog-proof without extra data. `note` is the whole signed note as it came, witnesses included.

    Nothing of it is verified yet. Raises ValueError for one that is out of bounds.
    """

    index: int
    hashes: tuple[Hash, ...]
    note: str

    def __post_init__(self) -> None:
        if not 0 <= self.index < _SIZE_LIMIT or len(self.hashes) > PROOF_LIMIT:
            raise ValueError("a proof has an index below 2**63 and at most 64 hashes")
        if any(len(value) != HASH_SIZE for value in self.hashes):
            raise ValueError("a hash is 32 bytes")
        if not 0 < len(self.note) <= NOTE_LIMIT:
            raise ValueError("a proof quotes a note of at most 16 KiB")

    def verify(self, leaf_hash: Hash, verifier: TrailVerifier) -> Checkpoint:
        """tlog-proof, "Verifying": -> the signed checkpoint of a tree in which this leaf has this index.

        Steps 1 (the leaf's hash) and 3 (witnesses) are the caller's. Raises Refusal(CHECKPOINT_WRONG | PROOF_WRONG).
        """
        checkpoint = verifier.open(self.note)  # 2
        verify_inclusion(leaf_hash, self.index, checkpoint.size, self.hashes, checkpoint.root)  # 4
        return checkpoint


def print_proof(proof: Proof) -> str:
    lines = [_PROOF_HEADER, f"index {proof.index}", *(_encoded(value) for value in proof.hashes)]
    return "\n".join(lines) + "\n\n" + proof.note


def parse_proof(text: str) -> Proof:
    """The inverse of `print_proof`; what is in it is not verified, see `Proof.verify`. Raises Refusal(PROOF_WRONG)."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 2:
        raise Refusal(Reason.PROOF_WRONG)
    try:
        index = int(lines[1].removeprefix("index "))
        proof = Proof(index=index, hashes=tuple(_decoded(line) for line in lines[2:]), note=note)
    except ValueError:
        raise Refusal(Reason.PROOF_WRONG) from None
    if print_proof(proof) != text:
        raise Refusal(Reason.PROOF_WRONG)
    return proof


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """signed-note, "Format" -> (text, [(key name, key id, signature)]). Raises Refusal(CHECKPOINT_WRONG)."""
    text, blank, block = note.rpartition("\n\n")
    if not _is_note_text(note) or not blank or not block.endswith("\n"):
        raise Refusal(Reason.CHECKPOINT_WRONG)
    try:
        return text + "\n", [_signature(line) for line in block[:-1].split("\n")]
    except ValueError:
        raise Refusal(Reason.CHECKPOINT_WRONG) from None


def _signature(line: str) -> tuple[str, bytes, bytes]:
    """`— name base64(key id || signature)` -> (name, key id, signature). Raises ValueError."""
    name, _, encoded = line.removeprefix(_EM_DASH).partition(" ")
    signed = _decoded(encoded)
    if len(signed) <= _KEY_ID_BYTES or f"{_EM_DASH}{_checked_name(name)} {_encoded(signed)}" != line:
        raise ValueError("not a signature line")
    return name, signed[:_KEY_ID_BYTES], signed[_KEY_ID_BYTES:]


def _is_note_text(note: str) -> bool:
    """UTF-8 of at most 16 KiB, without control characters other than newline."""
    try:
        return len(note.encode()) <= NOTE_LIMIT and not _CONTROL.search(note)
    except UnicodeEncodeError:
        return False


def _checked_name(name: str) -> str:
    """A key name, and here an origin. Raises ValueError (UnicodeEncodeError is one) for what signed-note forbids."""
    if not 0 < len(name.encode()) <= _NAME_LIMIT or "+" in name or any(c.isspace() or c < " " for c in name):
        raise ValueError("a key name has 1 to 255 bytes and neither spaces, control characters nor a plus sign")
    return name


def _verifier(name: str, key: bytes) -> TrailVerifier:
    return TrailVerifier(name=name, key=key, _public=Ed25519PublicKey.from_public_bytes(key))


def _trail_key(name: str, private: Ed25519PrivateKey) -> TrailKey:
    key = private.public_key().public_bytes_raw()
    return TrailKey(verifier=_verifier(_checked_name(name), key), _private=private)


def _encoded(raw: bytes) -> str:
    """RFC 4648, section 4: standard base64 with padding."""
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes:
    """Raises ValueError for what is no base64; that it is canonical, each parser sees by printing again."""
    return base64.b64decode(text, validate=True)
