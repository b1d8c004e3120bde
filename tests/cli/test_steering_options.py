"""What steers a job of the shell: controls, references, regions and LoRAs, each several times."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.cli.shell import Shell, photo, read
from tests.support.tiny_addons import write_ip_adapter

from pentimento.cli import run_options
from pentimento.core.errors import BadInput
from pentimento.models.library.registry import STARTER_FOLDER

NOTHING: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("controls", "drawn", "references", "regions", "loras"), ()
)
ASKED = ("--prompt", "a red ball", "--steps", "2", "--seed", "3")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty files `a.png`, `b c.png` and `d:1.5=e.png` in the working directory."""
    for name in ("a.png", "b c.png", "d:1.5=e.png"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("option", "text", "field", "entry", "file"),
    [
        ("controls", "canny=a.png", "controls", {"type": "canny"}, "a.png"),
        ("controls", "seg=b c.png:0.5", "controls", {"type": "seg", "weight": 0.5}, "b c.png"),
        ("controls", "tile=d:1.5=e.png", "controls", {"type": "tile"}, "d:1.5=e.png"),
        (
            *("controls", "depth=a.png:.5:0.1-1", "controls"),
            *({"type": "depth", "weight": 0.5, "start": 0.1, "end": 1.0}, "a.png"),
        ),
        ("drawn", "canny", "controls", {"type": "canny", "preprocess": True}, None),
        (
            *("drawn", "canny:2:0-.5", "controls"),
            *({"type": "canny", "preprocess": True, "weight": 2.0, "start": 0, "end": 0.5}, None),
        ),
        ("drawn", "seg=a.png", "controls", {"type": "seg", "preprocess": True}, "a.png"),
        ("references", "a.png", "references", {}, "a.png"),
        ("references", "style=a.png:1", "references", {"kind": "style", "weight": 1.0}, "a.png"),
        ("regions", "a.png=snow = ice: 2", "regions", {"prompt": "snow = ice: 2"}, "a.png"),
        ("regions", "a.png:0.4=", "regions", {"prompt": "", "weight": 0.4}, "a.png"),
        ("loras", "ink", "loras", {"id": "ink"}, None),
        ("loras", "ink:-0.5", "loras", {"id": "ink", "weight": -0.5}, None),
    ],
)
def test_each_form_is_read(
    files: Path, option: str, text: str, field: str, entry: dict[str, object], file: str | None
) -> None:
    found = run_options.read_steering(**(NOTHING | {option: (text,)}))
    assert found.fields == {field: [entry]}
    assert found.files == ({f"{field}.0": Path(file)} if file else {})


def test_the_files_of_several_have_their_numbers(files: Path) -> None:
    given = {"controls": ("canny=a.png",), "drawn": ("tile", "seg=b c.png")}
    found = run_options.read_steering(**(NOTHING | given))
    assert [entry["type"] for entry in found.fields["controls"]] == ["canny", "tile", "seg"]
    assert found.files == {"controls.0": Path("a.png"), "controls.2": Path("b c.png")}


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("controls", "a.png", "--control: “a.png” cannot be read"),
        ("controls", "canny=none.png", "There is no file none.png"),
        ("controls", "canny=a.png:0.5:0.1", "There is no file"),
        ("drawn", "", "--draw-control"),
        ("references", "", "--reference"),
        ("regions", "a.png", "--region: “a.png” cannot be read"),
        ("loras", "ink:much", "“much” is no weight"),
    ],
)
def test_what_is_of_no_form_is_told(files: Path, option: str, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run_options.read_steering(**(NOTHING | {option: (text,)}))


def test_all_of_it_steers_here_by_the_server_and_from_the_record(served: Shell) -> None:
    write_ip_adapter(STARTER_FOLDER, served.data / "ip_adapters" / "tiny")
    photo(served.folder / "a.png", np.uint8, 64, 64)
    circle = np.zeros((64, 64, 3), np.uint8)
    cv2.circle(circle, (32, 32), 20, (255, 255, 255), 1)
    cv2.imwrite(str(served.folder / "c.png"), circle)
    left = np.zeros((64, 64), np.uint8)
    left[:, :32] = 255
    cv2.imwrite(str(served.folder / "left.png"), left)
    options = (
        ("--control", "canny=c.png:0.9:0-0.5", "--draw-control", "canny:0.3"),
        ("--reference", "style=a.png:0.7", "--reference", "c.png"),
        ("--region", "left.png:0.8=snow", "--lora", "blueprint:0.8"),
    )
    asked = ("run", "--input", "a.png", "--strength", "0.8", *ASKED, *sum(options, ()))
    runs = (
        ("all.png", (*asked, "--record", "r.json")),
        ("here.png", ("run", "--from-record", "r.json", "--local")),
        ("fewer.png", ("run", "--from-record", "r.json", "--draw-control", "canny:0.3")),
    )
    for output, arguments in runs:
        done = served(*arguments, "--output", output, "--json")
        assert done.returncode == 0, (output, done.stderr)
    made = {output: read(served.folder / output).tobytes() for output, _ in runs}
    assert made["here.png"] == made["all.png"] != made["fewer.png"]
    fewer = json.loads(done.stdout)["record"]["request"]
    assert [one["weight"] for one in fewer["controls"]] == [0.3]
    assert len(fewer["references"]) == 2
    record = json.loads((served.folder / "r.json").read_text())
    request = record["request"]
    assert [(one["weight"], one.get("end", 1)) for one in request["controls"]] == [
        (0.9, 0.5),
        (0.3, 1),
    ]
    assert [one.get("kind", "reference") for one in request["references"]] == ["style", "reference"]
    assert request["regions"][0]["prompt"] == "snow"
    names = ("a", "c", "c", "left", "a")
    places = ("source", "controls.0", "references.1", "regions.0", "references.0")
    wanted = {
        place: f"{served.folder / name}.png" for place, name in zip(places, names, strict=True)
    }
    assert record["files"] == wanted
