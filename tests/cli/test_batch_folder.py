"""`pentimento batch`: hundreds of files, killed at any moment, none done twice."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.shell import Shell, until

RECIPE = {"mode": "img2img", "prompt": "红 “red” 🌹", "strength": 0.4, "steps": 2, "seed": 11}
COUNT = int(os.environ.get("PENTIMENTO_BATCH_FILES", "24"))  # 300 for a long look


def pictures(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        values = rng.integers(0, 256, (40, 48, 3), np.uint8)
        file = folder / f"图 {number:03d} “é”.png"
        Image.fromarray(values).save(file)
        made.append(file)
    return made


def recipe(shell: Shell, **more: object) -> str:
    (shell.folder / "recipe.json").write_text(json.dumps(RECIPE | more), "utf-8")
    return "recipe.json"


def report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_a_batch_that_is_killed_goes_on_and_does_no_file_twice(served: Shell) -> None:
    files = pictures(served.folder / "in", COUNT)
    out = served.folder / "out"
    command = ("batch", "in", "--recipe", recipe(served), "--output", "out")
    before = len(jobs(served))
    chance = random.Random(5)
    for _ in range(3):
        process = served.start(*command)
        wanted = len(list(out.glob("*.png"))) + chance.randint(1, COUNT // 5)
        until(lambda wanted=wanted: len(list(out.glob("*.png"))) >= wanted, "no results", 120)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(list(out.glob("*.png"))) < COUNT
    done = served(*command)
    assert done.returncode == 0, done.stderr
    told = report(out)
    assert (told["done"], told["failed"], told["left"]) == (COUNT, 0, 0)
    assert len(jobs(served)) - before == COUNT, "a file was done twice"
    for file in (files[0], *files[7 :: COUNT // 3], files[-1]):
        single = served(
            *("run", "--input", str(file), "--prompt", RECIPE["prompt"], "--strength", "0.4"),
            *("--steps", "2", "--seed", "11", "--output", "single.png"),
        )
        assert single.returncode == 0, single.stderr
        made = (out / file.name).read_bytes()
        assert made == (served.folder / "single.png").read_bytes(), file
    count, seen = len(jobs(served)), {file: file.stat().st_mtime_ns for file in out.glob("*.png")}
    again = served(*command)
    assert again.returncode == 0
    assert len(jobs(served)) == count
    assert {file: file.stat().st_mtime_ns for file in out.glob("*.png")} == seen


def test_what_fails_is_told_and_the_rest_is_done(served: Shell) -> None:
    pictures(served.folder / "mixed", 3)
    (served.folder / "mixed" / "broken 破.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    (served.folder / "mixed-out").mkdir()
    mine = served.folder / "mixed-out" / "图 001 “é”.png"
    mine.write_bytes(b"somebody's own")
    command = ("batch", "mixed", "--recipe", recipe(served), "--output", "mixed-out")
    done = served(*command)
    assert done.returncode == 3, done.stderr
    told = report(served.folder / "mixed-out")
    assert (told["done"], told["failed"]) == (2, 2)
    assert mine.read_bytes() == b"somebody's own"
    assert "broken" in done.stderr
    (served.folder / "mixed" / "broken 破.png").unlink()
    mine.unlink()
    (served.folder / "nothing").mkdir()
    (served.folder / "nothing" / "broken.png").write_bytes(b"nothing")
    none = served("batch", "nothing", "--recipe", "recipe.json", "--output", "none out")
    assert none.returncode == 1
    assert report(served.folder / "none out")["failed"] == 1
    mended = served(*command)
    assert mended.returncode == 0, mended.stderr
    assert report(served.folder / "mixed-out")["done"] == 3


@pytest.mark.parametrize("way", ["beside:-mask.png", "alpha", "green"])
def test_masks_come_by_rule(served: Shell, way: str) -> None:
    name = f"masked {way[:5]}"
    [file] = pictures(served.folder / name, 1)
    picture = np.asarray(Image.open(file))
    hole = np.zeros(picture.shape[:2], np.uint8)
    hole[10:30, 12:36] = 255
    if way == "alpha":
        Image.fromarray(np.dstack([picture, 255 - hole])).save(file)
    elif way == "green":
        picture = picture.copy()
        picture[..., 1] = hole
        Image.fromarray(picture).save(file)
    else:
        Image.fromarray(hole).save(file.with_name(f"{file.stem}-mask.png"))
    done = served(
        *("batch", name, "--recipe", recipe(served, mode="inpaint", strength=1.0)),
        *("--output", f"{name} out", "--mask", way),
    )
    assert done.returncode == 0, done.stderr
    told = report(served.folder / f"{name} out")
    assert told["done"] == 1
    assert "seam" in told["files"][0]["seams"][0]
    made = np.asarray(Image.open(served.folder / f"{name} out" / file.name).convert("RGB"))
    kept = hole == 0
    assert (made[kept] == picture[kept]).all()
    assert (made[~kept] != picture[~kept]).any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mode": "txt2img"}', "no picture"),
        ("[1, 2]", "record"),
        ("{", "no JSON"),
        ('{"mode": "img2img", "controls": [{"image": {"blob": "x"}}]}', "controls"),
    ],
)
def test_recipes_that_are_none_are_refused_before_the_work(
    served: Shell, text: str, said: str
) -> None:
    (served.folder / "wrong.json").write_text(text)
    (served.folder / "empty").mkdir(exist_ok=True)
    done = served("batch", "empty", "--recipe", "wrong.json", "--output", "none")
    assert done.returncode == 1
    assert said in done.stderr


def jobs(shell: Shell) -> list[dict]:
    client = shell.client()
    return client._json("GET", "/v1/jobs", params={"limit": 500})["jobs"]
