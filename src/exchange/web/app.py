"""The application: the doors, the edge and the routes, on one screen."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from exchange.access import Access
from exchange.inbox import Inbox
from exchange.intake import Intake
from exchange.refusal import Refusal
from exchange.registry import Registry
from exchange.trail import Trail
from exchange.web import directory, health, messages, openapi, reading, tokens, trail
from exchange.web.edge import Edge

Application = FastAPI
Lifespan = Callable[[Application], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What stands behind the routes."""

    access: Access
    intake: Intake
    inbox: Inbox
    registry: Registry
    trail: Trail
    edge: Edge
    pin: dict[str, str]  # what a client needs to know to trust nobody else: origin, trail key, genesis
    ready: Callable[[], dict[str, bool]]


def create_app(doors: Doors, lifespan: Lifespan) -> FastAPI:
    app = FastAPI(
        title="Exchange",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,  # it would send callers wherever their own Host header says
        lifespan=lifespan,
    )
    tokens.add_routes(app, doors.access, doors.edge, doors.pin)
    messages.add_routes(app, doors.intake, doors.edge)
    reading.add_routes(app, doors.inbox, doors.edge)
    directory.add_routes(app, doors.registry, doors.edge)
    trail.add_routes(app, doors.trail, doors.edge)
    health.add_routes(app, doors.ready)

    for error in (Refusal, RequestValidationError, HTTPException):
        app.add_exception_handler(error, doors.edge.refuse)
    app.add_exception_handler(Exception, doors.edge.fail)
    openapi.describe(app)
    return app
