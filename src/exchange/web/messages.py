"""Posting: `POST /v1/messages` and its preview, and `POST /v1/forwards`.

The one route that takes no help from the framework: at the rate that it must bear, that help costs more than the whole
of policy and routing. It is a plain route, reached past the framework's own layers by a middleware in front of them;
its entry in the OpenAPI document is written by hand, in `openapi`.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import orjson
from fastapi import Depends, FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from exchange.intake import Intake
from exchange.participant import Caller
from exchange.refusal import Refusal
from exchange.web.edge import JOSE, JSON, Edge
from exchange.web.render import as_json

_PATH = "/v1/messages"


def add_routes(app: FastAPI, intake: Intake, edge: Edge) -> None:
    Calling = Annotated[Caller, Depends(edge.caller)]

    async def take(request: Request, *, forwards: bool) -> Response:
        caller = await edge.poster(request)
        token = await edge.body(request, limit=intake.limit, media_type=JOSE)
        accepted = await intake.submit(token, caller, forwards=forwards)
        answer = accepted.receipt.wire() | {"routing": orjson.Fragment(accepted.routing)}
        if accepted.duties:
            answer["duties"] = accepted.duties
        return as_json(answer, 201 if accepted.new else 200)

    async def post(request: Request) -> Response:
        return await take(request, forwards=False)

    app.router.routes.insert(0, Route(_PATH, post, methods=["POST"]))
    app.add_middleware(_StraightToIntake, post=post, refuse=edge.refuse)

    @app.post("/v1/forwards", operation_id="forward", tags=["messages"])
    async def forward(request: Request) -> Response:
        """An item that the caller holds, passed on to others than its source named, with a note."""
        return await take(request, forwards=True)

    @app.post("/v1/messages/preview", operation_id="preview", tags=["messages"])
    async def preview(request: Request, caller: Calling) -> Response:
        """Who would be released this very message now, and who not as far as its sender may know. Sends nothing."""
        raw = await edge.body(request, limit=intake.limit, media_type=JSON)
        seen = await intake.preview(raw, caller)
        return as_json({"outcome": seen.outcome, "rules": seen.rules, "recipients": seen.routing})


class _StraightToIntake:
    """ASGI: a post goes to its door at once, everything else on to the framework. What nobody foresaw goes up to where
    it would have gone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        post: Callable[[Request], Awaitable[Response]],
        refuse: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app, self._post, self._refuse = app, post, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != _PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await self._post(request)
        except (Refusal, ClientDisconnect) as refusal:
            response = await self._refuse(request, refusal)
        await response(scope, receive, send)
