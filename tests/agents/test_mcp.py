"""Agents paint through the same queue as a person, with the same consent and limits, and see no
more than they need: MCP's own client drives `pentimento mcp` and a real server with the starter
model. One server and one agent's session for all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import pytest
from PIL import Image
from tests.agents.agent import SECONDS, Agent, agent, block, shown
from tests.remote.setup import Setup
from tests.remote.standins.all import STAND_INS
from tests.server.front import REPO

AREA = {"x": 24, "y": 16, "width": 40, "height": 32}
INSIDE = (slice(16, 48), slice(24, 64))
QUICK = {"steps": 4, "seed": 7}
ENDLESS = {"steps": 200, "count": 16}  # until it is cancelled
NAME = "Großer Garten, 1. Mai.png"


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    running = Setup(tmp_path_factory.mktemp("agents") / "data")
    assert running.front
    yield running
    running.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a photograph of 96 x 80 px, and a mask of AREA."""
    made = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[0:80, 0:96]
    photo = np.stack([rows * 3, columns * 2, rows + columns], axis=-1).astype(np.uint8)
    Image.fromarray(photo).save(made / NAME)
    mask = np.zeros((80, 96), np.uint8)
    mask[INSIDE] = 255
    Image.fromarray(mask).save(made / "mask.png")
    return made


@pytest.fixture(scope="module")
def painter(setup: Setup, folder: Path) -> Iterator[Agent]:
    with agent(setup.data, folder) as session:
        yield session


def pixels(file: Path) -> np.ndarray:
    return np.asarray(Image.open(file))


def outside(picture: np.ndarray) -> np.ndarray:
    kept = picture.copy()
    kept[INSIDE] = 0
    return kept


def test_a_filled_area_is_exact_outside(painter: Agent, folder: Path) -> None:
    before = (folder / NAME).read_bytes()
    painter.progress.clear()
    made = painter("fill", picture=NAME, area=AREA, prompt="a red ball", settings=QUICK)
    assert made["status"] == "succeeded"
    told = painter("save", job=made["job"], file="ball.png")
    result, source = pixels(Path(told["file"])), pixels(folder / NAME)
    assert (outside(result) == outside(source)).all()
    assert (result[INSIDE] != source[INSIDE]).any()
    assert painter.progress == sorted(set(painter.progress))
    assert painter.progress
    assert (folder / NAME).read_bytes() == before


def test_it_is_the_same_queue_and_the_same_job(setup: Setup, painter: Agent, folder: Path) -> None:
    """A mask by path, a picture as image content; the job's record run again over HTTP."""
    made = painter(
        "fill", picture=block(folder / NAME), mask="mask.png", prompt="snow", settings=QUICK
    )
    [exact] = shown(painter.answer("look", job=made["job"], full=True))
    job = setup.front.job(made["job"])
    assert job["record"]["request"]["client"] == "agent"
    again = setup.run(job["record"]["request"])
    assert (setup.pixels(again)[..., :3] == exact[..., :3]).all()


def test_a_result_goes_on_without_a_file(painter: Agent) -> None:
    first = painter("paint", prompt="a meadow", width=96, height=80, settings=QUICK)
    assert first["pictures"][0] | {"width": 96, "height": 80} == first["pictures"][0]
    source = f"job:{first['job']}"
    same = painter("repaint", picture=source, prompt="x", strength=0.0)
    both = [shown(painter.answer("look", job=one["job"], full=True))[0] for one in (first, same)]
    assert (both[0] == both[1]).all()
    [large] = painter("upscale", picture=source, scale=2, upscaler="plain")["pictures"]
    assert (large["width"], large["height"]) == (192, 160)
    sides = {"left": 32, "bottom": 16}
    [wide] = painter("expand", picture=source, sides=sides, settings=QUICK)["pictures"]
    assert (wide["width"], wide["height"]) == (128, 96)


def test_maps_masks_and_layers(painter: Agent) -> None:
    [edges] = shown(painter.answer("control_map", picture=NAME, type="canny"))
    assert edges.shape[:2] == (80, 96)
    [mask] = shown(painter.answer("select", picture=NAME, box=AREA))
    assert mask.shape[:2] == (80, 96)
    layers = painter("harmonize", picture=NAME, mask="mask.png")["pictures"]
    assert [one["facts"]["layer"] for one in layers] == ["edge", "light", "shadow"]


def test_a_plan_before_anything_is_made(setup: Setup, painter: Agent) -> None:
    jobs = len(setup.front.call("GET", "/v1/jobs").json["jobs"])
    plan = painter("plan", mode="inpaint", picture=NAME, area=AREA, strength=0.5)["plan"]
    assert plan["steps_run"] < plan["steps"]
    told = painter("plan", mode="txt2img", prompt="x", settings={"backend": "fal"})["plan"]
    assert "fal" in told["route"]["receives"]
    assert "$" in told["route"]["price"]
    assert len(setup.front.call("GET", "/v1/jobs").json["jobs"]) == jobs


