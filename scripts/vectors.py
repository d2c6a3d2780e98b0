"""Writes docs/vectors/: one small exchange, from its genesis to a receipt, for whoever writes a client or a verifier.

    python -m scripts.vectors

Nothing in it is drawn: keys, item keys and blinds are hashes of their own names, and ES256 signatures are made as
RFC 6979 says. So the files are the same whenever they are written, and a test compares them byte for byte. The keys
are known to everybody and good for nothing else.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ulid import ULID

from exchange import envelope as envelopes
from exchange import instant, jose, leaf, merkle, participant, receipt, shipped, strictjson
from exchange import label as labels
from exchange.jose import Kind
from exchange.label import POLICY
from exchange.leaf import Draft, Event, Field, ItemKey
from exchange.merkle import Frontier, Hash
from exchange.note import Checkpoint
from exchange.participant import ChangeKind, Directory, SignedChange, Use
from exchange.policy import PolicySet, Standing, may_post, parse_texts
from exchange.receipt import Committed
from exchange.routing import Routing, route
from exchange.schema import SUFFIX, Schemas
from scripts.hands import Hand, of, secret, trail_key

FOLDER = Path(__file__).parent.parent / "docs" / "vectors"

ORIGIN = "exchange.example/vectors"
URL = "https://exchange.example"
FOUNDED = instant.parse("2026-11-02T08:00:00Z")
SENT = instant.parse("2026-11-18T06:42:10Z")
ACCEPTED = SENT + timedelta(milliseconds=1234)
KEYS_END = "2028-11-01T00:00:00Z"
POLICY_TEXTS = {
    "schema": shipped.texts("policies", ".cedarschema")["exchange.cedarschema"],
    "policies": {"vectors.cedar": """\
@id("may-submit") @source("the vectors") @verified("own") @tell("audit") @says("a bureau may post")
permit(principal, action == Action::"Submit", resource) when { principal.tier == Tier::"T1" };

