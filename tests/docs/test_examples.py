"""The examples of docs/scripting.md do what they say, in real GIMP and in a real shell."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.gimp.companion import Companion
from tests.gimp.harness import SUITES, HeadlessGimp, root_of

import procedures

REPO = Path(__file__).resolve().parents[2]
EXAMPLES = REPO / "docs" / "examples"
PHOTO = REPO / "examples" / "photo.jpg"
LARGE_ENOUGH = (320, 224)  # px, for what the examples select
RESTYLED = "a red house on a green meadow, oil pain"
LAYERS = [  # topmost first: the newest of what was made of a source
    "last values",
    RESTYLED,
    "a blue mountain",
    "a yellow moon, night",
    RESTYLED,
    "Background",
]


@pytest.fixture(scope="module")
def companion(tmp_path_factory):
    with Companion(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(params=list(SUITES))
def gimp(request, companion, tmp_path):
    """GIMP with the example files in its folder and last values of Image to Image."""
    version = request.param
    if not root_of(version).is_dir():
        pytest.skip(f"no root with GIMP {version}: run tools/gimp-root.sh make {SUITES[version]}")
    headless = HeadlessGimp(version, tmp_path)
    headless.point_to(companion.url, companion.token)
    (loader,) = headless.root.glob("usr/lib/*/gimp/3.0/plug-ins/file-jpeg")
    link = headless.config / "system" / "file-jpeg"
    link.symlink_to("/" / loader.relative_to(headless.root))
    kept = headless.config / "plug-in-settings"
    kept.mkdir()
    (kept / "GimpProcedureConfigRun-plug-in-pentimento-img2img.last").write_text(
        '(prompt "last values")\n(strength 0.0)\n'
    )
    Image.open(PHOTO).resize(LARGE_ENOUGH).save(tmp_path / "photo.jpg")
    for file in (EXAMPLES / "python_fu.py", EXAMPLES / "script_fu.scm"):
        shutil.copy(file, tmp_path)
    return headless


def layer_names(xcf: Path) -> list[str]:
    """Of an XCF file of GIMP 3 (devel-docs/xcf.txt): 64-bit pointers, strings with their length."""
    data = xcf.read_bytes()
    position = 14 + 3 * 4 + 4  # magic, width, height, type, precision
    while True:  # the image's properties
        kind, length = struct.unpack_from(">II", data, position)
        position += 8 + length
        if kind == 0:
            break
    names = []
    while pointer := struct.unpack_from(">Q", data, position)[0]:
        (length,) = struct.unpack_from(">I", data, pointer + 12)
        names.append(data[pointer + 16 : pointer + 16 + length - 1].decode())
        position += 8
    return names


def words_of(name: str) -> str:
    """Of a result's name: its strength may stand before them, its seed stands after them."""
    return re.sub(r"^\d\.\d\d · ", "", name).partition(" · ")[0].rstrip("…")


@pytest.mark.gimp
@pytest.mark.parametrize("language", ["python", "scheme"])
def test_example_makes_the_layers(gimp, language):
    target = gimp.work / "painted.xcf"
    main = f'"{gimp.work}/photo.jpg" "{target}"'
    if language == "python":
        interpreter = "python-fu-eval"
        call = f"main({main.replace(' ', ', ')})"
        batch = ["-b", f'exec(open("{gimp.work}/python_fu.py").read()); {call}']
    else:
        interpreter = "plug-in-script-fu-eval"
        batch = ["-b", f'(load "{gimp.work}/script_fu.scm") (main {main})']
    process = gimp.console([f"--batch-interpreter={interpreter}", *batch])
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    found = [words_of(name) for name in layer_names(target)]
    assert found == LAYERS, output


def test_shell_example_makes_the_pictures(companion, tmp_path):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "pentimento"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pentimento "$@"\n')
    command.chmod(0o755)
    ended = subprocess.run(
        [EXAMPLES / "shell.sh", PHOTO, tmp_path / "painted"],
        env={**companion.environment, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    made = {file.name for file in (tmp_path / "painted").iterdir()}
    assert made == {"img2img.png", "job.json", "fill.png", "text.png", "again.png"}
    pictures = [(tmp_path / "painted" / name).read_bytes() for name in ("img2img.png", "again.png")]
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize("name", ["python_fu.py", "script_fu.scm", "shell.sh"])
def test_scripting_page_shows_the_file_itself(name):
    page = (REPO / "docs" / "scripting.md").read_text()
    assert (EXAMPLES / name).read_text().strip() in page


def test_scripting_page_lists_every_argument():
    page = (REPO / "docs" / "scripting.md").read_text()
    for action in procedures.ACTIONS:
        section = page.split(f"### `{action.procedure}`\n")[1].split("\n### ")[0]
        listed = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
        assert listed == [option.name for option in action.options]
