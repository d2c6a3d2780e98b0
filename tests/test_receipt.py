"""A receipt is checked with the trail's key alone, and none of its members can be changed."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange import jose, leaf, note, receipt
from exchange.leaf import Draft, Event, Field, ItemKey
from exchange.merkle import Frontier, batch_proofs, leaf_hash
from exchange.note import Checkpoint, Proof, TrailKey
from exchange.receipt import Committed
from exchange.refusal import Reason
from tests.refused import outcome, refused
from tests.world import NOW, ORIGIN

TRAIL = TrailKey.generate(ORIGIN)
MESSAGE, ROUTING = b"header.payload", b'[{"participant":"ncb-ita","outcome":"released"}]'
WRONG = (Reason.PROOF_WRONG, Reason.CHECKPOINT_WRONG, Reason.LEAF_MALFORMED)


def commit(size: int, *, trail: TrailKey = TRAIL) -> list[Committed]:
    """A trail of so many acts, committed in one batch."""
    keys = [ItemKey(bytes([n]) * 32) for n in range(size)]
    leaves = [_leaf(n, key) for n, key in enumerate(keys)]
    tree, paths = batch_proofs(Frontier.empty(), [leaf_hash(raw) for raw in leaves])
    signed = trail.sign(Checkpoint(origin=trail.name, size=tree.size, root=tree.root()))
    return [
        Committed(position=n, leaf=raw, key=key, hashes=path, note=signed)
        for n, (raw, key, path) in enumerate(zip(leaves, keys, paths, strict=True))
    ]


def _leaf(n: int, key: ItemKey) -> bytes:
    sealed = {Field.MESSAGE: MESSAGE, Field.ROUTING: ROUTING, Field.USER: b"u-117"}
    draft = Draft(event=Event.MESSAGE_ACCEPTED, actor="ncb-fra", object=f"ncb-fra:{n}", sealed=sealed)
    return leaf.write(draft, at=NOW, directory=0, policy="ab" * 32, key=key, blind=bytes([n]) * 16)


TREE = commit(6)
FOURTH = receipt.of(TREE[4], Field.MESSAGE, Field.ROUTING).wire()


def verified(wire: Any) -> receipt.VerifiedReceipt:
    return receipt.verify(wire, TRAIL.verifier)


# What a receipt shows


@given(size=st.integers(1, 40), at=st.integers(0, 39))
def test_every_act_of_a_batch_proves_itself(size: int, at: int) -> None:
    committed = commit(size)[at % size]

    checked = verified(receipt.of(committed, Field.MESSAGE).wire())

    assert (checked.position, checked.checkpoint.size) == (at % size, size)
    assert checked.leaf == leaf.read(committed.leaf)
    assert checked.opens(Field.MESSAGE, MESSAGE)


def test_a_receipt_survives_its_way_over_the_wire() -> None:
    assert verified(json.loads(json.dumps(FOURTH))) == verified(FOURTH)


def test_a_receipt_opens_what_its_owner_may_open_and_no_more() -> None:
    """The leaf committed to the user too, but this receipt has no salt for it."""
    checked = verified(FOURTH)

    assert checked.opens(Field.MESSAGE, MESSAGE)
    assert checked.opens(Field.ROUTING, ROUTING)
    assert "user" in checked.leaf.commit
    assert not checked.opens(Field.USER, b"u-117")


def test_a_receipt_does_not_open_to_other_content() -> None:
    checked = verified(FOURTH)

    assert not checked.opens(Field.MESSAGE, MESSAGE + b" ")
    assert not checked.opens(Field.MESSAGE, ROUTING)
    assert not checked.opens(Field.ROUTING, ROUTING.replace(b"released", b"withheld"))


def test_what_stands_beside_the_proof_is_not_the_receipts_business() -> None:
    """Routing and duties come along for people to read; what counts of them is what the leaf committed to."""
    assert verified(FOURTH | {"routing": [], "duties": ["burn after reading"]}) == verified(FOURTH)


# Tampering


def test_any_byte_changed_in_leaf_or_proof_is_refused() -> None:
    for member in ("leaf", "proof"):
        text = FOURTH[member]
        for n in range(len(text)):
            changed = text[:n] + chr(ord(text[n]) ^ 1) + text[n + 1 :]
            with refused(*WRONG):
                verified(FOURTH | {member: changed})


@pytest.mark.parametrize("position", [3, 5, 0, -1, 6, 2**63, "4", 4.0, True, None, [4]], ids=repr)
def test_another_position_is_refused(position: Any) -> None:
    with refused(Reason.PROOF_WRONG):
        verified(FOURTH | {"position": position})


@pytest.mark.parametrize("other", [n for n in range(6) if n != 4])
def test_the_members_of_two_receipts_do_not_mix(other: int) -> None:
    theirs = receipt.of(TREE[other], Field.MESSAGE, Field.ROUTING).wire()

    for member in ("position", "leaf", "proof"):
        with refused(Reason.PROOF_WRONG):
            verified(FOURTH | {member: theirs[member]})
    with_their_salts = verified(FOURTH | {"openings": theirs["openings"]})
    assert not with_their_salts.opens(Field.MESSAGE, MESSAGE)
    assert not with_their_salts.opens(Field.ROUTING, ROUTING)


def test_a_salt_with_any_byte_changed_opens_nothing() -> None:
    salt = jose.decode(FOURTH["openings"]["message"].encode())

    for n in range(len(salt)):
        changed = jose.encode(salt[:n] + bytes([salt[n] ^ 1]) + salt[n + 1 :])
        assert not verified(FOURTH | {"openings": {"message": changed}}).opens(Field.MESSAGE, MESSAGE)


@pytest.mark.parametrize(
    "openings",
    [
        {"message": FOURTH["openings"]["message"] + "="},
        {"message": "not base64!"},
        {"message": None},
        {"message": ["AA"]},
        {"subject": FOURTH["openings"]["message"]},
        [],
        None,
        "message",
    ],
    ids=repr,
)
def test_openings_in_another_form_are_refused(openings: Any) -> None:
    with refused(Reason.PROOF_WRONG):
        verified(FOURTH | {"openings": openings})


@pytest.mark.parametrize("member", ["position", "leaf", "proof", "openings"])
@pytest.mark.parametrize("value", [..., None, 1, "", [], {}, "\ud800", b"bytes"], ids=repr)
def test_a_member_missing_or_of_another_type_is_refused(member: str, value: Any) -> None:
    spoilt = {name: v for name, v in (FOURTH | {member: value}).items() if v is not ...}
    if member == "openings" and value == {}:
        assert not verified(spoilt).opens(Field.MESSAGE, MESSAGE)
        return

    with refused(*WRONG):
        verified(spoilt)


@given(
    wire=st.dictionaries(
        st.sampled_from(["position", "leaf", "proof", "openings"]),
        st.none() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=3)) | st.just({}),
    )
)
def test_anything_else_is_refused_and_never_more_than_that(wire: dict[str, Any]) -> None:
    assert outcome(lambda: verified(wire)) in WRONG


# Whose trail


def test_a_receipt_of_another_trail_is_refused() -> None:
    for other in (TrailKey.generate(ORIGIN), TrailKey.generate("elsewhere.example")):
        theirs = receipt.of(commit(6, trail=other)[4], Field.MESSAGE).wire()
        with refused(Reason.CHECKPOINT_WRONG):
            verified(theirs)


def test_a_tree_that_the_trail_did_not_sign_proves_nothing() -> None:
    """The proof fits the tree; that the tree is the trail's only the signature says."""
    proof = note.parse_proof(FOURTH["proof"])
    larger = proof.note.replace(f"{ORIGIN}\n6\n", f"{ORIGIN}\n7\n", 1)
    assert larger != proof.note

    unsigned = Proof(index=proof.index, hashes=proof.hashes, note=larger)

    with refused(Reason.CHECKPOINT_WRONG):
        verified(FOURTH | {"proof": note.print_proof(unsigned)})


def test_what_is_proved_but_is_no_leaf_is_refused() -> None:
    """Even where the trail itself should vouch for it."""
    raw = b'{"event":"message.accepted"}'
    tree, paths = batch_proofs(Frontier.empty(), [leaf_hash(raw)])
    signed = TRAIL.sign(Checkpoint(origin=ORIGIN, size=1, root=tree.root()))
    wrong = replace(TREE[0], leaf=raw, hashes=paths[0], note=signed)

    with refused(Reason.LEAF_MALFORMED):
        verified(receipt.of(wrong).wire())
