"""Good messages made bad, at five levels: bytes, JOSE, JSON, schema and policy.

Each mutant is bad for certain, so that any acceptance is a fault of the exchange. Where its fault lies behind the
signature it is signed with its sender's real key, and it has an id that was never used: nothing but the fault keeps it
out.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.network import Member
from exchange import jose, strictjson
from exchange.jose import Kind, SigningKey
from tests import world
from tests.faults import harm
from tests.faults.harm import CLEARED, READER, Document
from tests.jose import forgery

SAMPLES = (
    "biometric-identification", "drug-seizure", "every-label-member", "missing-child", "only-neighbours",
    "restricted-network", "urgent-request", "weld-measurements", "wildlife-report",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """poster: who posts it. token: the body."""

    poster: str
    token: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutators:
    """chance: the only source of it. earlier: messages of CLEARED that stand already, by id."""

    chance: random.Random
    members: Mapping[str, Member]
    earlier: Mapping[str, bytes]

    def good(self, sender: str = CLEARED, *, name: str = "") -> Document:
        """A message of now that the exchange would take, in no thread but its own."""
        chosen = name or self.chance.choice(SAMPLES)
        recipients = [{"participant": READER}]
        document = world.sample(chosen, at=datetime.now(UTC), sender=sender, recipients=recipients)
        return {member: value for member, value in document.items() if member not in ("thread", "in_reply_to")}

    def signed(self, document: Document, sender: str = CLEARED) -> bytes:
        return self._signed(strictjson.write(document), sender)

    def levels(self) -> Mapping[str, Callable[[], Mutant]]:
        return {
            "bytes": self.of_bytes,
            "JOSE": self.of_jose,
            "JSON": self.of_json,
            "schema": self.of_schema,
            "policy": self.of_policy,
        }

    def of_bytes(self) -> Mutant:
        """Changed on the way. Its message was never posted, so that it would be new if it were taken."""
        original = token = self.signed(self.good())
        while token == original:
            for _ in range(self.chance.choice((1, 1, 1, 2, 5))):
                token = self.chance.choice(harm.OF_BYTES)(token, self.chance)
        return Mutant(CLEARED, token)

    def of_jose(self) -> Mutant:
        payload = strictjson.write(self.good())
        return self.chance.choice((self._other_header, self._other_signature, self._other_key))(payload)

    def of_json(self) -> Mutant:
        raw = strictjson.write(self.good())
        return Mutant(CLEARED, self._signed(self.chance.choice(harm.OF_JSON)(raw, self.chance)))

    def of_schema(self) -> Mutant:
        document = self.good()
        self.chance.choice(harm.OF_SCHEMA)(document, self.chance)
        return Mutant(CLEARED, self.signed(document))

    def of_policy(self) -> Mutant:
        sender, change = self.chance.choice(harm.OF_POLICY)
        # Of a type that all of them can be made of: a message with a person in it.
        document = self.good(sender, name="missing-child")
        change(document, self.chance)
        return Mutant(sender, self.signed(document, sender))

    def malleated(self) -> Mutant:
        """The one change that takes nothing away: it is the same message still."""
        return Mutant(CLEARED, forgery.malleated(self.chance.choice(list(self.earlier.values()))))

    def reused(self) -> Mutant:
        """Another message under an id that is taken."""
        id = self.chance.choice(list(self.earlier))
        stated = strictjson.parse_object(jose.decode(self.earlier[id].split(b".")[1]), limit=1 << 20)
        return Mutant(CLEARED, self.signed(stated | {"subject": f"Another {self.chance.random()}"}))

    def _signed(self, raw: bytes, sender: str = CLEARED) -> bytes:
        return jose.sign(raw, Kind.MESSAGE, self.members[sender].message)

    def _other_header(self, payload: bytes) -> Mutant:
        key = self.members[CLEARED].message
        header = forgery.honest_header(Kind.MESSAGE, key)
        raw: Mapping[str, Any] | bytes = self.chance.choice(harm.OF_HEADER)(header, key, self.chance)
        return Mutant(CLEARED, forgery.forged(raw, payload, key))

    def _other_signature(self, payload: bytes) -> Mutant:
        token = self._signed(payload)
        kept, _, segment = token.rpartition(b".")
        raw = jose.decode(segment)
        changed = self.chance.choice(harm.OF_SIGNATURE)(raw, self.chance)
        return Mutant(CLEARED, kept + b"." + jose.encode(changed).encode())

    def _other_key(self, payload: bytes) -> Mutant:
        """A good signature by a key that is not the caller's to sign messages with, or by none that is known."""
        mine = self.members[CLEARED]
        stranger, access = SigningKey.generate(), mine.access
        match self.chance.randrange(5):
            case 0:
                return Mutant(CLEARED, jose.sign(payload, Kind.MESSAGE, stranger))
            case 1:
                return Mutant(CLEARED, jose.sign(payload, Kind.MESSAGE, access))
            case 2:
                return Mutant(
                    CLEARED, forgery.forged(forgery.honest_header(Kind.MESSAGE, mine.message), payload, access)
                )
            case 3:
                return Mutant(CLEARED, jose.sign(payload, Kind.MESSAGE, self.members[READER].message))
            case _:
                # Whoever received it holds the bytes, and the signature is the sender's.
                return Mutant(READER, self._signed(payload))
