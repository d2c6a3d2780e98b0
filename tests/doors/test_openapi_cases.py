"""The OpenAPI document, taken at its word: questions made from it are answered as it says, whatever they hold.

What is posted is signed, and bent in ways that matter by `tests/faults/test_mutations.py`.
"""

from typing import Any
from urllib.parse import unquote

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.doors.house import House

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_question_is_answered_as_the_document_says(house: House, data: st.DataObject) -> None:
    document = house["ncb-fra"].http.get(house.url + "/v1/openapi.json").json()
    asked = []
    for found in schemathesis.openapi.from_dict(document).include(method="GET").get_all_operations():
        assert isinstance(found, Ok)
        case = data.draw(found.ok().as_strategy())

        answer = ask(house, case)

        assert answer.status_code < 500, (case.path, answer.text)
        case.validate_response(answer, checks=CHECKS)
        asked.append(case.path)
    assert asked == [path for path, operations in document["paths"].items() if "get" in operations]


def ask(house: House, case: Any) -> httpx.Response:
    """As a bureau that has proved who it is: what is behind the doors is to hold, and not the doors alone."""
    made = case.as_transport_kwargs(base_url=house.url)
    url = httpx.URL(made["url"])
    query = {name: value for name, value in (made.get("params") or {}).items() if name != "wait"}  # up to 30 s
    proof = house["ncb-fra"].headers("GET", unquote(url.raw_path.decode().partition("?")[0]))
    return house["ncb-fra"].http.get(url, params=query, headers=proof)
