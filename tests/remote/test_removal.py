"""Removing models while jobs for a service run and wait: row S14 of the found faults."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.remote.setup import Setup
from tests.remote.standins.openai import MODELS, OpenAI
from tests.server.front import until
from tests.support.tiny_annotators import write_depth
from tests.support.tiny_models import write_sd15

import pentimento
from pentimento.jobs.needs import needed
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest

LORA = Path(pentimento.__file__).parent / "starter/blueprint/pytorch_lora_weights.safetensors"
SERVICES_MODEL = MODELS[0]  # a folder of this machine's own may be called so, too


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Setup]:
    """A server with a model that is called as a service's is, and with LoRAs."""
    setup = Setup(tmp_path / "data 数据")
    write_sd15(setup.data / "models" / SERVICES_MODEL)
    write_depth(setup.data / "annotators" / "depth")
    (setup.data / "loras").mkdir()
    for name in ("画风", "field"):
        shutil.copy(LORA, setup.data / "loras" / f"{name}.safetensors")
    yield setup
    setup.close()


ROOM = 2  # jobs that run at a service beside each other


def remove(setup: Setup, model_id: str) -> tuple[int, str]:
    answer = setup.front.call("DELETE", f"/v1/models/{model_id}")
    return answer.status, "" if answer.status == 200 else answer.code


def test_s14_a_job_for_a_service_needs_no_model_of_this_machine(served: Setup) -> None:
    """Some run, one waits: all name what is installed here as well, and are painted there."""
    stand_in = OpenAI(fault="hold", times=ROOM)
    served.use("openai", stand_in)
    asked = {"backend": "openai", "model": SERVICES_MODEL, "prompt": "猫 “画风” 🎨"}
    jobs = [served.front.start(asked | {"width": 64, "height": 48}) for _ in range(ROOM + 1)]
    try:
        until(lambda: stand_in.accepted == ROOM)
        assert served.front.job(jobs[-1])["status"] == "queued"
        loras = served.front.call("GET", "/v1/models").json["loras"]
        style = next(item["id"] for item in loras if item["title"] == "画风")
        for name in (SERVICES_MODEL, style, "field", "depth"):
            assert remove(served, name) == (200, ""), name
        assert not (served.data / "models" / SERVICES_MODEL).exists()
        assert not list((served.data / "loras").glob("*.safetensors"))
        assert served.front.job(jobs[-1])["status"] == "queued"
    finally:
        stand_in.released.set()
    for job in jobs:
        assert served.front.finished(job, 60)["status"] == "succeeded"
    assert [one.prompt for one in stand_in.asked] == [asked["prompt"]] * len(jobs)


@pytest.mark.parametrize("mode", ["txt2img", "img2img", "preprocess"])
@pytest.mark.parametrize("backend", [None, "stability"])
def test_s14_a_service_draws_its_maps_without_this_machines_annotators(
    tmp_path: Path, mode: str, backend: str | None
) -> None:
    """Only what is drawn here needs what draws here; a job of one control alone always is."""
    folder = tmp_path / "数据 ”data"
    annotator = write_depth(folder / "annotators" / "深度 depth")
    blob = {"blob": "0" * 64}
    source = {} if mode == "txt2img" else {"source": blob}
    asked = {"mode": mode, "prompt": "猫", "controls": [{"type": "depth"}], **source}
    if mode == "txt2img":
        asked["controls"] = [{"type": "depth", "image": blob, "preprocess": True}]
    if backend and mode != "preprocess":
        asked["backend"] = backend
    found = needed([JobRequest.model_validate(asked)], Registry(folder))
    drawn_here = mode == "preprocess" or backend is None
    assert (annotator in found) is drawn_here
