"""Posting: `POST /v1/messages` and its preview.

The one route that is a plain Starlette route: at the rate that it must bear, a framework's help costs more than the
whole of policy and routing. Its entry in the OpenAPI document is written by hand, in `openapi`.
"""

from typing import Annotated

import orjson
from fastapi import Depends, FastAPI, Request
from starlette.responses import Response
from starlette.routing import Route

from exchange.intake import Intake
from exchange.participant import Caller
from exchange.web.edge import JOSE, JSON, Edge
from exchange.web.render import as_json


def add_routes(app: FastAPI, intake: Intake, edge: Edge) -> None:
    Calling = Annotated[Caller, Depends(edge.caller)]

    async def post(request: Request) -> Response:
        caller = await edge.poster(request)
        token = await edge.body(request, limit=intake.limit, media_type=JOSE)
        accepted = await intake.submit(token, caller)
        answer = accepted.receipt.wire() | {"routing": orjson.Fragment(accepted.routing)}
        if accepted.duties:
            answer["duties"] = accepted.duties
        return as_json(answer, 201 if accepted.new else 200)

    app.router.routes.insert(0, Route("/v1/messages", post, methods=["POST"]))

    @app.post("/v1/messages/preview", operation_id="preview", tags=["messages"])
    async def preview(request: Request, caller: Calling) -> Response:
        """Who would be released this very message now, and who not as far as its sender may know. Sends nothing."""
        raw = await edge.body(request, limit=intake.limit, media_type=JSON)
        seen = await intake.preview(raw, caller)
        return as_json({"outcome": seen.outcome, "rules": seen.rules, "recipients": seen.routing})
