"""A batch over hundreds of files that is killed (SIGKILL) at random moments, and goes on each time.
Looks whether every file is done, none twice, and each the same bytes as a single run gives.

    python benchmarks/batch_kills.py [--files 300] [--kills 3] [--seed 1]

tests/cli/test_batch_folder.py does the same with few files.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]

import cv2
import numpy as np
from tests.cli.shell import Shell, until

from pentimento.cli import pictures, running
from pentimento.cli.progress import Bar
from pentimento.cli.run_options import JobFile

RECIPE = {"mode": "img2img", "prompt": "红 “red” 🌹", "strength": 0.4, "steps": 2, "seed": 11}
SIZE = 40, 48  # px, height and width
KINDS = ((".png", np.uint8), (".png", np.uint16), (".jpg", np.uint8))

PAGE = 200  # jobs of one answer of the server


def write_pictures(folder: Path, count: int) -> list[Path]:
    """Noise of several kinds and depths, under names as people give them."""
    folder.mkdir()
    made = []
    for number in range(count):
        ending, depth = KINDS[number % len(KINDS)]
        rng = np.random.default_rng(number)
        values = rng.integers(0, np.iinfo(depth).max, (*SIZE, 3), depth, endpoint=True)
        file = folder / f"图 {number:03d} “é”{ending}"
        file.write_bytes(cv2.imencode(ending, values)[1])
        made.append(file)
    return made


def killed_and_finished(shell: Shell, out: Path, count: int, kills: int, seed: int) -> list[int]:
    """How many results were there at each kill; the batch is done afterwards."""
    command = ("batch", "in", "--recipe", "recipe.json", "--output", "out")
    chance, seen = random.Random(seed), []
    ends = sorted(chance.sample(range(1, count), kills))
    for end in ends:
        process = shell.start(*command)

        def is_there(end: int = end, process: subprocess.Popen[str] = process) -> bool:
            return len(results(out)) >= end or process.poll() is not None

        until(is_there, "results", 3600)
        time.sleep(chance.random() * 0.5)  # anywhere in the work on one of the next files
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.append(len(results(out)))
    subprocess.run(
        shell.command(*command), cwd=shell.folder, env=shell.environment(), check=True, timeout=7200
    )
    return seen


def results(out: Path) -> list[Path]:
    return sorted(out.glob("*.png"))


def jobs(shell: Shell) -> int:
    """How many the server has ever begun."""
    client, found = shell.client(), 0
    page: dict = {"next": ""}
    while page["next"] is not None:
        before = {"before": page["next"]} if page["next"] else {}
        page = client._json("GET", "/v1/jobs", params={"limit": PAGE} | before)
        found += len(page["jobs"])
    return found


def equal(shell: Shell, files: list[Path], out: Path) -> int:
    """How many results have the bytes that a run of that file alone gives."""
    same = 0
    with Bar(quiet=True) as bar:
        for file in files:
            job = running.checked(dict(RECIPE), JobFile(files={"source": file}))
            outcome = running.ServerRunner(shell.data).run(job, bar)
            [made] = pictures.made_of(outcome.record["request"], file, outcome.pictures)
            same += pictures.encoded(made, ".png") == (out / f"{file.stem}.png").read_bytes()
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shell = Shell(work, work / "data")
        (work / "recipe.json").write_text(json.dumps(RECIPE), "utf-8")
        files, out = write_pictures(work / "in", asked.files), work / "out"
        server = shell.start("serve")
        assert server.stdout is not None
        assert "listening on" in server.stdout.readline()
        started = time.monotonic()
        try:
            seen = killed_and_finished(shell, out, asked.files, asked.kills, asked.seed)
            seconds, begun = time.monotonic() - started, jobs(shell)
            report = json.loads((out / "report.json").read_text())
            same = equal(shell, files, out)
        finally:
            shell.client().shut_down()
            server.communicate(timeout=60)
    print(f"{asked.files} files of {SIZE[1]} x {SIZE[0]} px, {seconds:.0f} s")
    print(f"killed with {', '.join(map(str, seen))} results there")
    print(f"report: {report['done']} done, {report['failed']} failed, {report['left']} left")
    print(f"jobs of the server: {begun}")
    print(f"the same bytes as single runs: {same}")
    whole = (report["done"], report["failed"], report["left"]) == (asked.files, 0, 0)
    return 0 if whole and begun == same == asked.files else 1


if __name__ == "__main__":
    sys.exit(main())
