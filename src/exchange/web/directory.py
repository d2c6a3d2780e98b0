"""The directory, its changes and the policy sets."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from starlette.responses import Response

from exchange.participant import APPROVAL_LIMIT, CHANGE_LIMIT, Caller
from exchange.registry import Recorded, Registry
from exchange.web.edge import JOSE, NAME, NAMES, Edge
from exchange.web.render import as_json

_After = Annotated[int, Query(ge=0, le=2**53 - 1)]
_Begun = Annotated[int, Query(ge=-1, le=2**53 - 1)]
_Limit = Annotated[int, Query(ge=1, le=500)]
_Name = Annotated[str, Path(max_length=NAME, pattern=NAMES)]


def add_routes(app: FastAPI, registry: Registry, edge: Edge) -> None:
    Calling = Annotated[Caller, Depends(edge.caller)]

    @app.get("/v1/directory", operation_id="directory", tags=["directory"])
    async def directory(caller: Calling) -> Response:
        """Who takes part, as the caller may see it."""
        return as_json(await registry.directory(caller))

    @app.get("/v1/directory/changes", operation_id="changes", tags=["directory"])
    async def changes(caller: Calling, after: _After = 0, limit: _Limit = 500) -> Response:
        """The signed changes from genesis on: what a client folds, so as to trust no list of keys."""
        return as_json(await registry.changes(caller, after=after, limit=limit))

    @app.post("/v1/directory/changes", operation_id="propose", tags=["directory"])
    async def propose(request: Request, caller: Calling) -> Response:
        """A change signed by an officer."""
        token = await edge.body(request, limit=CHANGE_LIMIT, media_type=JOSE)
        return _recorded(await registry.propose(token, caller))

    @app.post("/v1/directory/changes/{change}/approvals", operation_id="approve", tags=["directory"])
    async def approve(request: Request, caller: Calling, change: _Name) -> Response:
        """Another officer's approval of a change that waits for it."""
        token = await edge.body(request, limit=APPROVAL_LIMIT, media_type=JOSE)
        return _recorded(await registry.approve(change, token, caller))

    @app.get("/v1/entities/{entity}/traffic", operation_id="traffic", tags=["directory"])
    async def traffic(caller: Calling, entity: _Name, after: _Begun = -1, limit: _Limit = 500) -> Response:
        """For the bureau of an entity: what it sent and received, without the content. Each look is recorded."""
        return as_json(await registry.traffic(caller, entity, after=after, limit=limit))

    @app.get("/v1/policies/{digest}", operation_id="policy", tags=["directory"])
    async def policy(caller: Calling, digest: _Name) -> Response:
        """The texts of a policy set that is or was in force."""
        return as_json(await registry.policy_texts(digest))


def _recorded(recorded: Recorded) -> Response:
    waits = recorded.missing > 0
    answer: dict[str, Any] = {
        "change": recorded.change,
        "state": "pending" if waits else "applied",
        "receipt": recorded.receipt.wire(),
    }
    if waits:
        answer["missing"] = recorded.missing
    return as_json(answer, 202 if waits else 201)