@id("addressee") @source("the vectors") @verified("own") @tell("audit") @says("addressed by its source")
permit(principal, action == Action::"ReadContent", resource) when { context.addressee };
"""},
    "cases": {},
}  # fmt: skip

OFFICERS = (Hand("operator officer one"), Hand("operator officer two"))
OPERATOR_ACCESS = Hand("operator access")
GATEWAY = Hand("gateway token")
PROOF = Hand("ncb-ita proof")

SCHEMAS = Schemas.compile(shipped.texts("schemas", SUFFIX))

_NOTICE = "Throw-away: every key here is the hash of its own name, known to everybody and good for nothing."


@dataclass(slots=True)
class Trail:
    """A trail as it grows. directory: the one in force, whose version each leaf names."""

    directory: Directory
    leaves: list[bytes] = field(default_factory=list)
    keys: list[ItemKey] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)

    def append(self, draft: Draft, at: datetime) -> int:
        position = len(self.leaves)
        key, blind = ItemKey(secret(f"item key {position}")), secret(f"blind {position}")[:16]
        version, policy = self.directory.version, self.directory.policy
        self.leaves.append(leaf.write(draft, at=at, directory=version, policy=policy, key=key, blind=blind))
        self.keys.append(key)
        shown = {n: t for n, t in draft.sealed.items() if n is not Field.MESSAGE}
        self.opened.append({n.value: {"salt": jose.encode(key.salt(n)), "text": t.decode()} for n, t in shown.items()})
        return position

    def change(self, jws: tuple[str, ...], about: str, kind: ChangeKind, by: Hand, at: datetime) -> None:
        """jws: the change, then its approvals."""
        change, *approvals = (token.encode() for token in jws)
        signed = SignedChange(change=change, approvals=tuple(approvals))
        draft = Draft(
            event=Event.DIRECTORY_CHANGED, actor="opr-exchange", object=about, type=kind.value, key=by.public.kid,
            sealed={Field.CHANGE: signed.committed()},
        )  # fmt: skip
        position = self.append(draft, at)
        self.directory = participant.fold(self.directory, signed, position=position, at=at, schemas=SCHEMAS)

    def hashes(self) -> list[Hash]:
        return [merkle.leaf_hash(raw) for raw in self.leaves]

    def hash_at(self, level: int, n: int) -> Hash:
        return merkle.root_of(self.hashes()[n << level : (n + 1) << level])

    def checkpoint(self, size: int) -> str:
        """The signed note."""
        root = merkle.root_of(self.hashes()[:size])
        return trail_key(ORIGIN).sign(Checkpoint(origin=ORIGIN, size=size, root=root))

    def entries(self) -> list[dict[str, Any]]:
        return [{"position": n, "leaf": raw.decode(), "openings": self.opened[n]} for n, raw in enumerate(self.leaves)]


def genesis() -> dict[str, Any]:
    valid = {"not_before": instant.write(FOUNDED), "not_after": KEYS_END}
    return {
        "v": 1,
        "origin": ORIGIN,
        "created": instant.write(FOUNDED),
        "training": True,
        "operator": {
            "id": "opr-exchange",
            "name": "The operator of the vectors",
            "country": "UTO",
            "officers": [{"jwk": hand.public.jwk, **valid} for hand in OFFICERS],
            "access": [{"jwk": OPERATOR_ACCESS.public.jwk, **valid}],
        },
        "policy": participant.policy_digest(POLICY_TEXTS),
        "trail_key": trail_key(ORIGIN).vkey(),
    }


def envelope() -> dict[str, Any]:
    return {
        "id": ulid("message", SENT),
        "type": "message",
        "schema_version": 1,
        "aud": ORIGIN,
        "sender": "ncb-ita",
        "user": "u-204",
        "recipients": [{"participant": "ncb-fra"}],
        "case_ref": "ITA-2026-VEH-0418",
        "subject": "Lorry stopped at Ventimiglia",
        "label": {
            "policy": POLICY,
            "classification": "OUO",
            "originator": "ncb-ita",
            "created": instant.write(SENT),
            "handling": ["EXERCISE"],
            "releasable_to": {"mode": "ALL", "tiers": ["T1", "T2", "T3"]},
            "purpose": ["P3"],
            "crime_area": ["VEH"],
            "urgency": "U2",
        },
        "sent_at": instant.write(SENT),
        "body": {"text": "White cab, blue trailer without markings. The driver is held until 18:00."},
    }


def ulid(name: str, at: datetime) -> str:
    return str(ULID(ULID.from_datetime(at).bytes[:6] + secret(name)[:10]))


def history() -> Trail:
    """Genesis, two participants with a message key each, and one message from the one to the other."""
    document, at = strictjson.write(genesis()), FOUNDED
    trail = Trail(participant.parse_genesis(document, schemas=SCHEMAS).directory)
    founding = Draft(event=Event.GENESIS, actor="opr-exchange", object=ORIGIN, sealed={Field.GENESIS: document})
    trail.append(founding, at)
    for who, country in (("ncb-ita", "ITA"), ("ncb-fra", "FRA")):
        at += timedelta(hours=1)
        trail.change(admission(who, country, at), who, ChangeKind.ADMIT, OFFICERS[0], at)
        at += timedelta(minutes=1)
        trail.change((key_added(who, at),), who, ChangeKind.KEY_ADD, of(who, Use.OFFICER), at)
    token = of("ncb-ita", Use.MESSAGE).sign(envelope(), Kind.MESSAGE)
    routed = routing(trail.directory)
    accepted = Draft(
        event=Event.MESSAGE_ACCEPTED,
        actor="ncb-ita",
        object=item(),
        type="message",
        label=leaf.label_facts(labels.parse(envelope()["label"])),
        rules=routed.permit.rules,
        key=of("ncb-ita", Use.MESSAGE).public.kid,
        sealed={
            Field.MESSAGE: token.rpartition(".")[0].encode(),
            Field.ROUTING: strictjson.write(routed.for_sender()),
            Field.DECISIONS: strictjson.write(routed.for_audit()),
            Field.USER: b"u-204",
        },
    )
    trail.append(accepted, ACCEPTED)
    return trail


def item() -> str:
    return f"ncb-ita:{envelope()['id']}"


def routing(directory: Directory) -> Routing:
    """Who gets the message, under the policy of the vectors."""
    policy, message = PolicySet.load(parse_texts(POLICY_TEXTS)), envelopes.read(envelope(), SCHEMAS)
    permit = may_post(policy, message, directory.participants[message.sender], ACCEPTED)
    return route(permit, Standing(directory=directory, policy=policy), ACCEPTED)


def admission(who: str, country: str, at: datetime) -> tuple[str, ...]:
    """A change by the operator's first officer and the approval of the second."""
    made = at - timedelta(minutes=5)
    officer = {"jwk": of(who, Use.OFFICER).public.jwk, "not_before": instant.write(FOUNDED), "not_after": KEYS_END}
    stated = _stated(ChangeKind.ADMIT, who, made) | {
        "name": f"{who} (vectors)", "tier": "T1", "country": country, "exercise": True, "officers": [officer],
    }  # fmt: skip
    change = OFFICERS[0].sign(stated, Kind.CHANGE)
    approval = {
        "v": 1,
        "aud": ORIGIN,
        "change": stated["id"],
        "digest": participant.digest_of(change.encode()),
        "made_at": instant.write(made + timedelta(minutes=1)),
    }
    return change, OFFICERS[1].sign(approval, Kind.APPROVAL)


