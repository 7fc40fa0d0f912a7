"""The API against its own schema: whatever is sent, no answer is a failure of the studio's, and all are as described."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from studios import local, painted, studio, uploaded

from danqing.server.app import ROUTERS, build
from danqing.store import queue

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
HERE = {"Host": "127.0.0.1"}
ENDLESS = "/api/events"
"""A stream, which has tests of its own."""
OPERATIONS = [
    (route.path, method)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.path != ENDLESS
    for method in sorted(route.methods or ())
]


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    found = studio(tmp_path_factory.mktemp("studio"))
    client = local(found)
    painted(found, client, count=3)
    uploaded(client)
    client.post("/api/boards", json={"name": "b"})
    with pytest.MonkeyPatch.context() as patch:
        # What answers when a worker has painted would wait for ever, as there is none: so orders are refused as too many.
        patch.setattr(queue, "WAITING", -1)
        yield schemathesis.openapi.from_asgi("/docs/openapi.json", build(found), headers=HERE)
    found.database.close()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_no_answer_is_a_failure(schema: Any, path: str, method: str, mode: GenerationMode) -> None:
    """What fits the schema, and what does not."""

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def holds(case: Case[Any]) -> None:
        case.call_and_validate(checks=CHECKS, headers=HERE)

    # Nothing can be wrong with what takes nothing.
    with contextlib.suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
        holds()
