"""From what somebody wants to say to the envelope that is signed: ids, times, names and a label, filled in.

Whatever is filled in on the sender's behalf is said in a note: a classification that nobody stated is a decision.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ulid import ULID

from exchange import instant
from exchange.envelope import TYPES
from exchange.label import POLICY, Handling, Tier

OUO_NOTE = "no classification was stated: the label says OUO (for official use only)"
EXERCISE_NOTE = "this is a training exchange: the label says EXERCISE"

_GROUP = re.compile("(REG|OP|AG)(-[A-Z0-9]+)+")  # as the schema of terms has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An envelope, complete and not yet signed. notes: what was decided on the sender's behalf, in words."""

    document: Mapping[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who writes, where, and when. training: whether this exchange carries exercises only."""

    participant: str
    user: str
    origin: str
    training: bool
    now: datetime


def compose(
    author: Author,
    *,
    type: str,
    subject: str,
    body: Mapping[str, Any],
    recipients: Sequence[str | Mapping[str, Any]] = (),
    label: Mapping[str, Any] | None = None,
    **more: Any,
) -> Draft:
    """-> an envelope with id, sent_at and every name filled in; members that are given stay as they are.

    recipients: `ncb-ita`, `country:DEU`, `tier:T1`, `all`, or the members as they are sent; none for what acts upon an
    item and goes to those who hold that.
    label: what is known of it. Absent are filled in: policy, originator, created, releasable_to (all), and the
    classification. more: further members of the envelope (case_ref, thread, in_reply_to, entities, attachments).
    Raises ValueError for a type or a recipient of no known form.
    """
    if type not in TYPES:
        raise ValueError(f"{type!r} is no type of message; there are {', '.join(TYPES)}")
    made = ULID.from_datetime(author.now)
    filled, notes = _label(author, label or {})
    document = {
        "id": str(made),
        "type": type,
        "schema_version": 1,
        "aud": author.origin,
        "sender": author.participant,
        "user": author.user,
        "case_ref": f"{author.participant}/{made}",
        "subject": subject,
        "label": filled,
        "sent_at": instant.write(author.now),
        "body": dict(body),
    }
    if recipients:
        document["recipients"] = [recipient(r) if isinstance(r, str) else dict(r) for r in recipients]
    given = {name: value for name, value in more.items() if value is not None}
    if "case_ref" not in given:
        notes = (*notes, f"no case was named: the case reference is {document['case_ref']}")
    return Draft(document=document | given, notes=notes)


def recipient(text: str) -> dict[str, Any]:
    """`ncb-ita`, `country:DEU`, `group:REG-EUR`, `tier:T1` or `all` -> the member of an envelope. Raises ValueError."""
    kind, colon, name = text.partition(":")
    match kind, bool(colon):
        case "all", False:
            return {"all": True}
        case "country", True if len(name) == 3 and name.isascii() and name.isupper():
            return {"country": name}
        case "group", True if _GROUP.fullmatch(name):
            return {"group": name}
        case "tier", True if name in Tier.__members__:
            return {"tier": name}
        case _, False if kind:
            return {"participant": kind}
        case _:
            raise ValueError(
                f"{text!r} is no recipient: name a participant, country:DEU, group:REG-EUR, tier:T1 or all"
            )


def _label(author: Author, stated: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    label: dict[str, Any] = {
        "policy": POLICY,
        "originator": author.participant,
        "created": instant.write(author.now),
        "releasable_to": {"mode": "ALL"},
        **stated,
    }
    notes = []
    if label.get("classification") is None:
        label["classification"] = "OUO"
        notes.append(OUO_NOTE)
    if author.training and Handling.EXERCISE.value not in label.get("handling", ()):
        label["handling"] = [*label.get("handling", ()), Handling.EXERCISE.value]
        notes.append(EXERCISE_NOTE)
    return label, tuple(notes)