def key_added(who: str, at: datetime) -> str:
    stated = _stated(ChangeKind.KEY_ADD, who, at - timedelta(hours=1)) | {
        "use": Use.MESSAGE.value, "jwk": of(who, Use.MESSAGE).public.jwk,
        "not_before": instant.write(FOUNDED), "not_after": KEYS_END,
    }  # fmt: skip
    return of(who, Use.OFFICER).sign(stated, Kind.CHANGE)


def _stated(kind: ChangeKind, who: str, made: datetime) -> dict[str, Any]:
    id = ulid(f"{kind.value} {who}", made)
    return {"v": 1, "aud": ORIGIN, "id": id, "made_at": instant.write(made), "kind": kind.value, "participant": who}


def keys() -> dict[str, Any]:
    hands = [*OFFICERS, OPERATOR_ACCESS, GATEWAY, PROOF]
    hands += [of(who, use) for who in ("ncb-ita", "ncb-fra") for use in Use if (who, use) != ("ncb-fra", Use.ACCESS)]
    trail = {"vkey": trail_key(ORIGIN).vkey(), "seed": jose.encode(secret("trail"))}
    return {"notice": _NOTICE, "p256": {hand.name: hand.document() for hand in hands}, "trail": trail}


def message() -> dict[str, Any]:
    token = of("ncb-ita", Use.MESSAGE).sign(envelope(), Kind.MESSAGE)
    header, payload, _ = token.split(".")
    return {
        "envelope": envelope(),
        "header": jose.decode(header.encode()).decode(),
        "payload": jose.decode(payload.encode()).decode(),
        "jws": token,
        "item": item(),
    }


