"""Who may use a face: nobody while it is off, and then only who has the token."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest
from tests.server.front import ENVIRONMENT, Front

from pentimento.api import compat

ROUTES = [
    (face, method, route.path.replace("{id}", "starter"))
    for face in compat.load(compat.FACES)
    for route in face.routes
    for method in sorted(route.methods - {"HEAD"})
]
IDS = [f"{method} {path}" for _, method, path in ROUTES]
each_route = pytest.mark.parametrize(("face", "method", "path"), ROUTES, ids=IDS)


def basic(password: str, user: str = "anyone") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A server as it starts by default."""
    running = Front(tmp_path_factory.mktemp("plain"), None)
    yield running
    running.stop()


@each_route
def test_a_face_is_off_until_it_is_turned_on(plain, face, method, path):
    answer = plain.call(method, path, {} if method == "POST" else None)
    assert (answer.status, answer.code) == (404, "not_found")


def test_forms_and_basic_are_refused_where_no_face_wants_them(plain, front):
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert plain.call("POST", "/openai/v1/images/edits", b"", form).status == 415
    assert front.call("POST", "/openai/v1/images/generations", b"", form).status == 415
    assert front.call("POST", "/sdapi/v1/txt2img", b"", form).status == 415
    for path in ("/v1/status", "/openai/v1/models"):
        assert front.bare("GET", path, None, {"Authorization": basic(front.token)}).status == 401


@each_route
@pytest.mark.parametrize("sent", [None, "Bearer wrong", basic("wrong"), basic(""), "Basic !", "x"])
def test_nobody_is_let_in_without_the_token(front, face, method, path, sent):
    headers = {"Content-Type": "application/json"} | ({"Authorization": sent} if sent else {})
    answer = front.bare(method, path, b"{}", headers)
    assert answer.status == 401
    scheme = answer.headers["WWW-Authenticate"].split()[0]
    assert scheme == ("Basic" if face.name == "a1111" else "Bearer")
    error = answer.json["error"]
    assert (error if face.name == "a1111" else error["code"]) in ("unauthorized", "invalid_api_key")


@each_route
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}], ids=["host", "page"]
)
def test_web_pages_are_refused_even_with_the_token(front, face, method, path, headers):
    answer = front.call(method, path, None, headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_the_token_is_taken_as_bearer_and_as_the_password_of_basic(front):
    path = "/sdapi/v1/options"
    assert front.call("GET", path).status == 200
    assert front.bare("GET", path, None, {"Authorization": basic(front.token)}).status == 200
    swapped = basic("anyone", front.token)
    assert front.bare("GET", path, None, {"Authorization": swapped}).status == 401


def test_unknown_calls_answer_in_the_words_of_the_face(front):
    assert front.call("GET", "/sdapi/v1/nothing").json["error"] == "not_found"
    error = front.call("GET", "/openai/v1/nothing").json["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert front.call("GET", "/nothing").code == "not_found"


def test_a_large_body_is_refused(front):
    headers = {"Content-Type": "application/json", "Content-Length": str(2**30)}
    answer = front.call("POST", "/sdapi/v1/img2img", b"", headers)
    assert answer.status == 413


def test_prompts_and_the_token_stay_out_of_the_log(front):
    front.call("POST", "/sdapi/v1/txt2img", {"prompt": "canary “猫” größer", "steps": 0})
    front.call("POST", "/openai/v1/images/generations", {"prompt": "canary “猫” größer", "n": 0})
    assert "canary" not in front.log()
    assert front.token not in front.log()


def serve(tmp_path, *options):
    command = [sys.executable, "-m", "pentimento", "serve", "--data-dir", str(tmp_path), *options]
    return subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_name_that_is_no_face_is_an_error(tmp_path):
    ended = serve(tmp_path, "--faces", "a1111,comfy")
    assert ended.returncode == 1
    assert "comfy" in ended.stderr


@pytest.mark.parametrize("text", ["{", json.dumps({"faces": "a1111"}), "[]"])
def test_settings_that_cannot_be_read_are_an_error(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    ended = serve(tmp_path)
    assert ended.returncode == 1
    assert "settings.json" in ended.stderr
