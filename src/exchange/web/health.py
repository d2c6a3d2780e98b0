"""Whether the process lives, and whether it may be sent work."""

from collections.abc import Callable

from fastapi import FastAPI
from starlette.responses import Response

from exchange.web.render import as_json


def add_routes(app: FastAPI, ready: Callable[[], dict[str, bool]]) -> None:
    @app.get("/livez", operation_id="livez", tags=["health"])
    async def livez() -> Response:
        """The process answers."""
        return as_json({"alive": True})

    @app.get("/readyz", operation_id="readyz", tags=["health"])
    def readyz() -> Response:  # on a thread: it asks the store, which may be slow to say that it is away
        """The writer lives, the head is ours, and directory and policy are loaded in the versions that it names."""
        checks = ready()
        return as_json(checks, 200 if all(checks.values()) else 503)
