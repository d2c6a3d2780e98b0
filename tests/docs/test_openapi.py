"""schemas/openapi.json is what the application says of itself; docs/protocol.md tells of every route in it."""

import json
from pathlib import Path

from scripts import openapi

PROTOCOL = Path(__file__).parent.parent.parent / "docs" / "protocol.md"


def test_the_document_is_up_to_date() -> None:
    assert openapi.DOCUMENT.read_text("utf-8") == openapi.text(), "run `python -m scripts.openapi`"


def test_every_operation_says_what_it_is_for() -> None:
    operations = [one for path in openapi.document()["paths"].values() for one in path.values()]

    assert len(operations) > 20
    assert [one["operationId"] for one in operations if not one.get("description")] == []


def test_the_protocol_tells_of_every_route() -> None:
    paths = json.loads(openapi.DOCUMENT.read_text("utf-8"))["paths"]
    routes = {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}
    told = PROTOCOL.read_text("utf-8")

    routes.add("GET /v1/openapi.json")  # which does not list itself
    assert {route for route in routes if f"`{route}`" not in told} == set()
