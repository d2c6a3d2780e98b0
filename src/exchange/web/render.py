"""Answers as JSON, by orjson; never kept by a cache, since what may be seen is decided each time."""

from datetime import datetime
from typing import Any

import orjson
from starlette.responses import Response

from exchange import instant
from exchange.participant import ParticipantId
from exchange.store import StoredItem

_HEADERS = {"Cache-Control": "no-store"}


def as_json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, _HEADERS, "application/json")


def as_text(text: str) -> Response:
    return Response(text.encode(), 200, _HEADERS, "text/plain; charset=utf-8")


def entry(item: StoredItem, viewer: ParticipantId) -> dict[str, Any]:
    """One item as this participant gets it: the sender's own bytes, and where they stand in the trail. What its source
    has done to it since is shown to that source alone, save that there is a newer version.
    """
    shown = {
        "item": item.item,
        "position": item.position,
        "accepted_at": instant.write(item.accepted_at),
        "released_at": instant.write(item.released_at),
        "sender": item.sender,
        "type": item.type,
        "urgency": item.label.urgency,
        "jws": item.token.decode(),
    }
    if item.sender != viewer:
        shown["due_at"] = instant.write(item.label.due(item.released_at))
    for name, moment in (("expires", item.label.expires), ("review_by", item.label.review_by)):
        if moment is not None:
            shown[name] = instant.write(moment)
    if item.newer is not None:
        shown["newer"] = item.newer
    if item.label.duties:
        shown["duties"] = item.label.duties
    return shown | (standing(item) if item.sender == viewer else {})


def owing(item: StoredItem, now: datetime) -> dict[str, Any]:
    """What is still to be acknowledged, to whoever has to: by its name and when, never by its content."""
    due = item.label.due(item.released_at)
    shown = {
        "item": item.item,
        "position": item.position,
        "sender": item.sender,
        "type": item.type,
        "urgency": item.label.urgency,
        "released_at": instant.write(item.released_at),
        "due_at": instant.write(due),
    }
    if due <= now:
        shown["overdue"] = True
    if item.label.duties:
        shown["duties"] = item.label.duties
    return shown


def standing(item: StoredItem) -> dict[str, Any]:
    """What its source has done to an item, where it has done anything."""
    done = {"recalled": item.recalled, "restricted": item.limits is not None}
    return {name: True for name, holds in done.items() if holds}
