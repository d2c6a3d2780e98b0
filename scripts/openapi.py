"""Writes schemas/openapi.json: what the application says of its own routes.

    python -m scripts.openapi

The document depends on the routes alone. So the application is built over doors that stand for nothing: whatever asks
one of them while the document is made would fail at once.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI

from exchange.web import Doors, create_app

DOCUMENT = Path(__file__).parent.parent / "schemas" / "openapi.json"


class _Shut:
    """A door that nobody may go through."""

    def caller(self) -> None: ...
    def refuse(self) -> None: ...
    def fail(self) -> None: ...


def document() -> dict[str, Any]:
    shut = cast(Any, _Shut())
    doors = Doors(
        access=shut,
        intake=shut,
        inbox=shut,
        registry=shut,
        trail=shut,
        edge=shut,
        pin={},
        ready=dict,
    )
    return create_app(doors, _no_lifespan).openapi()


def text() -> str:
    return json.dumps(document(), indent=2, sort_keys=True) + "\n"


@asynccontextmanager
async def _no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


if __name__ == "__main__":
    DOCUMENT.write_text(text(), "utf-8")
