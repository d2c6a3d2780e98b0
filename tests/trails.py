"""A small trail made by hand: genesis, a participant admitted and given a key, a message, a page, an acknowledgement.

Everything in it is made by the functions that the exchange uses; nothing of it was ever in a database.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ulid import ULID

from exchange import instant, leaf, merkle, participant, shipped, strictjson
from exchange.audit import Entry, Opening
from exchange.jose import SigningKey
from exchange.leaf import Draft, Event, Field, ItemKey
from exchange.note import Checkpoint, TrailKey
from exchange.participant import ChangeKind, SignedChange
from exchange.schema import Schemas

ORIGIN = "exchange.example/training"
BEGAN = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
OPERATOR = "opr-exchange"
SCHEMAS = Schemas.compile(shipped.texts("schemas", ".schema.json"))


TOLD = b'[{"outcome":"released","participant":"ncb-ita"}]'


def decisions(*more: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """About a message that one bureau posts and Italy is released. more: about others. members: otherwise, of Italy."""
    answer = {"outcome": "CONTENT", "rules": ["addressee"], "to": ["ncb-ita"], "named": ["ncb-ita"]}
    asked = {
        "post": "T1 OUO exercise | submit | OUO EXERCISE | -",
        "read": "T1 OUO exercise | read | OUO EXERCISE | addressee",
    }
    return {
        "post": {"asked": asked["post"], "outcome": "ALLOW", "rules": ["may-submit"]},
        "read": [{"asked": asked["read"], **answer, **members}, *more],
    }


@dataclass(slots=True, kw_only=True)
class HandMadeTrail:
    """Grows by `add`. Two officers of the operator, and one newcomer with its three keys."""

    trail_key: TrailKey = field(default_factory=lambda: TrailKey.generate(ORIGIN))
    officers: tuple[SigningKey, SigningKey] = field(
        default_factory=lambda: (SigningKey.generate(), SigningKey.generate())
    )
    own_officer: SigningKey = field(default_factory=SigningKey.generate)
    message_key: SigningKey = field(default_factory=SigningKey.generate)
    policy: str = "5c" * 32
    directory: int = 0
    entries: list[Entry] = field(default_factory=list)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=len(self.entries))

    def add(self, draft: Draft) -> int:
        """-> its position."""
        position = len(self.entries)
        key = ItemKey(hashlib.sha256(f"item {position}".encode()).digest())
        raw = leaf.write(
            draft, at=self.now(), directory=self.directory, policy=self.policy, key=key, blind=bytes([position]) * 16
        )
        openings: dict[Field, Opening] = {
            name: Opening(salt=key.salt(name), text=text)
            for name, text in draft.sealed.items()
            if name is not Field.MESSAGE
        }
        self.entries.append(Entry(position=position, leaf=raw, openings=openings, hash=merkle.leaf_hash(raw)))
        return position

    def begin(self) -> None:
        window = self.window()
        document = {
            "v": 1,
            "origin": ORIGIN,
            "created": instant.write(self.now()),
            "training": True,
            "operator": {
                "id": OPERATOR,
                "name": "Operator",
                "country": "UTO",
                "officers": [{"jwk": officer.public.jwk, **window} for officer in self.officers],
                "access": [{"jwk": SigningKey.generate().public.jwk, **window}],
            },
            "policy": self.policy,
            "trail_key": self.trail_key.vkey(),
        }
        sealed = {Field.GENESIS: strictjson.write(document)}  # type: ignore[arg-type]
        self.add(Draft(event=Event.GENESIS, actor=OPERATOR, object=ORIGIN, sealed=sealed))

    def change(self, kind: ChangeKind, signer: SigningKey, *approvers: SigningKey, **content: Any) -> int:
        signed = self.signed(kind, signer, *approvers, **content)
        position = self.add(
            Draft(
                event=Event.DIRECTORY_CHANGED,
                actor=OPERATOR,
                object=content.get("participant", ""),
                type=kind.value,
                key=signer.public.kid,
                sealed={Field.CHANGE: signed.committed()},
            )
        )
        self.directory = position
        return position

    def signed(self, kind: ChangeKind, signer: SigningKey, *approvers: SigningKey, **content: Any) -> SignedChange:
        change_id = str(ULID.from_datetime(self.now()))
        change = participant.write_change(kind, origin=ORIGIN, id=change_id, made_at=self.now(), key=signer, **content)
        digest = participant.digest_of(change)
        approvals = tuple(
            participant.write_approval(origin=ORIGIN, change=change_id, digest=digest, made_at=self.now(), key=approver)
            for approver in approvers
        )
        return SignedChange(change=change, approvals=approvals)

    def admit(self, name: str = "ncb-fra") -> None:
        """The newcomer, with its message key."""
        self.introduce(name, self.own_officer)
        key = {"use": "message", "jwk": self.message_key.public.jwk, **self.window()}
        self.change(ChangeKind.KEY_ADD, self.own_officer, participant=name, **key)

    def introduce(self, name: str, officer: SigningKey, country: str = "FRA") -> None:
        """A bureau with an officer, which holds no other key yet."""
        self.change(
            ChangeKind.ADMIT,
            *self.officers,
            participant=name,
            name="NCB",
            tier="T1",
            country=country,
            exercise=True,
            officers=[{"jwk": officer.public.jwk, **self.window()}],
        )

    def accept(
        self,
        sender: str = "ncb-fra",
        *,
        classification: str = "OUO",
        decided: Mapping[str, Any] | bytes | None = None,
        told: bytes = TOLD,
    ) -> int:
        """decided: what is written as its decisions, where it is not what is decided about such a message to Italy."""
        decided = decisions() if decided is None else decided
        sealed = {
            Field.MESSAGE: b"header.payload",
            Field.ROUTING: told,
            Field.DECISIONS: decided if isinstance(decided, bytes) else strictjson.write(decided),
            Field.USER: b"desk",
        }
        return self.add(
            Draft(
                event=Event.MESSAGE_ACCEPTED,
                actor=sender,
                object=f"{sender}:{ULID.from_datetime(self.now())}",
                type="message",
                label={"classification": classification, "handling": ["EXERCISE"], "urgency": "U3"},
                rules=("may-submit",),
                key=self.message_key.public.kid,
                sealed={name: text for name, text in sealed.items() if text},
            )
        )

    def act_upon(
        self,
        *items: int,
        type: str = "recall",
        sender: str = "ncb-fra",
        told: Sequence[str] = (),
        anew: Sequence[str] = (),
    ) -> int:
        """items: by position; one, where it is as it should be. told: who is told, or of a forward who gets it."""
        released = [{"outcome": "released", "participant": id} for id in told]
        members = {"post": decisions()["post"], "read": [], "told": list(told), "anew": list(anew)}
        return self.add(
            Draft(
                event=Event.MESSAGE_ACCEPTED,
                actor=sender,
                object=f"{sender}:{ULID.from_datetime(self.now())}",
                type=type,
                label={"classification": "OUO", "handling": ["EXERCISE"], "urgency": "U3"},
                rules=("owner",),
                key=self.message_key.public.kid,
                items=items,
                sealed={
                    Field.MESSAGE: b"header.payload",
                    Field.ROUTING: strictjson.write(released),
                    Field.DECISIONS: strictjson.write(members),
                    Field.USER: b"desk",
                },
            )
        )

    def acknowledge(self, item: int, reader: str = "ncb-ita") -> int:
        """item: its position."""
        return self.add(
            Draft(
                event=Event.ITEM_ACKNOWLEDGED,
                actor=reader,
                object=leaf.read(self.entries[item].leaf).object,
                key=self.message_key.public.kid,
                sealed={Field.MESSAGE: b"header.payload", Field.USER: b"desk"},
            )
        )

    def show(self, *items: int, reader: str = "ncb-ita") -> int:
        return self.add(
            Draft(
                event=Event.ITEMS_READ,
                actor=reader,
                object=reader,
                items=items,
                count=len(items),
                sealed={Field.USER: b"desk"},
            )
        )

    def checkpoint(self, entries: Sequence[Entry] | None = None) -> Checkpoint:
        hashes = [merkle.leaf_hash(entry.leaf) for entry in (self.entries if entries is None else entries)]
        return Checkpoint(origin=ORIGIN, size=len(hashes), root=merkle.root_of(hashes))

    @property
    def genesis(self) -> str:
        return leaf.digest(self.entries[0].leaf)

    def window(self) -> dict[str, str]:
        return {
            "not_before": instant.write(BEGAN - timedelta(days=1)),
            "not_after": instant.write(BEGAN + timedelta(days=365)),
        }


def small_trail() -> HandMadeTrail:
    """Eight entries: genesis, admission, key, two messages, a page with both, a third message, a question."""
    trail = HandMadeTrail()
    trail.begin()
    trail.admit()
    first, second = trail.accept(), trail.accept()
    trail.show(first, second)
    trail.accept()
    trail.add(Draft(event=Event.QUESTION_ASKED, actor="ovs-auditor", object="entries after -1", count=7))
    return trail
