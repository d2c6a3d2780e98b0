"""From verified bytes to a message, and from a message to bytes.

The order of the checks is the order in which a refusal helps its sender most: what it is, how it is labelled, whether
it fits its schema, whether it is meant for this exchange, from whom, and when. Nothing here knows who may read it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NewType

from exchange import instant, jose, strictjson
from exchange import label as labels
from exchange.jose import Kind, SigningKey, VerifiedBytes
from exchange.label import Classification, Handling, Label, Mode, Releasability, Tier
from exchange.participant import ParticipantId
from exchange.refusal import Fault, Reason, Refusal
from exchange.schema import Schemas

ItemId = NewType("ItemId", str)  # "<sender>:<ULID>"

RULINGS = ("recall", "restriction", "correction", "forward")  # acts upon an item that stands already
TYPES = (
    "message",
    "information-request",
    "information-answer",
    "clarification",
    "spontaneous-information",
    "feedback",
    "permission-request",
    "permission-answer",
    *RULINGS,
)
LIMIT = 256 * 1024  # bytes of a whole JWS, unless the settings say otherwise
OLDEST = timedelta(days=7)
AHEAD = timedelta(seconds=10)

_OF_AGE = 18  # years
_MAY_BE_LATE = 10  # seconds between the time in the id and sent_at
DEPTH = 12  # of the JSON of an envelope


@dataclass(frozen=True, slots=True)
class ToParticipant:
    id: str


@dataclass(frozen=True, slots=True)
class ToCountry:
    code: str


@dataclass(frozen=True, slots=True)
class ToGroup:
    code: str


@dataclass(frozen=True, slots=True)
class ToTier:
    tier: Tier


@dataclass(frozen=True, slots=True)
class ToAll:
    pass


Recipient = ToParticipant | ToCountry | ToGroup | ToTier | ToAll


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that fits its type's schema. Who signed it is for VerifiedBytes to say; whether it may be sent, for
    the policy.

    recipients: none of what acts upon an item and is told to those who hold that. about: the item that its body is
    about, where the type has one. all_or_none: whether it goes to nobody, where it may not go to each. circle: what a
    restriction narrows the item's own to; all, where it lifts.
    """

    item: ItemId
    sender: ParticipantId
    ulid: str
    type: str
    user: str
    recipients: tuple[Recipient, ...]
    thread: ItemId  # of the message that started the thread: its own item, where it starts one
    in_reply_to: ItemId | None
    subject: str
    label: Label
    sent_at: datetime
    document: Mapping[str, Any]
    about: ItemId | None = None
    all_or_none: bool = False
    circle: Releasability | None = None

    @property
    def entities(self) -> tuple[Mapping[str, Any], ...]:
        """All that it describes, those that a correction puts right among them."""
        return tuple(entity for _, entity in _entities(self.document))

    @property
    def minors_state_their_age(self) -> bool:
        """R31: in an item marked MINOR every person has a birth date or an age."""
        return all("birth_date" in person or "age" in person for person in self._persons())

    @property
    def special_data_is_justified(self) -> bool:
        """R32: an item marked SENS, and every entity with special data, states why it is necessary."""
        special = [e for e in self.entities if e.get("special_data")]
        stated = all(e.get("necessity", "").strip() for e in special)
        return stated and bool(special or Handling.SENS not in self.label.handling)

    def _persons(self) -> list[Mapping[str, Any]]:
        return [e for e in self.entities if e["kind"] == "person"]


def parse(verified: VerifiedBytes, *, sender: ParticipantId, origin: str, now: datetime, schemas: Schemas) -> Message:
    """verified: bytes under a message key of `sender`. now: the gateway's time.

    Raises Refusal with JSON_MALFORMED, UNKNOWN_TYPE, SCHEMA_VIOLATION, LABEL_INCOMPLETE, LABEL_FOREIGN,
    LABEL_INCONSISTENT, PERSON_STATUS_MISSING, WRONG_EXCHANGE, NOT_THE_SENDER, SEALING_REQUIRED, PURPOSE_MISSING or
    OUT_OF_TIME. The time is looked at last: a message that is right but late may be the retry of one accepted before.
    """
    # Whoever opened these bytes held them to the limit in force.
    document = strictjson.parse_object(verified.payload, limit=len(verified.payload), depth=DEPTH)
    return check(read(document, schemas), sender=sender, origin=origin, now=now)


def check(message: Message, *, sender: ParticipantId, origin: str, now: datetime) -> Message:
    """Whether a message that is right in itself is right here: this exchange, this sender, this moment. See `parse`."""
    if message.document["aud"] != origin:
        raise Refusal(Reason.WRONG_EXCHANGE)
    if not message.sender == sender == message.label.originator:
        raise Refusal(Reason.NOT_THE_SENDER)
    if message.label.classification >= Classification.CON:
        raise Refusal(Reason.SEALING_REQUIRED)
    if message.label.classification == Classification.RES and not message.label.purpose:
        raise Refusal(Reason.PURPOSE_MISSING, faults=(Fault("/label/purpose", "names at least one purpose"),))
    if message.all_or_none:
        _check_names(message)
    _check_marks(message)
    _check_times(message, now)
    return message


