"""Answers as JSON, by orjson; never kept by a cache, since what may be seen is decided each time."""

from typing import Any

import orjson
from starlette.responses import Response

from exchange import instant
from exchange.store import StoredItem

_HEADERS = {"Cache-Control": "no-store"}


def as_json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, _HEADERS, "application/json")


def as_text(text: str) -> Response:
    return Response(text.encode(), 200, _HEADERS, "text/plain; charset=utf-8")


def entry(item: StoredItem) -> dict[str, Any]:
    """One item as its readers get it: the sender's own bytes, and where they stand in the trail."""
    return {
        "item": item.item,
        "position": item.position,
        "released_at": instant.write(item.released_at),
        "sender": item.sender,
        "type": item.type,
        "jws": item.token.decode(),
    }
