"""X/Y plots from the shell: axes as they are written, one picture a pair, and the sheet."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tests.cli.shell import Shell, photo, read
from tests.support import awkward

from pentimento.cli.plot import Plot, read_axis
from pentimento.cli.run_options import JobFile
from pentimento.core.errors import BadInput

JOB = ("--input", "a.png", "--prompt", "日本 “sea” 🌊", "--strength", "0.5", "--steps", "1")


def test_an_axis_is_read() -> None:
    assert [point.label for point in read_axis("strength=0.2, .5,1")] == [
        *("strength 0.2", "strength .5", "strength 1"),
    ]
    [sampler] = read_axis("sampler=DPM++ 2M Karras")
    assert sampler.change({"seed": 1}) == {"seed": 1, "sampler": "DPM++ 2M Karras"}
    [first, _second] = read_axis("lora:ink=0.5,-1")
    other = {"id": "other", "weight": 2.0}
    changed = first.change({"loras": [{"id": "ink"}, other]})
    assert changed == {"loras": [{"id": "ink", "weight": 0.5}, other]}
    assert first.change({}) == {"loras": [{"id": "ink", "weight": 0.5}]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "strength",
        "strength=",
        "strength=a",
        "steps=1.5",
        "lora=1",
        "lora:=1",
        "prompt=a,b",
        "seed:x=1",
        "seed=" + ",".join("1" for _ in range(17)),
        *awkward.PROMPTS.values(),
    ],
)
def test_what_is_no_axis_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="no axis"):
        read_axis(text)


def test_all_pictures_of_a_plot_have_one_seed_and_rows_go_down() -> None:
    plot = Plot.of("steps=1,2", "guidance=3,4,5")
    jobs = plot.jobs(JobFile({"mode": "txt2img", "count": 4}))
    assert [[one["guidance"] for one in row] for row in jobs] == [[3, 3], [4, 4], [5, 5]]
    assert [one["steps"] for one in jobs[0]] == [1, 2]
    assert {one["seed"] for row in jobs for one in row} == {0}
    assert {one["count"] for row in jobs for one in row} == {1}


def test_the_pictures_are_those_of_single_runs_and_the_sheet_shows_them(served: Shell) -> None:
    photo(served.folder / "a.png", np.uint8)
    axes = ("--x", "strength=0.4,0.8", "--y", "seed=7,8")
    where = ("--pictures", "一つ “each”", "--output", "sheet.png", "--json")
    done = served("run", *JOB, *axes, *where)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["files"]) == 5
    single = (*JOB, "--strength", "0.8", "--seed", "7", "--output", "one.png")
    assert served("run", *single).returncode == 0
    made = {
        place: read(served.folder / "一つ “each”" / f"{place}.png")
        for place in ("1-1", "1-2", "2-1", "2-2")
    }
    np.testing.assert_array_equal(made["1-2"], read(served.folder / "one.png"))
    assert len({picture.tobytes() for picture in made.values()}) == 4
    sheet = Image.open(served.folder / "sheet.png")
    assert sheet.width > 2 * 320
    assert sheet.height > 2 * 240


def test_what_does_not_go_together_is_refused_before_anything_is_made(shell: Shell) -> None:
    photo(shell.folder / "a.png", np.uint8)
    for options in (
        ("--x", "strength=0.4"),
        ("--x", "strength=0.4", "--y", "seed=1", "--record", "r.json"),
        ("--x", "strength=4", "--y", "seed=1"),
    ):
        done = shell("run", *JOB, *options, "--output", "sheet.png", "--local")
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("pentimento:")
    assert not (shell.folder / "sheet.png").exists()
