"""docs/vectors/: written from the code, verified by the code, and verified by a stranger who has only the protocol."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from exchange import jose, leaf, merkle, note, participant, receipt, replay, shipped, strictjson
from exchange.audit import Auditor, Decided, Entry, Opening
from exchange.jose import Kind, SigningKey, VerifyingKey
from exchange.leaf import Field
from exchange.note import TrailVerifier
from exchange.schema import SUFFIX, Schemas
from scripts import vectors
from scripts.hands import Hand
from tests.docs import reader

NAMES = sorted(vectors.documents())


def vector(name: str) -> Any:
    return json.loads((vectors.FOLDER / f"{name}.json").read_text("utf-8"))


def key(name: str) -> VerifyingKey:
    return jose.public_key(vector("keys")["p256"][name]["jwk"])


def schemas() -> Schemas:
    return Schemas.compile(shipped.texts("schemas", SUFFIX))


@pytest.mark.parametrize("name", NAMES)
def test_the_vectors_are_those_that_the_code_writes(name: str) -> None:
    assert (vectors.FOLDER / name).read_text("utf-8") == vectors.text(vectors.documents()[name])


def test_no_vector_lies_about_that_nobody_writes() -> None:
    assert sorted(path.name for path in vectors.FOLDER.glob("*.json")) == NAMES


def test_every_key_is_known_by_its_thumbprint_and_made_of_its_name() -> None:
    for name, document in vector("keys")["p256"].items():
        assert reader.thumbprint(document["jwk"]) == document["kid"] == jose.thumbprint(document["jwk"])
        assert document == Hand(name).document()


def test_the_message_opens_for_the_gate_and_for_a_stranger() -> None:
    shown, sender = vector("message"), key("ncb-ita message")

    opened = jose.open_jws(shown["jws"].encode(), Kind.MESSAGE, {sender.kid: sender}, limit=10_000)
    header, payload = reader.open_jws(shown["jws"], sender.jwk, "exchange-message+jws")

    assert opened.payload.decode() == shown["payload"]
    assert json.loads(shown["header"]) == header
    assert payload == shown["envelope"]
    schemas().check(shown["envelope"]["type"], shown["envelope"])


def test_another_key_opens_nothing() -> None:
    with pytest.raises((InvalidSignature, AssertionError)):
        reader.open_jws(vector("message")["jws"], key("ncb-fra message").jwk, "exchange-message+jws")


def test_the_tokens_of_access_are_what_the_gateway_takes() -> None:
    shown, caller, bound = vector("access"), key("ncb-ita access"), key("ncb-ita proof")
    gateway, now, token = key("gateway token"), shown["now"], shown["access_token"]["jwt"].encode()

    asserted = jose.read_assertion(
        shown["assertion"]["jwt"].encode(), {caller.kid: caller}, audience=vectors.URL, now=now
    )
    given = jose.read_access(token, {gateway.kid: gateway}, issuer=vectors.URL, audience=vectors.ORIGIN)
    proofs = (("proof_for_token", "POST", "/v1/token", None), ("proof", "GET", "/v1/inbox", jose.token_hash(token)))
    for name, method, path, token_hash in proofs:
        jose.read_proof(
            shown[name]["jwt"].encode(), bound=bound, method=method, url=vectors.URL + path, now=now,
            access_token_hash=token_hash,
        )  # fmt: skip

    assert (asserted.participant, asserted.user, asserted.purpose) == ("ncb-ita", "u-204", "P3")
    assert (given.participant, given.kid, given.jkt) == ("ncb-ita", caller.kid, bound.kid)


@pytest.mark.parametrize(
    ("name", "signer", "typ"),
    [
        ("assertion", "ncb-ita access", "client-authentication+jwt"),
        ("access_token", "gateway token", "at+jwt"),
        ("proof_for_token", "ncb-ita proof", "dpop+jwt"),
        ("proof", "ncb-ita proof", "dpop+jwt"),
    ],
)
def test_the_tokens_of_access_open_for_a_stranger(name: str, signer: str, typ: str) -> None:
    shown = vector("access")[name]

    _, claims = reader.open_jws(shown["jwt"], key(signer).jwk, typ)

    assert claims == shown["claims"]


def test_the_leaf_says_what_its_writer_said_and_opens_to_its_texts() -> None:
    shown = vector("leaf")
    stated = leaf.read(shown["leaf"].encode())

    assert shown["hash"] == merkle.leaf_hash(shown["leaf"].encode()).hex()
    assert set(shown["commitments"]) == set(stated.commit)
    for name, opening in shown["commitments"].items():
        assert leaf.opens(stated, Field(name), jose.decode(opening["salt"].encode()), opening["text"].encode())
        assert reader.commitment(opening["salt"], opening["text"]) == opening["commitment"] == stated.commit[name]


def test_the_tree_proves_what_it_says() -> None:
    shown = vector("tree")
    hashes, roots = [bytes.fromhex(h) for h in shown["leaf_hashes"]], shown["roots"]
    inclusion, consistency = shown["inclusion"], shown["consistency"]
    trail = TrailVerifier.from_vkey(shown["trail_key"])

    for size, root in roots.items():
        assert merkle.root_of(hashes[: int(size)]).hex() == root
    merkle.verify_inclusion(
        hashes[inclusion["position"]], inclusion["position"], inclusion["size"],
        tuple(map(base64.b64decode, inclusion["hashes"])), bytes.fromhex(roots[str(inclusion["size"])]),
    )  # fmt: skip
    first, to = consistency["from"], consistency["to"]
    merkle.verify_consistency(
        first, bytes.fromhex(roots[str(first)]), to, bytes.fromhex(roots[str(to)]),
        tuple(map(base64.b64decode, consistency["hashes"])),
    )  # fmt: skip
    for size, signed in shown["checkpoints"].items():
        checkpoint = trail.open(signed)
        assert (checkpoint.size, checkpoint.root.hex()) == (int(size), roots[size])
        assert reader.open_checkpoint(signed, shown["trail_key"]) == (vectors.ORIGIN, int(size), checkpoint.root)


def test_the_receipt_holds_for_the_client_and_for_a_stranger() -> None:
    shown, message, vkey = vector("receipt"), vector("message"), vector("keys")["trail"]["vkey"]
    signed, routing = message["jws"].rpartition(".")[0], strictjson.write(shown["routing"])

    verified = receipt.verify(shown, TrailVerifier.from_vkey(vkey))
    members = reader.verify_receipt(shown, vkey)

    assert verified.opens(Field.MESSAGE, signed.encode())
    assert verified.opens(Field.ROUTING, routing)
    assert reader.commitment(shown["openings"]["message"], signed) == members["commit"]["message"]
    assert reader.commitment(shown["openings"]["routing"], routing.decode()) == members["commit"]["routing"]
    assert (members["event"], members["object"]) == ("message.accepted", message["item"])


def test_a_receipt_with_another_leaf_holds_for_nobody() -> None:
    shown, vkey = vector("receipt"), vector("keys")["trail"]["vkey"]
    altered = shown | {"leaf": shown["leaf"].replace("ncb-ita", "ncb-fra")}

    with pytest.raises(AssertionError):
        reader.verify_receipt(altered, vkey)


def test_the_trail_is_whole() -> None:
    """From genesis to the message: positions, leaves, openings, directory, keys, decisions, root."""
    shown, vkey = vector("trail"), vector("keys")["trail"]["vkey"]
    checkpoint = TrailVerifier.from_vkey(vkey).open(shown["checkpoint"])
    auditor = Auditor(
        checkpoint,
        trail_key=vkey,
        schemas=schemas(),
        genesis=shown["genesis"],
        deciding=replay.under,
        policy=vector("policy")["texts"],
    )

    for entry in shown["entries"]:
        openings = {
            Field(name): Opening(salt=jose.decode(one["salt"].encode()), text=one["text"].encode())
            for name, one in entry["openings"].items()
        }
        auditor.examine(Entry(position=entry["position"], leaf=entry["leaf"].encode(), openings=openings))
    report = auditor.conclude()

    assert report.findings == ()
    assert report.checked["changes"] == 4
    assert report.checked["keys"] == 1
    assert report.checked["decisions"] == 1


def test_the_decisions_are_what_the_policy_decides_and_what_the_sender_was_told() -> None:
    commitments, texts = vector("leaf")["commitments"], vector("policy")["texts"]
    stated, written = leaf.read(vector("leaf")["leaf"].encode()), commitments["decisions"]["text"]
    decided, directory = Decided.parse(written.encode()), vectors.history().directory
    nobody = texts | {"policies": {"vectors.cedar": texts["policies"]["vectors.cedar"].replace("T1", "T6")}}

    assert decided.is_told_in(commitments["routing"]["text"].encode())
    assert replay.under(texts)(stated, directory, decided)
    assert not replay.under(nobody)(stated, directory, decided)
    assert not replay.under(texts)(stated, directory, Decided.parse(written.replace("OUO", "PUB").encode()))


def test_the_policy_is_named_by_its_texts() -> None:
    shown = vector("policy")
    written = json.dumps(shown["texts"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert shown["digest"] == participant.policy_digest(shown["texts"]) == hashlib.sha256(written.encode()).hexdigest()


def test_the_proof_in_the_receipt_is_printed_as_c2sp_says() -> None:
    text = vector("receipt")["proof"]

    assert note.print_proof(note.parse_proof(text)) == text


def test_the_vectors_sign_with_no_key_that_is_drawn() -> None:
    """The control of the comparison above: a key that is drawn would never be written twice."""
    drawn = SigningKey.generate().public.kid

    assert drawn not in json.dumps(vector("keys"))
    assert Path(vectors.__file__).read_text().count("generate(") == 0
