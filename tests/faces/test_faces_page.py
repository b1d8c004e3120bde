"""The examples of docs/faces.md run as they stand there; only the port is this server's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.server.front import ENVIRONMENT

from pentimento.api import compat

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "faces.md").read_text()


def block(language: str, word: str) -> str:
    (found,) = [
        text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.S) if word in text
    ]
    return found


def run(front, folder, command, text):
    ended = subprocess.run(
        [*command, text.replace("7860", str(front.port))],
        cwd=folder,
        env=ENVIRONMENT | {"PENTIMENTO_TOKEN": front.token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_webuiapi(front, tmp_path):
    told = run(front, tmp_path, [sys.executable, "-c"], block("python", "webuiapi"))
    seed, steps = told.split()
    assert (int(seed) >= 0, steps) == (True, "8")
    assert Image.open(tmp_path / "snow.png").size == (128, 96)


def test_openai(front, tmp_path):
    told = run(front, tmp_path, [sys.executable, "-c"], block("python", "openai.OpenAI"))
    assert told.split()[-2:] == ["image_generation.completed", "128x96"]
    assert Image.open(tmp_path / "sea.png").size == (128, 96)


def test_curl(front, tmp_path):
    told = run(front, tmp_path, ["bash", "-c"], block("sh", "curl"))
    assert '"title":"starter"' in told
    assert '{"images":["iVBORw0KGgo' in told


@pytest.mark.parametrize("face", compat.load(compat.FACES), ids=lambda face: face.name)
def test_every_call_is_on_the_page(face):
    names = {route.path.replace("/{id}", "").rpartition("/")[2] for route in face.routes}
    assert {name for name in names if name not in PAGE} == set()
