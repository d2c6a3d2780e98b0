"""The OpenAPI document: what the framework cannot read off the code, written here."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_PROBLEM = {
    "description": "Refused: problem details with a stable reason and a ticket",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_NOTES = {"checkpoint"}  # operations that answer with a signed note
_OPEN = {"token", "metadata", "livez", "readyz"}  # operations that need no token
_BODIES = {
    "token": ("application/x-www-form-urlencoded", "client credentials with a signed assertion (RFC 7523, 2.2)"),
    "post": ("application/jose", "a message as a compact JWS"),
    "forward": ("application/jose", "a forward as a compact JWS"),
    "preview": ("application/json", "the envelope that would be signed"),
    "acknowledge": ("application/jose", "an acknowledgement as a compact JWS"),
    "propose": ("application/jose", "a change as a compact JWS"),
    "approve": ("application/jose", "an approval as a compact JWS"),
}
_CREATED = {
    "post": ("200", "201"),
    "forward": ("200", "201"),
    "acknowledge": ("201",),
    "propose": ("201", "202"),
    "approve": ("201", "202"),
}


def describe(app: FastAPI) -> None:
    """Have the application answer for all its routes, the plain one included."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    described = get_openapi(title=app.title, version=app.version, routes=app.routes)
    described["paths"]["/v1/messages"] = {"post": _POST}
    for operations in described["paths"].values():
        for operation in operations.values():
            _complete(operation)
    components = described.setdefault("components", {})
    components["schemas"] = {"Problem": _PROBLEM_SCHEMA} | {
        name: schema
        for name, schema in components.get("schemas", {}).items()
        if name not in ("HTTPValidationError", "ValidationError")
    }
    components["securitySchemes"] = {"dpop": {"type": "http", "scheme": "DPoP", "bearerFormat": "at+jwt"}}
    return described


def _complete(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    for status in _CREATED.get(name, ()):
        operation["responses"][status] = {"description": "Done", "content": {"application/json": {}}}
    if name in _CREATED and "200" not in _CREATED[name]:
        operation["responses"].pop("200", None)
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = _PROBLEM
    if name in _NOTES:
        operation["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
    if name == "readyz":
        operation["responses"]["503"] = {"description": "Not ready", "content": {"application/json": {}}}
    if name not in _OPEN:
        operation["security"] = [{"dpop": []}]
    if name in _BODIES:
        media_type, says = _BODIES[name]
        schema = _SCHEMAS.get(media_type, {"type": "string"})
        operation["requestBody"] = {
            "required": True,
            "description": says,
            "content": {media_type: {"schema": schema}},
        }


_SCHEMAS: dict[str, dict[str, Any]] = {
    "application/json": {"type": "object"},
    "application/x-www-form-urlencoded": {
        "type": "object",
        "required": ["grant_type", "client_assertion_type", "client_assertion"],
        "properties": {
            name: {"type": "string"} for name in ("grant_type", "client_assertion_type", "client_assertion")
        },
    },
}

_POST: dict[str, Any] = {
    "operationId": "post",
    "tags": ["messages"],
    "summary": "Post",
    "description": "A message, signed by its sender. Answers once it is durable: 201 with its receipt, 200 with the "
    "receipt of the first time for a repeat of the same bytes.",
    "responses": {},
}

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "reason", "ticket"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "ticket": {"type": "string"},
        "error": {"type": "string"},
        "rules": {"type": "array", "items": {"type": "string"}},
        "faults": {"type": "array", "items": {"type": "object"}},
        "receipt": {"type": "object"},
    },
}
