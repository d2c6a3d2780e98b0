"""What a participant receives, and how far each item is believed: checked against the sender's own key, not our word.

The numbers in the code are these checks:

    1  the bytes are a message, signed by a key that its sender was given in the directory that we folded
    2  the key was valid when the item was accepted
    3  what the signature covers is a message of a known type, for this exchange
    4  sender, originator and the name of the item are one
    5  the trail says so: the leaf of the message commits to these very bytes (where the evidence was fetched)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exchange import envelope, instant, jose, strictjson
from exchange.client.errors import Unproven
from exchange.client.history import History
from exchange.envelope import ItemId, Message
from exchange.jose import Kind
from exchange.leaf import Event, Field
from exchange.participant import Key, Use
from exchange.receipt import VerifiedReceipt
from exchange.refusal import Reason, Refusal

_JWS_LIMIT = 2 * 1024 * 1024  # bytes: above whatever limit an exchange may set


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message whose sender's signature and key were verified. token: the JWS, good to show to anybody.

    released_at: when it came to us, which may be long after it was accepted. newer: its last correction, where there is
    one for us. recalled, restricted: by ourselves; nobody else is told. All this is the exchange's word.
    """

    item: ItemId
    position: int
    released_at: datetime
    accepted_at: datetime
    message: Message
    key: Key
    token: bytes
    evidence: VerifiedReceipt | None = None
    newer: ItemId | None = None
    recalled: bool = False
    restricted: bool = False

    @property
    def document(self) -> Mapping[str, Any]:
        return self.message.document

    @property
    def due_at(self) -> datetime:
        """Until when it is to be acknowledged, by the urgency that its sender signed."""
        return self.message.label.due(self.released_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """An item that the exchange shows and that does not prove itself. Its content is not handed out."""

    item: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of items. receipt: the exchange's own word of what it has shown, verified; None where that is nothing."""

    messages: tuple[Received, ...]
    doubtful: tuple[Doubtful, ...]
    cursor: str
    receipt: VerifiedReceipt | None = None

    @property
    def by_urgency(self) -> tuple[Received, ...]:
        """The most urgent first, of these whatever is due first. Pages themselves follow the order of release."""
        return tuple(sorted(self.messages, key=lambda one: (one.message.label.urgency, one.due_at)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An item that was shown to us and that we have not acknowledged: the exchange's word, and none of the sender's.

    duties: what an acknowledgement takes on.
    """

    item: ItemId
    position: int
    sender: str
    type: str
    urgency: str
    released_at: datetime
    due_at: datetime
    overdue: bool
    duties: tuple[str, ...]

    @classmethod
    def read_all(cls, shown: Any) -> "tuple[Owed, ...]":
        """shown: a list of them as it came over the wire. Raises Unproven."""
        try:
            return tuple(cls._read(one) for one in shown)
        except (KeyError, TypeError, ValueError, AttributeError, Refusal):
            raise Unproven("what is owed is not in the protocol's form") from None

    @classmethod
    def _read(cls, shown: Any) -> "Owed":
        return cls(
            item=ItemId(str(shown["item"])),
            position=int(shown["position"]),
            sender=str(shown["sender"]),
            type=str(shown["type"]),
            urgency=str(shown["urgency"]),
            released_at=instant.parse(shown["released_at"]),
            due_at=instant.parse(shown["due_at"]),
            overdue=shown.get("overdue") is True,
            duties=tuple(map(str, shown.get("duties", ()))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Verifies items by the history that this client follows."""

    history: History
    origin: str

    async def read(self, shown: Any, evidence: VerifiedReceipt | None = None) -> Received:
        """shown: an item as it came over the wire. Raises Unproven."""
        try:
            item, position, sender = shown["item"], shown["position"], shown["sender"]
            token, newer = shown["jws"].encode(), shown.get("newer")
            kid = jose.key_id_of(token, limit=_JWS_LIMIT)
            key = await self.history.key(sender, kid)
            accepted_at = instant.parse(shown["accepted_at"])
            message = self._verified(item, position, sender, accepted_at, token, key, evidence)
            return Received(
                item=message.item,
                position=position,
                released_at=instant.parse(shown["released_at"]),
                accepted_at=accepted_at,
                message=message,
                key=key,
                token=token,
                evidence=evidence,
                newer=None if newer is None else ItemId(str(newer)),
                recalled=shown.get("recalled") is True,
                restricted=shown.get("restricted") is True,
            )
        except (KeyError, TypeError, AttributeError, UnicodeEncodeError):
            raise Unproven("an item is not in the protocol's form") from None
        except Refusal as refusal:
            raise Unproven.because("the item does not hold", refusal) from None

    async def read_all(self, shown: Any) -> tuple[tuple[Received, ...], tuple[Doubtful, ...]]:
        """One bad item spoils no other."""
        received: list[Received] = []
        doubtful: list[Doubtful] = []
        for one in shown if isinstance(shown, list) else ():
            try:
                received.append(await self.read(one))
            except Unproven as unproven:
                name = one.get("item") if isinstance(one, dict) else None
                doubtful.append(Doubtful(item=str(name), why=str(unproven)))
        return tuple(received), tuple(doubtful)

    def _verified(
        self,
        item: str,
        position: int,
        sender: str,
        accepted_at: datetime,
        token: bytes,
        key: Key,
        evidence: VerifiedReceipt | None,
    ) -> Message:
        opened = jose.open_jws(token, Kind.MESSAGE, {key.kid: key.verifying}, limit=_JWS_LIMIT)  # 1
        when = accepted_at if evidence is None else evidence.leaf.at
        if key.use is not Use.MESSAGE or not was_valid(key, when):  # 2
            raise Refusal(Reason.KEY_NOT_VALID)

        document = strictjson.parse_object(opened.payload, limit=_JWS_LIMIT, depth=envelope.DEPTH)  # 3
        message = envelope.read(document, self.history.schemas)
        if document["aud"] != self.origin:
            raise Refusal(Reason.WRONG_EXCHANGE)

        if not message.sender == sender == message.label.originator or message.item != item:  # 4
            raise Refusal(Reason.NOT_THE_SENDER)

        if evidence is not None:  # 5
            stated = evidence.leaf
            tells_of_it = stated.event is Event.MESSAGE_ACCEPTED and stated.object == item and stated.key == key.kid
            if not tells_of_it or evidence.position != position or not evidence.opens(Field.MESSAGE, opened.signed):
                raise Refusal(Reason.PROOF_WRONG)
        return message


def was_valid(key: Key, moment: datetime) -> bool:
    """A key that was revoked since was still good before: what it signed then stays signed."""
    return key.not_before <= moment < key.not_after and (key.revoked_at is None or moment < key.revoked_at)
