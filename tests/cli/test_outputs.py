"""Where a result is to go is tried before the work; what can't be written there is never lost."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.shell import Shell, photo, read, until
from tests.support import awkward, folders

UNCHANGED = ("run", "--local", "--input", "a.png", "--strength", "0")


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


def is_root() -> bool:
    return os.geteuid() == 0


@pytest.fixture
def ready(shell: Shell) -> Shell:
    """With a picture `a.png`, a folder and files that are in the way."""
    photo(shell.folder / "a.png")
    (shell.folder / "folder.png").mkdir()
    (shell.folder / "file").write_text("mine")
    (shell.folder / "nowhere.png").symlink_to("missing/b.png")
    return shell


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--output", "folder.png"), "is a folder"),
        (("--output", "missing/b.png"), "does not exist"),
        (("--output", "file/b.png"), "Not a directory"),
        (("--output", "nowhere.png"), "does not exist"),
        (("--output", "n" * 252 + ".png"), "too long"),
        (("--output", "n" * 250 + ".png", "--count", "2"), "too long"),
        (("--output", "b.png", "--record", "folder.png"), "is a folder"),
        (("--output", "b.png", "--record", "missing/r.json"), "does not exist"),
        (("--output", "b.png", "--stages", "file"), "is a file"),
        (("--output", "b.png", "--stages", "missing/stages"), "does not exist"),
        (("--output", "b.png", "--contact-sheet", "folder.png"), "is a folder"),
        (("--output", "b.png", "--contact-sheet", "missing/s.png"), "does not exist"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value)[-40:],
)
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    ready: Shell, options: tuple[str, ...], word: str
) -> None:
    before = sorted(os.listdir(ready.folder))
    done = ready(*UNCHANGED, *options)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(os.listdir(ready.folder)) == before
    assert not (ready.data / "logs").exists()  # nothing was started


def test_the_longest_name_is_written(ready: Shell) -> None:
    name = awkward.longest(".png")
    done = ready(*UNCHANGED, "--output", name)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(read(ready.folder / name), read(ready.folder / "a.png"))
    assert not leftovers(ready.folder)


@pytest.mark.parametrize(
    "name",
    awkward.cases(
        {case: awkward.name(case, ".png") for case in awkward.NAME_BYTES},
        *("cjk", "not_utf8", "newline", "quotes", "equals", "leading_dot", "percent"),
    ),
)
def test_awkward_names_are_written_and_told(ready: Shell, name: str) -> None:
    done = subprocess.run(
        ready.command(*UNCHANGED, f"--output={name}", f"--record={name}.json"),
        cwd=ready.folder,
        env=ready.environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.fsencode(name) in done.stdout
    assert (ready.folder / name).stat().st_size > 0
    record = json.loads((ready.folder / f"{name}.json").read_text())
    assert record["files"]["source"] == str(ready.folder / "a.png")


def test_an_unwritable_folder_is_told_before_the_work(ready: Shell) -> None:
    """By those who have no rights there; root may write everywhere."""
    closed = folders.read_only(ready.folder / "zu “閉”")
    ready.data.mkdir(exist_ok=True)
    for folder in (closed, ready.data):
        folders.let_in(folder)
    ready.data.chmod(0o777)
    done = subprocess.run(
        folders.as_nobody(ready.command(*UNCHANGED, "--output", f"{closed.name}/b.png")),
        cwd=ready.folder,
        env=ready.environment() | {"HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot be written: Permission denied" in done.stderr


def noisy(shell: Shell) -> np.ndarray:
    """`a.png` with 120 kB that can't be packed."""
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(shell.folder / "a.png")
    return noise


def mounted(shell: Shell, script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script where file systems may be mounted that nobody else sees; `$P` is the
    command."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare")
    command = ["unshare", "--mount", *([] if is_root() else ["--map-root-user"]), "sh", "-ec"]
    environment = shell.environment() | {"P": " ".join(shell.command())}
    run = {"cwd": shell.folder, "env": environment, "capture_output": True, "text": True}
    if subprocess.run([*command, "mount -t tmpfs none folder.png"], check=False, **run).returncode:
        pytest.skip("nothing can be mounted here")
    return subprocess.run([*command, script], check=False, **run)


