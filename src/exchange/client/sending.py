"""What a participant is given for what it sends, and how far that is believed.

The numbers in the code are these checks:

    1  the receipt's leaf stands in the tree, under a checkpoint that the trail's key signed
    2  the leaf says what was done, by whom, to which item, under which key
    3  it commits to the very bytes that were signed here
    4  and to the routing that the answer tells
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchange import strictjson
from exchange.client.errors import Unproven
from exchange.client.watch import Watch
from exchange.envelope import ItemId
from exchange.leaf import Event, Field
from exchange.receipt import VerifiedReceipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one recipient, as its sender may know it. rule: where the sender's own words withheld it."""

    participant: str
    outcome: str
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What was signed and posted here: its bytes, the item that they make, and the key."""

    token: bytes
    item: ItemId
    kid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An accepted message. receipt: as it came, to be kept; verified: what was checked of it.

    new: False where these bytes had been accepted before. duties: codes of what the label lays on its readers.
    """

    item: ItemId
    position: int
    receipt: Mapping[str, Any]
    verified: VerifiedReceipt
    routing: tuple[Outcome, ...]
    duties: tuple[str, ...]
    new: bool

    @property
    def released(self) -> tuple[str, ...]:
        return tuple(one.participant for one in self.routing if one.outcome == "released")

    @property
    def withheld(self) -> tuple[Outcome, ...]:
        return tuple(one for one in self.routing if one.outcome != "released")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What posting would come to now. Nothing was sent."""

    outcome: str
    rules: tuple[str, ...]
    recipients: tuple[Outcome, ...]


def verify_sent(answer: Mapping[str, Any], posted: Posted, watch: Watch, *, new: bool) -> Sent:
    """answer: of POST /v1/messages. Raises Unproven."""
    item = posted.item
    verified = watch.verify(answer, item)  # 1
    stated = verified.leaf
    if stated.event is not Event.MESSAGE_ACCEPTED or (stated.object, stated.key) != (item, posted.kid):  # 2
        raise Unproven(f"the receipt for {item} speaks of something else")
    if not verified.opens(Field.MESSAGE, posted.token[: posted.token.rindex(b".")]):  # 3
        raise Unproven(f"the receipt for {item} is not for the bytes that were signed here")
    told = answer.get("routing")
    if not verified.opens(Field.ROUTING, strictjson.write(told)):  # 4
        raise Unproven(f"the routing told for {item} is not the one that the trail has")
    return Sent(
        item=item,
        position=verified.position,
        receipt={name: answer[name] for name in ("position", "leaf", "proof", "openings")},
        verified=verified,
        routing=outcomes(told),
        duties=tuple(map(str, answer.get("duties", ()))),
        new=new,
    )


def outcomes(told: Any) -> tuple[Outcome, ...]:
    """Raises Unproven."""
    try:
        return tuple(
            Outcome(participant=str(one["participant"]), outcome=str(one["outcome"]), rule=one.get("rule"))
            for one in told
        )
    except (KeyError, TypeError, AttributeError):
        raise Unproven("the routing is not in the protocol's form") from None
