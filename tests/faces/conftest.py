"""A real server with both faces on, turned on by its settings file, and real clients for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator

import openai
import pytest
import webuiapi
from tests.faces.asking import paint
from tests.server.front import Front

from pentimento.models.library.registry import STARTER_FOLDER

FACES = ("a1111", "openai")


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    data = tmp_path_factory.mktemp("faces")
    shutil.copytree(STARTER_FOLDER / "vae", data / "vaes" / "other-vae")
    (data / "settings.json").write_text(json.dumps({"faces": list(FACES)}))
    running = Front(data, None)
    yield running
    code, errors = running.stop()
    assert code == 0, errors


@pytest.fixture(scope="session")
def a1111(front: Front) -> webuiapi.WebUIApi:
    """The steps are few, for speed."""
    return webuiapi.WebUIApi(
        port=front.port, username="anyone", password=front.token, sampler="DDIM", steps=3
    )


@pytest.fixture(scope="session")
def client(front: Front) -> openai.OpenAI:
    address = f"http://127.0.0.1:{front.port}/openai/v1"
    return openai.OpenAI(base_url=address, api_key=front.token, max_retries=0)


@pytest.fixture
def made(front: Front) -> Callable[[], list[dict]]:
    """The jobs since the test began."""
    before = {job["id"] for job in front.call("GET", "/v1/jobs?limit=500").json["jobs"]}

    def since() -> list[dict]:
        jobs = front.call("GET", "/v1/jobs?limit=500").json["jobs"]
        return [job for job in jobs if job["id"] not in before]

    return since


@pytest.fixture(scope="module")
def ball(a1111):
    return paint(a1111)
