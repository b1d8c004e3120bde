"""What starts often loads only what it needs: asked of real processes, by the modules they have."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ["cv2", "numpy", "PIL", "requests", "urllib3", "torch", "diffusers", "transformers"]
ASKED = (
    "import json, sys\n"
    "{}\n"
    "print('LOADED', json.dumps([name for name in {!r} if name in sys.modules]))"
)
RUN_HELP = """
from pentimento.cli import app
try:
    app(['run', '--help'], standalone_mode=False)
except SystemExit:
    pass
"""
FRONT = """
from pentimento.cli import serve
import pentimento.api.server
from pentimento.api.compat import load
"""


def loaded(code: str, asked: list[str]) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", ASKED.format(code, asked)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    line = next(line for line in run.stdout.splitlines() if line.startswith("LOADED "))
    return list(json.loads(line.removeprefix("LOADED ")))


@pytest.mark.parametrize("code", [FRONT, RUN_HELP], ids=["front", "run --help"])
def test_light_processes_load_nothing_heavy(code: str) -> None:
    assert loaded(code, HEAVY) == []


def test_the_check_sees_what_is_loaded() -> None:
    assert loaded("import numpy", HEAVY) == ["numpy"]


def test_models_are_checked_by_then_though_their_checks_are_made_late() -> None:
    found = loaded(
        "from pentimento.schema.job import JobRequest\n"
        "from pydantic import ValidationError\n"
        "try:\n    JobRequest.model_validate({'mode': 'txt2img', 'stepps': 3})\n"
        "except ValidationError: import wave",
        ["wave"],
    )
    assert found == ["wave"]