def test_a_disk_for_reading_only_is_told_before_the_work(ready: Shell) -> None:
    done = mounted(
        ready,
        "mount -t tmpfs -o ro none folder.png; "
        "$P run --local --input a.png --strength 0 --output folder.png/b.png",
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written: Read-only file system" in done.stderr


def test_a_full_disk_is_told_before_the_work(ready: Shell) -> None:
    done = mounted(
        ready,
        "mount -t tmpfs -o size=64k none folder.png; "
        "head -c 70000 /dev/zero > folder.png/rest 2>/dev/null || true; "
        "$P run --local --input a.png --strength 0 --output folder.png/b.png; ",
    )
    assert done.returncode == 2, done.stderr
    assert "No space left" in done.stderr


def test_a_disk_that_fills_up_keeps_the_picture_elsewhere(ready: Shell) -> None:
    """There is room for the try, not for the picture."""
    noise = noisy(ready)
    done = mounted(
        ready,
        "mount -t tmpfs -o size=64k none folder.png; set +e; "
        "$P run --local --input a.png --strength 0 --output folder.png/b.png; "
        "echo code $?; ls -A folder.png",
    )
    assert "code 1" in done.stdout
    assert ".part" not in done.stdout
    assert "b.png cannot be written: No space left on device" in done.stderr
    kept = next(line for line in done.stderr.splitlines() if line.startswith("It was kept as "))
    file = Path(kept.removeprefix("It was kept as ").removesuffix("."))
    assert np.array_equal(read(file), noise[..., ::-1])
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_limit_of_the_size_of_files_ends_in_a_sentence(ready: Shell) -> None:
    noisy(ready)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 32; exec "$@"', "sh", *ready.command(*UNCHANGED), "--output=b.png"],
        cwd=ready.folder,
        env=ready.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "too large" in done.stderr
    assert not leftovers(ready.folder)
    assert not (ready.folder / "b.png").exists()


def test_what_is_in_the_way_later_does_not_lose_the_picture(ready: Shell) -> None:
    """The folder goes away while the engine works."""
    away = ready.folder / "away"
    away.mkdir()
    process = ready.start(
        *("run", "--local", "--input", "a.png", "--strength", "0.5", "--steps", "2"),
        *("--output", "away/b.png", "--record", "away/r.json", "--stages", "away/seen"),
    )
    log = ready.data / "logs" / "engine.log"
    until(log.exists, "no engine was started")
    shutil.rmtree(away)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Traceback" not in said
    kept = [line for line in said.splitlines() if line.startswith("It was kept as ")]
    assert any("b.png" in line for line in kept)
    assert any("r.json" in line for line in kept)


def test_a_link_is_followed_and_a_device_is_written_into(ready: Shell) -> None:
    (ready.folder / "real.png").write_bytes(b"old")
    (ready.folder / "link.png").symlink_to("real.png")
    done = ready(*UNCHANGED, "--output", "link.png", "--record", "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert (ready.folder / "link.png").is_symlink()
    assert np.array_equal(read(ready.folder / "real.png"), read(ready.folder / "a.png"))
    assert '"request"' in done.stdout
    assert os.path.exists("/dev/stdout")


def test_a_mask_of_another_size_is_told_as_by_the_server(ready: Shell) -> None:
    photo(ready.folder / "m.png", np.uint8, 20, 20)
    done = ready(
        *("run", "--local", "--input", "a.png", "--mask", "m.png", "--prompt", "x"),
        *("--output", "b.png"),
    )
    assert done.returncode == 1
    assert "The mask is 20 × 20 px, its source 72 × 56" in done.stderr
    assert not (ready.data / "logs" / "engine.log").exists()


@pytest.mark.parametrize("command", ["run", "bench"])
@pytest.mark.parametrize("settings", [{"device": "cuda:7"}, {"device": "vulkan"}])
def test_settings_of_the_engine_are_used_without_a_server(
    ready: Shell, command: str, settings: dict[str, str]
) -> None:
    """A device that is not there is the effect that can be seen anywhere."""
    ready.data.mkdir(mode=0o700)
    (ready.data / "settings.json").write_text(json.dumps(settings))
    arguments = {
        "run": ("run", "--local", "--prompt", "x", "--steps", "1", "--output", "b.png"),
        "bench": ("bench", "--sizes", "64", "--steps", "2"),
    }[command]
    done = ready(*arguments)
    assert done.returncode == 1
    assert settings["device"] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mask_in_a_folder_with_an_equals_sign(ready: Shell) -> None:
    (ready.folder / "a=b").mkdir()
    photo(ready.folder / "a=b" / "m.png", np.uint8)
    done = ready(*UNCHANGED, "--region", "a=b/m.png=snow", "--output", "b.png", "--json")
    assert done.returncode == 0, done.stderr
    (region,) = json.loads(done.stdout)["record"]["request"]["regions"]
    assert region["prompt"] == "snow"


@pytest.mark.parametrize("output", ["file/x", "n" * 300])
def test_a_batch_whose_folder_cannot_be_made_is_told_before_the_work(
    ready: Shell, output: str
) -> None:
    (ready.folder / "in").mkdir()
    photo(ready.folder / "in" / "猫.png")
    (ready.folder / "r.json").write_text('{"mode": "img2img", "strength": 0}')
    done = ready("batch", "in", "--recipe", "r.json", "--output", output, "--local")
    assert done.returncode == 1
    assert f"{output} cannot be used: " in done.stderr.replace("\n", "")
    assert "Traceback" not in done.stderr
