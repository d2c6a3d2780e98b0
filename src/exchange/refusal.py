"""Every way to be turned away: a closed list of reasons, and the one exception that carries one.

A reason knows what it means and what to do about it. It knows no HTTP: the web floor has the one table of statuses.
Reasons that are themselves access rules (the gate's own rules, beside those written in Cedar) carry the rule's number.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Tell = Literal["sender", "audit"]
Verified = Literal["seen", "recalled", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """An access rule that the gate holds by itself: number, where it comes from, how sure we are, who is told."""

    id: str
    source: str
    verified: Verified
    tell: Tell = "sender"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says, and what the caller can do about it."""

    says: str
    mend: str
    rule: GateRule | None = None


_R01 = GateRule(id="R01", source="STANAG 4778 idea; RPD 15", verified="seen")
_R05 = GateRule(id="R05", source="RPD 21", verified="seen")
_R06 = GateRule(id="R06", source="RPD 112", verified="recalled")
_R29 = GateRule(id="R29", source="RPD 44", verified="seen")
_R50 = GateRule(id="R50", source="the exchange's agreement", verified="own")
_R52 = GateRule(id="R52", source="the exchange's agreement", verified="own")


class Reason(Enum):
    """Why something was turned away. The name is the stable code that programs compare."""

    # At the edge: the request itself
    BODY_TOO_LARGE = Meaning("the body is larger than this exchange accepts", "send less; the limit is in the protocol")
    BODY_TOO_SLOW = Meaning("the body did not arrive in time", "send the request again over a better line")
    FORM_MALFORMED = Meaning("the form or a query parameter is malformed", "see the protocol for this request's form")
    MEDIA_TYPE = Meaning("this media type is not accepted here", "send the media type that the protocol names")
    METHOD_NOT_ALLOWED = Meaning("this address does not take this method", "see the protocol for the method")
    NOT_FOUND = Meaning("there is nothing here for you", "check the address; foreign and absent answer alike")
    NOT_ALLOWED = Meaning("your participant may not use this door", "ask the operator which doors are yours")
    OVERLOADED = Meaning("the exchange is at its limit; nothing was stored", "try again after the time given")
    STORE_UNAVAILABLE = Meaning(
        "the store cannot answer; what became of the request is not known here",
        "send the same bytes again: they are accepted once at most",
    )
    TOO_MANY_REQUESTS = Meaning("more requests than your share", "slow down; try again after the time given")
    FAULT = Meaning("the exchange failed in a way it did not foresee", "tell the operator the ticket")

    # Access: who calls
    ASSERTION_WRONG = Meaning("the client assertion is not valid", "sign a fresh one with a current access key")
    GRANT_UNSUPPORTED = Meaning("this grant is not offered", "use client_credentials with private_key_jwt")
    PROOF_OF_KEY_WRONG = Meaning(
        "the DPoP proof is missing, stale, or not for this request",
        "make a fresh proof for this method and address with the token's key",
    )
    REPLAYED = Meaning("this assertion or proof was used before", "make a fresh one for each request")
    TOKEN_WRONG = Meaning("the access token is missing, expired or not ours", "ask for a new token")

    # The gate: bytes, header, signature
    JWS_MALFORMED = Meaning("this is not a compact JWS in canonical form", "send header.payload.signature, base64url")
    JWS_HEADER = Meaning(
        "the JWS header is not the one that this kind must have", "send exactly alg ES256, the kind's typ, and kid"
    )
    UNKNOWN_KEY = Meaning("the kid names no key of yours for this use", "sign with your own registered key")
    BAD_SIGNATURE = Meaning("the signature does not fit these bytes", "sign these very bytes with the key named", _R01)
    KEY_NOT_VALID = Meaning("the key is revoked or outside its validity", "sign with a current key", _R01)
    KEY_MALFORMED = Meaning("this is not a P-256 public key in JWK form", "send kty EC, crv P-256, x and y")

    # The content: JSON, schema, label, names and times
    JSON_MALFORMED = Meaning(
        "the JSON is malformed, ambiguous or out of bounds",
        "send UTF-8 JSON without duplicate names, within the bounds of the protocol",
    )
    SCHEMA_VIOLATION = Meaning("the content does not fit its schema", "mend the members named in faults")
    UNKNOWN_TYPE = Meaning("this type or version of message is not spoken here", "see the protocol for the types")
    LABEL_INCOMPLETE = Meaning("the label states no classification", "state one; OUO is the lowest for messages", _R06)
    LABEL_FOREIGN = Meaning(
        "the label is of a policy that is not mapped here",
        "label by urn:exchange:policy:core:1, or ask the operator for a mapping",
        _R52,
    )
    LABEL_INCONSISTENT = Meaning("the label contradicts itself or the message", "mend the members named in faults")
    PERSON_STATUS_MISSING = Meaning(
        "a person is described without a status", "state person_status for each person", _R29
    )
    PURPOSE_MISSING = Meaning("RESTRICTED needs a named purpose in the label", "name one or more purposes")
    SEALING_REQUIRED = Meaning(
        "CONFIDENTIAL content must be sealed to its recipients",
        "send at most RESTRICTED: sealed content is not carried yet",
    )
    WRONG_EXCHANGE = Meaning("this was made for another exchange", "set aud to this exchange's name")
    NOT_THE_SENDER = Meaning(
        "sender, originator and key do not name one participant", "send and label as yourself, with your own key"
    )
    OUT_OF_TIME = Meaning(
        "the time stated is outside the window, or does not fit the id",
        "make the id and the time together, at the time of sending",
    )
    UNKNOWN_REFERENCE = Meaning("what is referred to is not known to you here", "refer to an item you sent or hold")

    # Policy and routing
    DENIED = Meaning("the access policy does not permit this", "see the rules named")
    NOT_CLEARED = Meaning(
        "your clearance is below the classification of this label",
        "classify within your clearance, or have a cleared bureau send it",
    )
    GRANT_STALE = Meaning(
        "what your bureau granted you was not reviewed in time", "have your bureau review the grant and state it anew"
    )
    SCOPE = Meaning("your bureau has not granted you this with this type", "ask your bureau, or have it act for you")
    NO_AGREEMENT = Meaning(
        "your agreement does not cover this, or is over", "stay within its types and areas, or have it renewed"
    )
    ORIGINATOR_CONTROL = Meaning(
        "the source has kept it to itself who else gets this", "ask the source with a permission-request"
    )
    NOT_TO_ALL = Meaning("it would not be released to all, and all or none was asked for", "name those who may read it")
    UNKNOWN_RECIPIENT = Meaning("a recipient is no participant, country or tier here", "look it up in the directory")
    TOO_MANY_RECIPIENTS = Meaning("the recipients expand to more than 256 participants", "name fewer")
    NO_RECIPIENTS = Meaning("the recipients expand to nobody but the sender", "name somebody else")

    # What stands already
    ID_REUSED = Meaning("this id was used for other bytes", "make a new id for a new message", _R50)
    RECALLED = Meaning(
        "the item was recalled", "nothing; what was recalled stays so, and can be sent anew under a new id"
    )
    ACT_WRONG = Meaning(
        "this act does not fit the item that it is about", "see the protocol for what can be done with such an item"
    )
    DUTIES_MISSING = Meaning(
        "the acknowledgement does not repeat the duties that the item lays on its readers",
        "read the duties shown with the item, and acknowledge them all",
    )
    ERASED = Meaning("the item was erased", "nothing; an erased id stays used", _R50)
    CURSOR_WRONG = Meaning("the cursor is not one of yours", "start again without a cursor")
    RANGE_WRONG = Meaning("there is no such position or size in this trail", "ask within the current checkpoint")

    # The directory and its officers
    CHANGE_WRONG = Meaning("the change does not fit the directory as it stands", "look at the directory, then mend it")
    NOT_AN_OFFICER = Meaning("this key may not sign that change", "have the right officer sign it")
    BEYOND_GRANT = Meaning(
        "a bureau grants to entities of its own country, and no more than it holds itself",
        "grant less, or have the operator's officers widen what the bureau holds",
        _R05,
    )
    ALREADY_APPROVED = Meaning("this officer has signed already", "have another officer approve")
    POLICY_WRONG = Meaning("the policy set does not hold together", "run exchange policy check and mend it")
    POLICY_CASES_FAILED = Meaning("the policy set fails its cases", "run exchange policy test and mend it")

    # Proofs, checked by whoever holds them
    PROOF_WRONG = Meaning("the proof does not lead to the root", "keep both and tell the operator and other parties")
    CHECKPOINT_WRONG = Meaning(
        "the checkpoint is not signed by the trail key, or malformed", "keep it and tell the operator and other parties"
    )
    LEAF_MALFORMED = Meaning("the bytes are no leaf of this trail", "keep them and tell the operator")
    HISTORY_WRONG = Meaning(
        "the history does not follow from its genesis",
        "keep what you were given and tell the operator and other parties",
    )

    @property
    def code(self) -> str:
        return self.name

    @property
    def says(self) -> str:
        return self.value.says

    @property
    def mend(self) -> str:
        return self.value.mend

    @property
    def rule(self) -> GateRule | None:
        return self.value.rule


@dataclass(frozen=True, slots=True)
class Fault:
    """Where in a document something is wrong: a JSON pointer (RFC 6901) and what is wrong there. Never the input."""

    path: str
    says: str


class Refusal(Exception):
    """Something was turned away, for one reason.

    rules: ids of the access rules that decided, as far as the caller may know them.
    faults: places in the caller's own document. retry_after: seconds.
    offer: a type of message by which the caller may ask for what it was refused.
    audited: why, for auditors alone; where all that the caller may know is that there is nothing for it.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        rules: tuple[str, ...] = (),
        faults: tuple[Fault, ...] = (),
        retry_after: int | None = None,
        offer: str = "",
        audited: bytes = b"",
    ) -> None:
        super().__init__(reason.code)
        self.reason = reason
        self.rules = rules or ((reason.rule.id,) if reason.rule else ())
        self.faults = faults
        self.retry_after = retry_after
        self.offer = offer
        self.audited = audited
