"""What enlarging a large picture twice costs: seconds and the peak memory of the engine's process,
by arithmetic and by the network that comes along; and how soon it ends when it is cancelled.

    python benchmarks/upscale.py [--width 6000] [--height 4000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]

import cv2
import numpy as np
from tests.gimp.companion import Companion

PHOTO = REPO / "examples" / "photo.jpg"
METHODS = ("plain", "compact-photo")
POLL_SECONDS = 0.02


class Peak:
    """The most resident memory of a server's engine while it is looked at."""

    def __init__(self, server: int) -> None:
        self._server, self._over, self.bytes = server, threading.Event(), 0

    def __enter__(self) -> Peak:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self.bytes = max(self.bytes, *(resident(pid) for pid in children(self._server)), 0)


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    found: list[int] = []
    for task in tasks.iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    told = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(told[0]) * 1024 if told else 0


def picture(file: Path, width: int, height: int) -> None:
    """The photograph beside itself, with grain, so that no part of it is easy."""
    photo = cv2.imread(str(PHOTO))
    rows, columns = -(-height // photo.shape[0]), -(-width // photo.shape[1])
    tiled = np.tile(photo, (rows, columns, 1))[:height, :width].astype(np.int16)
    grain = np.random.default_rng(0).integers(-6, 7, tiled.shape, np.int8)
    cv2.imwrite(str(file), np.clip(tiled + grain, 0, 255).astype(np.uint8))


def enlarge(server: Companion, method: str, source: Path) -> None:
    arguments = ["upscale", source, "--scale", "2", "--method", method, "-o"]
    command = [sys.executable, "-m", "pentimento", *map(str, arguments)]
    large = source.with_name("large.png")
    subprocess.run([*command, large], env=server.environment, check=True, capture_output=True)
    large.unlink()


def cancelled(server: Companion, source: Path) -> tuple[float, list[str]]:
    """Seconds from the call that cancels a job, once a tile is made, to its end; and the files that
    are left of it."""
    arguments = ["upscale", source, "--scale", "2", "--method", "compact-photo", "-o"]
    command = [sys.executable, "-m", "pentimento", *map(str, arguments)]
    known = {job["id"] for job in server.ask("/v1/jobs")["jobs"]}
    process = subprocess.Popen(
        [*command, source.with_name("none.png")],
        env=server.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        new = [job for job in server.ask("/v1/jobs")["jobs"] if job["id"] not in known]
        if new and new[0]["progress"].get("step"):
            break
        time.sleep(POLL_SECONDS)
    started = time.monotonic()
    server.ask(f"/v1/jobs/{new[0]['id']}", "DELETE")
    while server.ask(f"/v1/jobs/{new[0]['id']}")["status"] != "cancelled":
        time.sleep(POLL_SECONDS / 4)
    seconds = time.monotonic() - started
    process.wait(60)
    folders = [found for found in server.data.rglob(new[0]["id"]) if found.is_dir()]
    return seconds, [file.name for folder in folders for file in folder.rglob("*.raw*")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=6000)
    parser.add_argument("--height", type=int, default=4000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, tiny = folder / "source.png", folder / "tiny.png"
        picture(source, asked.width, asked.height)
        picture(tiny, 64, 64)
        with Companion(folder / "data") as server:
            print(f"{asked.width} x {asked.height} px, twice as large")
            for method in METHODS:
                enlarge(server, method, tiny)  # the engine and what it loads are there then
                with Peak(server.process.pid) as before:
                    time.sleep(10 * POLL_SECONDS)
                with Peak(server.process.pid) as peak:
                    started = time.monotonic()
                    enlarge(server, method, source)
                    seconds = time.monotonic() - started
                print(
                    f"{method:14} {seconds:6.1f} s  engine {before.bytes / 2**20:.0f} -> "
                    f"{peak.bytes / 2**20:.0f} MB"
                )
            seconds, left = cancelled(server, source)
            print(f"cancelled after a tile: ended in {seconds:.2f} s, left: {left or 'nothing'}")


if __name__ == "__main__":
    main()
