"""docs/protocol.md, the routes and the OpenAPI document name the same calls, fields and errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pentimento.api import app as openapi
from pentimento.api.app import CALLS, create_app
from pentimento.core.settings import Settings
from pentimento.schema import snapshot, wording
from pentimento.schema.job import SAMPLERS, JobRequest, Mode, PixelFormat
from pentimento.schema.plan import Plan, PlanRequest

REPO = Path(__file__).resolve().parents[2]
PROTOCOL = (REPO / "docs" / "protocol.md").read_text(encoding="utf-8")
DOCUMENT = openapi.build()
NOT_IN_THE_TABLE = {("GET", "/v1/openapi.json")}  # told of in the text above it


def section(title):
    return PROTOCOL.split(f"\n## {title}\n")[1].split("\n## ")[0]


def documented_calls():
    found = re.findall(
        r"`(GET|PUT|HEAD|POST|PATCH|DELETE) (/v1/[^`?]*)(?:\?[^`]*)?`", section("Calls")
    )
    return {(method, path) for method, path in found}


def test_the_table_of_calls_is_complete():
    calls = {(call.method, call.path) for call in CALLS}
    assert documented_calls() | NOT_IN_THE_TABLE == calls
    assert "GET /v1/openapi.json" in PROTOCOL


def test_the_openapi_document_has_the_same_calls():
    told = {(method.upper(), path) for path, found in DOCUMENT["paths"].items() for method in found}
    assert told == {(call.method, call.path) for call in CALLS}


def test_the_router_has_the_same_calls(tmp_path):
    app = create_app(Settings(tmp_path), token="t", port=1)
    try:
        routes = {
            (method, route.path)
            for route in app.routes
            for method in route.methods - ({"HEAD"} if "GET" in route.methods else set())
        }
    finally:
        app.state.services.store.close()
    assert routes == {(call.method, call.path) for call in CALLS}


def test_the_document_tells_of_every_answer_what_its_route_returns():
    """By its annotation, which mypy holds it to; there is no second list of schemas."""
    told = {
        (call.method, call.path): openapi.answer_of(call.endpoint)
        for call in CALLS
        if not call.types
    }
    assert {call for call, model in told.items() if model is None} == {
        ("HEAD", "/v1/blobs/{id}"),
        ("GET", "/v1/openapi.json"),
    }
    for (method, path), model in told.items():
        answers_of = DOCUMENT["paths"][path][method.lower()]["responses"]
        if model:
            good = [answer for status, answer in answers_of.items() if status.startswith("2")]
            assert good
            for answer in good:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{model.__name__}"}


def test_query_parameters_are_the_documented_ones():
    for call in CALLS:
        line = re.search(rf"`{call.method} {re.escape(call.path)}\?([^`]*)`", PROTOCOL)
        named = re.findall(r"(\w+)=", line[1]) if line else []
        assert named == list(call.query), call.path


def test_only_health_is_open():
    operations = {
        path: operation for path, found in DOCUMENT["paths"].items() for operation in found.values()
    }
    assert [path for path, told in operations.items() if told.get("security") == []] == [
        "/v1/health"
    ]


def test_every_reference_in_the_document_resolves():
    names = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert names <= set(DOCUMENT["components"]["schemas"])
    assert {"JobRequest", "PlanRequest", "Snapshot", "Error"} <= names


def test_job_fields_are_the_documented_ones():
    rows = re.findall(r"^\| (`[^|]*`) \|", section("Job fields"), re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told | {"backend"} == set(JobRequest.model_fields)


@pytest.mark.parametrize(
    "words", [SAMPLERS, [mode.value for mode in Mode], [format.value for format in PixelFormat]]
)
def test_closed_sets_are_all_named(words):
    assert [word for word in words if f"`{word}`" not in PROTOCOL and word not in PROTOCOL] == []


def test_the_snapshot_has_the_documented_keys():
    block = section("Snapshot of a job").split("```")[1]
    top = re.sub(r"#.*", "", block)
    while re.search(r"\{[^{}]*\}|\[[^\[\]]*\]", top.strip()[1:-1]):
        top = "{" + re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", top.strip()[1:-1]) + "}"
    assert set(re.findall(r'"(\w+)"', top)) == set(snapshot.Snapshot.model_fields)


def test_the_plan_has_the_documented_keys():
    request, answer = section("Plan").split("Answer:")
    assert set(re.findall(r'"(\w+)"', request)) == set(PlanRequest.model_fields)
    inner = re.sub(r"generation\":\{[^}]*\}", 'generation"', answer.split("`")[1])
    assert set(re.findall(r'"(\w+)"', inner)) == set(Plan.model_fields)


def test_notices_are_the_documented_ones_with_their_params():
    rows = re.findall(r"^\| (`[^|]*) \| ([^|]*)\|", section("Notices"), re.MULTILINE)
    told = {
        code: set(re.findall(r"`(\w+)`", params))
        for codes, params in rows
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert set(told) == set(wording.NOTICES)
    for code, message in wording.NOTICES.items():
        assert set(re.findall(r"{(\w+)}", message)) <= told[code], code


def test_every_error_code_of_the_server_is_documented():
    """Codes that only end the command line, before a server runs, are not part of HTTP."""
    sources = [*(REPO / "server/pentimento/api").glob("*.py")]
    sources += (REPO / "server/pentimento/jobs").glob("*.py")
    raised = r"(?:BadInput|TooLarge|Unsupported|NotAllowed|NotFound|Conflict|Busy|Unavailable|"
    raised += r"JobFailed|PentimentoError)\(\s*\"(\w+)\""
    codes = {code for file in sources for code in re.findall(raised, file.read_text())}
    start_up = {"already_running", "data_dir", "port_in_use"}
    assert {code for code in codes - start_up if f"`{code}`" not in PROTOCOL} == set()