def read(document: Mapping[str, Any], schemas: Schemas) -> Message:
    """The message in a document of a known type that fits its schema, judged by nothing but itself.

    For those who hold signed bytes already accepted: recipients and auditors. A gateway asks `parse`.
    """
    _check_form(document, schemas)
    sender, ulid = document["sender"], document["id"]
    item, reply = ItemId(f"{sender}:{ulid}"), document.get("in_reply_to")
    body = document["body"]
    about = body.get("object", body.get("about"))
    return Message(
        item=item,
        sender=ParticipantId(sender),
        ulid=ulid,
        type=document["type"],
        user=document["user"],
        recipients=tuple(map(_recipient, document.get("recipients", ()))),
        thread=ItemId(document.get("thread", item)),
        in_reply_to=None if reply is None else ItemId(reply),
        subject=document["subject"],
        label=labels.parse(document["label"]),
        sent_at=instant.parse(document["sent_at"]),
        document=document,
        about=None if about is None else ItemId(about),
        all_or_none="delivery" in document,
        circle=_circle(body) if document["type"] == "restriction" else None,
    )


def write(document: Mapping[str, Any], key: SigningKey) -> bytes:
    """The sender's side: the envelope as a dict -> a compact JWS, ready to post."""
    return jose.sign(strictjson.write(dict(document)), Kind.MESSAGE, key)


def _check_form(document: Mapping[str, Any], schemas: Schemas) -> None:
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in TYPES or document.get("schema_version") != 1:
        raise Refusal(Reason.UNKNOWN_TYPE, faults=(Fault("/type", "is a type and version that this exchange speaks"),))
    schemas.check(kind, document)
    label = document["label"]
    if "classification" not in label:
        raise Refusal(Reason.LABEL_INCOMPLETE, faults=(Fault("/label/classification", "is stated"),))
    if label["policy"] != labels.POLICY:
        raise Refusal(Reason.LABEL_FOREIGN, faults=(Fault("/label/policy", "is one that is mapped here"),))
    for path, entity in _entities(document):
        if entity["kind"] == "person" and "person_status" not in entity:
            fault = Fault(f"{path}/person_status", "is stated for a person")
            raise Refusal(Reason.PERSON_STATUS_MISSING, faults=(fault,))


def _check_names(message: Message) -> None:
    """All or none is asked of those whom the sender names: of a circle it would tell who is not released it."""
    by_name = all(isinstance(recipient, ToParticipant) for recipient in message.recipients)
    if message.type in RULINGS or not by_name:
        fault = Fault("/recipients", "are participants by name, of what goes to all or none")
        raise Refusal(Reason.LABEL_INCONSISTENT, faults=(fault,))


def _check_marks(message: Message) -> None:
    """R31, R32: what an entity holds, the label says. Readers are kept from it by the label alone."""
    handling, faults = message.label.handling, []
    for path, entity in _entities(message.document):
        if entity.get("special_data") and Handling.SENS not in handling:
            faults.append(Fault(f"{path}/special_data", "is marked SENS in the label's handling"))
        if _is_minor(entity, message.sent_at) and Handling.MINOR not in handling:
            faults.append(Fault(path, "is a minor, marked MINOR in the label's handling"))
    if faults:
        raise Refusal(Reason.LABEL_INCONSISTENT, faults=tuple(faults))


def _entities(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entity that a message describes, and where it stands. What a correction puts right is held to the same
    rules as what it corrects: it would be the way around them else.
    """
    for n, entity in enumerate(document.get("entities", ())):
        yield f"/entities/{n}", entity
    if document.get("type") == "correction":
        for n, entity in enumerate(document["body"]["corrected"].get("entities", ())):
            yield f"/body/corrected/entities/{n}", entity


def _circle(restriction: Mapping[str, Any]) -> Releasability:
    if "lifted" in restriction:
        return Releasability(mode=Mode.ALL)
    return labels.parse_circle(restriction["releasable_to"], "/body/releasable_to")


def _is_minor(entity: Mapping[str, Any], at: datetime) -> bool:
    if "age" in entity:
        return bool(entity["age"] < _OF_AGE)
    if "birth_date" in entity:
        year, *day = map(int, entity["birth_date"].split("-"))
        return at.year - year - ([at.month, at.day] < day) < _OF_AGE
    return False


def _check_times(message: Message, now: datetime) -> None:
    # In seconds: an id can name a time that no calendar has.
    made = _made_at(message.ulid)
    if abs(made - message.sent_at.timestamp()) > _MAY_BE_LATE:
        raise Refusal(Reason.OUT_OF_TIME, faults=(Fault("/sent_at", "is within 10 s of the time in the id"),))
    oldest, newest = (now - OLDEST).timestamp(), (now + AHEAD).timestamp()
    if not all(oldest <= moment <= newest for moment in (made, message.sent_at.timestamp())):
        raise Refusal(
            Reason.OUT_OF_TIME,
            faults=(Fault("/sent_at", "lies, as the time in the id, at most 7 days back and 10 s ahead"),),
        )


def _made_at(ulid: str) -> float:
    """Seconds since 1970: the milliseconds that a ULID begins with, 48 bits in Crockford's base 32. The library
    would decode the random bits too, in ten times the time.
    """
    return int(ulid[:10].translate(_FROM_CROCKFORD), 32) / 1000


_FROM_CROCKFORD = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789abcdefghijklmnopqrstuv")


def _recipient(members: Mapping[str, Any]) -> Recipient:
    match members:
        case {"participant": id}:
            return ToParticipant(id)
        case {"country": code}:
            return ToCountry(code)
        case {"group": code}:
            return ToGroup(code)
        case {"tier": tier}:
            return ToTier(Tier(tier))
        case _:
            return ToAll()
