"""`pentimento run --local`, and everything that needs no server at all."""

from __future__ import annotations

import json
import platform
import re
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.cli.shell import Shell, photo, read, square_mask, until

from pentimento.cli.benching.measuring import Measurement
from pentimento.cli.benching.report import Report


def test_strength_zero_gives_the_source_back_at_16_bits(shell: Shell) -> None:
    source = photo(shell.folder / "a.png")
    done = shell("run", "--local", "--input", "a.png", "--strength", "0", "--output", "b.png")
    assert done.returncode == 0, done.stderr
    result = read(shell.folder / "b.png")
    assert result.dtype == np.uint16
    assert np.array_equal(result, source)


def test_inpaint_changes_the_mask_and_nothing_else_and_writes_what_was_seen(shell: Shell) -> None:
    source, mask = photo(shell.folder / "a.png"), square_mask(shell.folder / "m.png")
    done = shell(
        *("run", "--local", "--input", "a.png", "--mask", "m.png", "--prompt", "a red ball"),
        *("--steps", "2", "--seed", "3", "--output", "b.png", "--record", "r.json"),
        *("--contact-sheet", "sheet.png", "--stages", "seen"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "b.png (seed 3)\n"
    result = read(shell.folder / "b.png")
    assert result.dtype == np.uint16
    assert np.array_equal(result[mask == 0], source[mask == 0])
    assert (result[mask > 0] != source[mask > 0]).any(axis=1).mean() > 0.9
    record = json.loads((shell.folder / "r.json").read_text())
    assert record["request"]["seed"] == 3
    assert record["files"] == {
        "source": str(shell.folder / "a.png"),
        "mask": str(shell.folder / "m.png"),
    }
    told = json.loads((shell.folder / "seen" / "stages.json").read_text())
    codes = [stage["code"] for stage in told]
    assert codes[:4] == ["source", "mask", "round_trip", "noised_start"]
    assert told[3]["file"] == "04-noised-start.png"
    assert told[3]["facts"]["noise"] > 0
    for stage in told:
        with Image.open(shell.folder / "seen" / stage["file"]) as picture:
            assert picture.format == "PNG"
    last = read(shell.folder / "seen" / told[-1]["file"])
    assert np.array_equal(last[..., :3], result[..., :3])
    with Image.open(shell.folder / "sheet.png") as sheet:
        assert sheet.width > 1000


def test_where_a_sheet_cannot_go_is_said_before_the_work(shell: Shell) -> None:
    for sheet, said in (("sheet.jpg", "no PNG"), ("nowhere/s.png", "does not exist")):
        done = shell("run", "--output", "b.png", "--contact-sheet", sheet)
        assert done.returncode == 2
        assert said in done.stderr


def test_a_photograph_on_its_side_is_turned(shell: Shell) -> None:
    image = Image.new("RGB", (40, 24), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # a quarter turn
    image.save(shell.folder / "a.jpg", exif=exif)
    done = shell("run", "--local", "--input", "a.jpg", "--strength", "0", "--output", "b.webp")
    assert done.returncode == 0, done.stderr
    assert read(shell.folder / "b.webp").shape == (40, 24, 3)


def test_transparency_is_kept(shell: Shell) -> None:
    source = np.dstack(
        [photo(shell.folder / "x.png", np.uint8), square_mask(shell.folder / "m.png")]
    )
    assert cv2.imwrite(str(shell.folder / "a.png"), source)
    done = shell("run", "--local", "--input", "a.png", "--strength", "0", "--output", "b.png")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(read(shell.folder / "b.png"), source)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--strength", "1.5", "--input", "a.png"], "strength"),
        (["--strength", "nan", "--input", "a.png"], "strength"),
        (["--steps", "0"], "steps"),
        (["--sampler", "Fast"], "sampler"),
        (["--mode", "inpaint", "--input", "a.png"], "needs a mask"),
        (["--mode", "img2img"], "needs a source"),
        (["--mask", "a.png"], "needs a source"),
        (["--input", "none.png"], "none.png"),
        (["--from-record", "a.png"], "not a job's record"),
        (["--steps", "many"], "--steps"),
        (["--seed", str(2**53 - 1), "--count", "2"], "smaller seed"),
    ],
)
def test_wrong_use_is_told_with_exit_code_2(shell: Shell, arguments: list[str], words: str) -> None:
    photo(shell.folder / "a.png")
    done = shell("run", "--local", *arguments, "--output", "b.png")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (shell.folder / "b.png").exists()


@pytest.mark.parametrize(("output", "words"), [("b.txt", "no ending"), ("no/b.png", "exist")])
def test_unwritable_outputs_are_refused_before_the_work(
    shell: Shell, output: str, words: str
) -> None:
    done = shell("run", "--local", "--output", output)
    assert done.returncode == 2
    assert words in done.stderr


def test_failures_are_sentences_with_exit_code_1(shell: Shell) -> None:
    (shell.folder / "a.png").write_bytes(b"no picture")
    broken = shell("run", "--local", "--input", "a.png", "--output", "b.png")
    unknown = shell("run", "--local", "--model", "none", "--output", "b.png")
    assert (broken.returncode, unknown.returncode) == (1, 1)
    assert "is not a picture" in broken.stderr
    assert "no model called “none”" in unknown.stderr
    assert "Traceback" not in broken.stderr + unknown.stderr


def test_ctrl_c_ends_the_command_and_its_engine(shell: Shell) -> None:
    process = shell.start("run", "--local", "--steps", "200", "--output", "b.png")
    log = shell.data / "logs" / "engine.log"
    until(log.exists, "no engine was started")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Cancelled" in said
    assert "Traceback" not in said
    assert not (shell.folder / "b.png").exists()


def test_status_without_a_server_says_how_to_start_one(shell: Shell) -> None:
    done = shell("status")
    assert done.returncode == 1
    assert "not running" in done.stderr
    assert "pentimento serve" in done.stderr


def test_models_are_listed_and_verified(shell: Shell) -> None:
    listed = json.loads(shell("models", "list", "--json").stdout)
    assert [(info["id"], info["ok"]) for info in listed] == [("starter", True)]
    verified = shell("models", "verify")
    told = re.sub(r"\d+", "N", verified.stdout).splitlines()
    every = "all N weights are used."
    assert (verified.returncode, told) == (
        0,
        [
            f"starter: ok (unet: {every} vae: {every} text_encoder: {every})",
            *(f"{name}: ok ({every})" for name in ("canny", "blueprint", "quick")),
        ],
    )
    assert shell("models", "remove", "none", "--yes").returncode == 1


def test_bench_measures_each_size(shell: Shell) -> None:
    done = shell("bench", "--sizes", "64,128", "--steps", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["size"] for row in found["rows"]] == ["64 × 64", "128 × 128"]
    assert all(row["steps_per_second"] > 0 for row in found["rows"])
    assert shell("bench", "--sizes", "0").returncode == 1


def test_full_bench_is_a_table_to_send_back(shell: Shell) -> None:
    done = shell("bench", "--full", "--sizes", "64,96", "--steps", "8", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {row["way"]: row for row in found["rows"]}
    sizes = [row["size"] for row in found["rows"] if row["way"] == "text"]
    assert sizes == ["64 × 64", "96 × 96"]
    assert rows["4 pictures of one job"]["pictures"] == 4
    assert {"image to image", "the same picture again", "refined in tiles"} < set(rows)
    assert rows["text, asked for fp32"]["precision"] == "float32"
    assert all(row["steps_per_second"] > 0 and not row["problem"] for row in found["rows"])
    told = json.dumps(found, ensure_ascii=False)
    assert platform.node() not in told
    assert str(Path.home()) not in told


def test_what_a_machine_cannot_do_is_a_row_of_the_table() -> None:
    rows = [
        Measurement("text", "64 × 64", "64 × 64", "bfloat16", 2, 8, 1.5, 3.0, {"load": 0.5}, 900),
        Measurement("refined | in tiles", problem="There is no memory |\nfor it."),
    ]
    table = Report({"device": "a card"}, rows).as_markdown().splitlines()
    assert table[0] == "- device: a card"
    assert table[4] == "| text | 64 × 64 | 64 × 64 | bfloat16 | 1.50 | 1.50 | 0.50 |  |  |  | 900 |"
    assert "There is no memory / for it." in table[5]
    assert {line.count("|") for line in table[2:]} == {12}