def access() -> dict[str, Any]:
    """now: when all of it is valid, in seconds."""
    now, access_key = int(SENT.timestamp()), of("ncb-ita", Use.ACCESS)
    assertion = {
        "iss": "ncb-ita", "sub": "ncb-ita", "aud": URL, "jti": "assertion-vector-01", "iat": now, "exp": now + 60,
        "user": "u-204", "purpose": "P3",
    }  # fmt: skip
    token_proof = {"htm": "POST", "htu": f"{URL}/v1/token", "jti": "proof-vector-token-01", "iat": now}
    claims = {
        "iss": URL, "aud": ORIGIN, "sub": "ncb-ita", "client_id": "ncb-ita", "client_kid": access_key.public.kid,
        "cnf": {"jkt": PROOF.public.kid}, "user": "u-204", "purpose": "P3", "jti": "token-vector-000001",
        "iat": now, "exp": now + 300,
    }  # fmt: skip
    token = GATEWAY.sign(claims, Kind.ACCESS)
    proof = {
        "htm": "GET", "htu": f"{URL}/v1/inbox", "jti": "proof-vector-inbox-01", "iat": now,
        "ath": jose.token_hash(token.encode()),
    }  # fmt: skip
    return {
        "now": now,
        "assertion": {"claims": assertion, "jwt": access_key.sign(assertion, Kind.ASSERTION)},
        "proof_for_token": {"claims": token_proof, "jwt": PROOF.sign(token_proof, Kind.PROOF, own_key=True)},
        "access_token": {"claims": claims, "jwt": token},
        "proof": {"claims": proof, "jwt": PROOF.sign(proof, Kind.PROOF, own_key=True)},
    }


def leaf_of_the_message(trail: Trail) -> dict[str, Any]:
    raw, key = trail.leaves[-1], trail.keys[-1]
    names = (Field.MESSAGE, Field.ROUTING, Field.DECISIONS, Field.USER)
    texts = {Field.MESSAGE.value: message()["jws"].rpartition(".")[0]}
    texts |= {name: opened["text"] for name, opened in trail.opened[-1].items()}
    return {
        "leaf": raw.decode(),
        "hash": merkle.leaf_hash(raw).hex(),
        "item_key": jose.encode(key.secret),
        "commitments": {
            name.value: {
                "salt": jose.encode(key.salt(name)),
                "text": texts[name.value],
                "commitment": key.commit(name, texts[name.value].encode()),
            }
            for name in names
        },
    }


def tree(trail: Trail) -> dict[str, Any]:
    size, position, first = len(trail.leaves), 3, 3
    inclusion = merkle.inclusion_proof(position, size, trail.hash_at)
    consistency = merkle.consistency_proof(first, size, trail.hash_at)
    return {
        "leaf_hashes": [value.hex() for value in trail.hashes()],
        "roots": {str(n): merkle.root_of(trail.hashes()[:n]).hex() for n in range(size + 1)},
        "inclusion": {"position": position, "size": size, "hashes": _base64(inclusion)},
        "consistency": {"from": first, "to": size, "hashes": _base64(consistency)},
        "checkpoints": {str(n): trail.checkpoint(n) for n in (first, size)},
        "trail_key": trail_key(ORIGIN).vkey(),
    }


def receipt_for_the_sender(trail: Trail) -> dict[str, Any]:
    frontier = Frontier.empty()
    for value in trail.hashes()[:-1]:
        frontier = frontier.append(value)
    _, proofs = merkle.batch_proofs(frontier, trail.hashes()[-1:])
    size, told = len(trail.leaves), routing(trail.directory).for_sender()
    committed = Committed(
        position=size - 1, leaf=trail.leaves[-1], key=trail.keys[-1], hashes=proofs[0], note=trail.checkpoint(size)
    )
    return receipt.of(committed, Field.MESSAGE, Field.ROUTING).wire() | {"routing": told}


def documents() -> dict[str, Any]:
    """File name -> content."""
    trail = history()
    return {
        "keys.json": keys(),
        "policy.json": {"texts": POLICY_TEXTS, "digest": participant.policy_digest(POLICY_TEXTS)},
        "message.json": message(),
        "access.json": access(),
        "leaf.json": leaf_of_the_message(trail),
        "tree.json": tree(trail),
        "receipt.json": receipt_for_the_sender(trail),
        "trail.json": {
            "genesis": leaf.digest(trail.leaves[0]),
            "checkpoint": trail.checkpoint(len(trail.leaves)),
            "entries": trail.entries(),
        },
    }


def text(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _base64(values: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(value).decode() for value in values]


if __name__ == "__main__":
    for name, document in documents().items():
        (FOLDER / name).write_text(text(document), "utf-8")