def test_what_cannot_be_done_is_said(painter: Agent) -> None:
    assert "cannot_edit" in painter.refused("edit", picture=NAME, instruction="make it red")
    assert "area or a mask" in painter.refused("fill", picture=NAME)
    beyond = AREA | {"x": 90}
    assert "96 x 80" in painter.refused("fill", picture=NAME, area=beyond)
    assert "strenght" in painter.refused("repaint", picture=NAME, prompt="x", strenght=0.2)
    assert "sampeler" in painter.refused("paint", prompt="x", settings={"sampeler": "DDIM"})


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../secret.png",
        "link.png",
        "{data}/keys.json",
        "nul\x00.png",
        "~nobody/x.png",
    ],
)
def test_only_allowed_folders(
    setup: Setup, painter: Agent, folder: Path, tmp_path: Path, name: str
) -> None:
    secret = folder.parent / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    if not (folder / "link.png").is_symlink():
        (folder / "link.png").symlink_to(secret)
    name = name.replace("{data}", str(setup.data))
    assert "file_refused" in painter.refused("control_map", picture=name)


def test_nothing_is_replaced_and_the_data_folder_is_closed(setup: Setup, folder: Path) -> None:
    """Even where the person allowed a folder that has it inside."""
    (folder / "there.png").write_bytes(b"mine")
    with agent(setup.data, setup.data.parent, folder) as session:
        made = session("paint", prompt="x", width=64, height=64, settings=QUICK)
        for file in (folder / "there.png", setup.data / "backends.png", folder / "new.json"):
            assert session.refused("save", job=made["job"], file=str(file))
    assert (folder / "there.png").read_bytes() == b"mine"
    assert not (setup.data / "backends.png").exists()
    assert not (folder / "new.json").exists()


def test_an_agent_cannot_agree_for_the_person(setup: Setup, painter: Agent) -> None:
    stand_in = STAND_INS["fal"]()
    setup.use("fal", stand_in, consent=False)
    job = {"prompt": "a house", "settings": {"backend": "fal"}}
    words = painter.refused("paint", **job)
    assert "consent_needed" in words
    assert "agreed" in words
    [place] = [one for one in painter("places")["places"] if one["id"] == "fal"]
    assert (place["ready"], place["consented"]) == (False, False)
    for name in ("consent", "agree", "key", "change_backend", "backends"):
        assert name not in painter.tools()
        assert "Unknown tool" in painter.refused(name, service="fal", agreed=True)
    assert "extra" in painter.refused("paint", consent=True, **job).lower()
    assert "consent_needed" in painter.refused("paint", **job)
    assert stand_in.asked == []


def test_limits_of_money_hold_for_agents(setup: Setup, painter: Agent) -> None:
    stand_in = STAND_INS["fal"]()
    setup.use("fal", stand_in)
    setup.set("fal", caps={"per_job": 0.12, "per_day": None}, price=0.05)
    job = {"prompt": "a house", "settings": {"backend": "fal", "count": 2}}
    assert painter("paint", **job)["status"] == "succeeded"
    orders = len(stand_in.asked)
    job["settings"]["count"] = 3
    assert "budget_exceeded" in painter.refused("paint", **job)
    setup.set("fal", caps={"per_job": None, "per_day": 0.12})
    job["settings"]["count"] = 1
    assert "budget_exceeded" in painter.refused("paint", **job)
    setup.agree("fal", False)
    assert "consent_needed" in painter.refused("paint", **job)
    assert len(stand_in.asked) == orders


def test_other_peoples_jobs_stay_theirs(setup: Setup, painter: Agent) -> None:
    theirs = setup.front.start({"prompt": "mine alone", **ENDLESS})
    for tool, more in (("look", {}), ("cancel", {}), ("save", {"file": "stolen.png"})):
        assert "job_not_found" in painter.refused(tool, job=theirs, **more)
    assert "job_not_found" in painter.refused("repaint", picture=f"job:{theirs}", prompt="x")
    assert setup.front.job(theirs)["status"] in ("queued", "running")
    setup.front.call("DELETE", f"/v1/jobs/{theirs}")


def test_a_call_that_is_taken_back_takes_its_job_along(setup: Setup, painter: Agent) -> None:
    async def give_up() -> None:
        async def leave(*_: object) -> None:
            scope.cancel()

        with anyio.CancelScope() as scope:
            job = {"prompt": "given up", "settings": ENDLESS}
            await painter.client.call_tool("paint", job, SECONDS, leave)

    painter.portal.call(give_up)
    assert _status(setup, "given up") == "cancelled"


def test_jobs_end_with_the_session(setup: Setup, folder: Path) -> None:
    with agent(setup.data, folder, wait=0) as session:
        made = session("paint", prompt="left alone", settings=ENDLESS)
        assert made["status"] in ("queued", "running")
        assert session("look", job=made["job"])["status"] in ("queued", "running")
        assert "not_ready" in session.refused("save", job=made["job"], file="early.png")
    assert setup.front.finished(made["job"])["status"] == "cancelled"


def _status(setup: Setup, words: str) -> str:
    """Of the job with these words, once it has ended."""
    jobs = setup.front.call("GET", "/v1/jobs").json["jobs"]
    [job] = [job for job in jobs if job["record"]["request"].get("prompt") == words]
    return setup.front.finished(job["id"])["status"]


def test_the_token_is_never_told(setup: Setup, painter: Agent) -> None:
    """In all that the agent heard in this file."""
    assert painter("places")
    assert painter("models")
    heard = "\n".join(painter.heard)
    assert "succeeded" in heard
    assert setup.front.token not in heard


def test_without_the_package_the_remedy_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "mcp"
    missing.mkdir()
    text = 'raise ModuleNotFoundError("No module named \'mcp\'", name="mcp")\n'
    (missing / "__init__.py").write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "pentimento", "mcp", "--data-dir", str(tmp_path / "data")],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{REPO / 'server'}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode != 0
    assert "pip install pentimento[mcp]" in ended.stderr
    assert "Traceback" not in ended.stderr
