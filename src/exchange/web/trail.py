"""The trail: checkpoints and proofs for every participant, entries for auditors."""

from typing import Annotated

from fastapi import Depends, FastAPI, Query
from starlette.responses import Response

from exchange.participant import Caller
from exchange.trail import Trail
from exchange.trail.entries import PAGE
from exchange.web.edge import Edge
from exchange.web.render import as_json, as_text

_Number = Annotated[int, Query(ge=0, le=2**53 - 1)]


def add_routes(app: FastAPI, trail: Trail, edge: Edge) -> None:
    Calling = Annotated[Caller, Depends(edge.caller)]

    @app.get("/v1/trail/checkpoint", operation_id="checkpoint", tags=["trail"])
    async def checkpoint(caller: Calling) -> Response:
        """The head of the trail, as a signed note."""
        return as_text(await trail.checkpoint())

    @app.get("/v1/trail/inclusion", operation_id="inclusion", tags=["trail"])
    async def inclusion(caller: Calling, position: _Number, size: _Number) -> Response:
        """The proof that a leaf stands in the tree of a size."""
        return as_json(await trail.inclusion(position, size))

    @app.get("/v1/trail/consistency", operation_id="consistency", tags=["trail"])
    async def consistency(caller: Calling, first: Annotated[_Number, Query(alias="from")], to: _Number) -> Response:
        """The proof that the tree of one size is the beginning of that of another."""
        return as_json(await trail.consistency(first, to))

    @app.get("/v1/trail/entries", operation_id="entries", tags=["trail"])
    async def entries(
        caller: Calling,
        after: Annotated[int, Query(ge=-1, le=2**53 - 1)] = -1,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    ) -> Response:
        """What happened, with what an auditor may open of it. For oversight only; the question is recorded."""
        return as_json(await trail.entries(caller, after=after, limit=limit))
