"""What is ours of the time and the memory: starts, transport, second jobs, large sources, many
small jobs. Everything against its own floor in the same run, pairs in turns, medians.

    python benchmarks/performance.py [--quick] [--parts start,engine,transport,...] [--write]

`--write` puts the tables into docs/performance.md; `--quick` takes fewer turns, in well under ten
minutes on two idle cores. Processor seconds and ratios say more than wall times on a machine that
does other work as well. `gimp` needs a private GIMP (tools/gimp-root.sh make sid) and is left out
without one. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO), str(REPO / "benchmarks")]
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
from beside_diffusers import bf16, engine, sd15
from measuring import finished, memory_mb, processor_seconds, server, spread, table
from tests.server.front import Front, until

PAGE = REPO / "docs" / "performance.md"
RAW = {"Accept": "application/x-pixels"}
MIB = 2**20
TRIES = 3
# As `pentimento.engine.process` does, and like it without taking everything down at the end.
ENGINE_IMPORTS = """
import os
from pentimento.core import heap
with heap.importing():
    import pentimento.engine.worker
os._exit(0)
"""
# "sd15" and "bf16" as well, for who has an hour
PARTS = ("start", "cold", "engine", "transport", "second", "queue", "memory", "gimp")


# Starts


def start(repeats: int) -> str:
    wall, spent, memory = [], [], []
    for _ in range(repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            front = subprocess.Popen(
                [sys.executable, "-m", "pentimento", "serve", "--data-dir", folder + "/data"],
                env={**os.environ, "PYTHONPATH": str(REPO / "server")},
                stdout=subprocess.PIPE,
            )
            assert front.stdout
            front.stdout.readline()
            wall.append(time.monotonic() - began)
            spent.append(processor_seconds(front.pid))
            memory.append(memory_mb(front.pid, "VmHWM"))
            front.send_signal(signal.SIGTERM)
            front.wait()
    shell = [finished("-m", "pentimento", "run", "--help") for _ in range(repeats + 1)]
    engine = [finished("-c", ENGINE_IMPORTS) for _ in range(2)]
    return table(
        ("what", "wall s", "processor s", "peak MB"),
        ("server until it listens", spread(wall[1:]), spread(spent[1:]), f"{max(memory):.0f}"),
        ("`pentimento run --help`", "", spread(shell[1:]), ""),
        ("import of the engine", "", f"{min(engine):.2f}", ""),
    )


def cold(repeats: int) -> str:
    """From the order to the first step, of a new engine and of one that was warmed before."""
    first, warmed, again = [], [], []
    for _ in range(repeats):
        for warm, kept in ((False, first), (True, warmed)):
            with server() as front:
                blob = front.blob(picture(512, 1).tobytes(), 512, 512)
                if warm:
                    front.call("POST", "/v1/engine/start", {"model": "starter"})
                    until(lambda front=front: "unet" in engine_state(front)["loaded"], 120)
                kept.append(seconds_to_first_step(front, blob))
                if warm:
                    again.append(seconds_to_first_step(front, blob))
    return table(
        ("512², starter, from the order to the first step", "wall s"),
        ("new engine", spread(first)),
        ("warmed while the dialog was filled in", spread(warmed)),
        ("second job", spread(again)),
    )


def seconds_to_first_step(front: Front, blob: Any) -> float:
    began = time.monotonic()
    job_id = front.start(refine(blob, strength=1.0, second_pass=False))
    with front.events(job_id) as stream:
        while (event := stream.next()) and not (event.name == "step" and event.data["step"]):
            continue
        seconds = time.monotonic() - began
    ended(front, job_id)
    return seconds


def engine_state(front: Front) -> dict[str, Any]:
    return front.call("GET", "/v1/status").json["engine"]


# GIMP


def gimp(repeats: int) -> str:
    """The action at strength 0, for which no model works: all of it is ours."""
    from overhead import Companion, GimpAction

    rows: list[tuple[str, ...]] = [("RGBA", "whole action, wall s", "server, processor s")]
    with tempfile.TemporaryDirectory() as folder, Companion(Path(folder, "server")) as companion:
        (work := Path(folder, "gimp")).mkdir()
        action = GimpAction("3.2", work, companion)
        pid = companion.process.pid
        for side in (512, 1024, 2048):
            whole, spent = [], []
            for _turn in range(repeats + 1):
                before = processor_seconds(pid)
                whole.append(action.seconds(side, {"prompt": "", "strength": 0.0})[0])
                spent.append(processor_seconds(pid) - before)
            rows.append((f"{side}²", spread(whole[1:]), spread(spent[1:])))
        action.close()
    return table(*rows)


# Transport


def raw_copy(size: int) -> tuple[float, float]:
    """Seconds to send and to get so many bytes over a loopback connection to another process."""
    code = (
        "import socket\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "peer, _ = listener.accept()\n"
        f"data, size = bytearray({size}), {size}\n"
        "while peer.recv(1):\n"
        "    view, done = memoryview(data), 0\n"
        "    while done < size: done += peer.recv_into(view[done:])\n"
        "    peer.sendall(b'.')\n"
        "    peer.recv(1)\n"
        "    peer.sendall(data)\n"
    )
    peer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert peer.stdout
    data = bytearray(size)
    with socket.create_connection(("127.0.0.1", int(peer.stdout.readline()))) as connection:
        found = []
        for _ in range(TRIES):
            began = time.perf_counter()
            connection.sendall(b".")
            connection.sendall(data)
            connection.recv(1)
            sent = time.perf_counter()
            connection.sendall(b".")
            view, done = memoryview(data), 0
            while done < size:
                done += connection.recv_into(view[done:])
            found.append((sent - began, time.perf_counter() - sent))
    peer.wait()
    return min(one for one, _ in found), min(one for _, one in found)


def best(call: Callable[[], Any]) -> tuple[float, Any]:
    """The least seconds of as many tries as the raw copy has, and the last answer."""
    seconds = []
    for _ in range(TRIES):
        began = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - began)
    return min(seconds), answer


def picture(side: int, seed: int) -> np.ndarray:
    """`(side, side, 4)` u8, opaque."""
    chance = np.random.default_rng(seed)
    small = chance.integers(0, 256, (side // 16, side // 16, 4), np.uint8)
    large = np.kron(small, np.ones((16, 16, 1), np.uint8))
    large[..., 3] = 255
    return large


def transport(repeats: int) -> str:
    head = ("RGBA", "raw MB/s", "checksum alone / raw", "PUT / raw", "GET / raw")
    head += ("by a shared file / raw", "server s")
    rows: list[tuple[str, ...]] = [head]
    with server() as front:
        for side in (1024, 2048, 4096):
            sums, puts, gets, files, speed, spent = [], [], [], [], [], []
            for turn in range(repeats + 1):
                pixels = picture(side, turn).tobytes()
                before = processor_seconds(front.process.pid)
                send, get = raw_copy(len(pixels))
                summed, _ = best(lambda pixels=pixels: hashlib.sha256(pixels).digest())
                put, blob = best(lambda pixels=pixels, side=side: front.blob(pixels, side, side))
                job = ended(front, front.start(unchanged(blob)))
                url = job["images"][0]["url"]
                got, answer = best(lambda url=url: front.call("GET", url, headers=RAW))
                assert answer.body == pixels
                shared, _ = best(lambda pixels=pixels, side=side: by_file(front, pixels, side))
                if turn:
                    files.append(shared / send)
                    sums.append(summed / send)
                    puts.append(put / send)
                    gets.append(got / get)
                    speed.append(len(pixels) / MIB / send)
                    spent.append(processor_seconds(front.process.pid) - before)
            rates = f"{statistics.median(speed):.0f}"
            ratios = map(spread, (sums, puts, gets, files, spent))
            rows.append((f"{side}²", rates, *ratios))
    return table(*rows)


def by_file(front: Front, pixels: bytes, side: int) -> None:
    """As the plug-in brings a picture to a server on its own machine."""
    wanted = {"format": "rgba-u8", "width": side, "height": side}
    lent = front.call("POST", "/v1/shared", wanted).json
    with open(lent["path"], "r+b", buffering=0) as file:
        left = memoryview(pixels)
        while left:
            left = left[file.write(left) :]
    taken = front.call("PUT", f"/v1/shared/{lent['name']}")
    assert taken.status in (200, 201), taken.body


def unchanged(blob: Any) -> dict[str, Any]:
    return {"mode": "img2img", "source": blob, "strength": 0, "prompt": ""}


# Jobs


def refine(blob: Any, **more: Any) -> dict[str, Any]:
    request = {"mode": "img2img", "source": blob, "strength": 0.5, "steps": 8, "seed": 7}
    return request | {"prompt": "a lake", "preview": False} | more


def engine_pid(front: Front) -> int:
    return int(front.call("GET", "/v1/status").json["engine"]["pid"])


def ended(front: Front, job_id: str) -> dict[str, Any]:
    """The last snapshot of a job; waits for it without asking again and again."""
    found = front.job(job_id)
    while found["status"] in ("queued", "running"):
        query = f"?wait=25&since={found['rev']}"
        found = front.call("GET", f"/v1/jobs/{job_id}{query}").json
    return found


def job(front: Front, request: dict[str, Any]) -> dict[str, Any]:
    done = ended(front, front.start(request))
    assert done["status"] == "succeeded", done["error"]
    return done


def second(repeats: int) -> str:
    side, first, again = 512, [], []
    with server() as front:
        job(front, refine(front.blob(picture(side, 99).tobytes(), side, side)))
        pid = engine_pid(front)
        for turn in range(repeats):
            blob = front.blob(picture(side, turn).tobytes(), side, side)
            for kept in (first, again):
                before = processor_seconds(pid)
                job(front, refine(blob, seed=turn))
                kept.append(processor_seconds(pid) - before)
    ratio = [b / a for a, b in zip(first, again, strict=True)]
    return table(
        ("512², 4 steps run, starter", "engine's processor s"),
        ("a new picture", spread(first)),
        ("the same picture again", spread(again)),
        ("ratio", spread(ratio)),
    )


def memory(sides: list[int], refined: int) -> str:
    """Of new content, which the model lays out at its own size, for all sides; and of a picture
    that is refined at its own size, which takes long, for one side."""
    rows: list[tuple[str, ...]] = [
        ("source RGBA u8", "way", "growth MB", "times the source", "engine's processor s")
    ]
    ways: dict[str, dict[str, Any]] = {
        "strength 1": {"strength": 1.0, "steps": 2, "second_pass": False},
        "strength 0.3": {"strength": 0.3, "steps": 4},
    }
    asked = [(side, "strength 1") for side in sides] + [(refined, "strength 0.3")]
    for side, name in asked:
        way = ways[name]
        with server() as front:
            job(front, refine(front.blob(picture(128, 0).tobytes(), 128, 128), **way))
            pid = engine_pid(front)
            blob = front.blob(picture(side, 1).tobytes(), side, side)
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from now on
            before, spent = memory_mb(pid, "VmRSS"), processor_seconds(pid)
            job(front, refine(blob, **way))
            growth = memory_mb(pid, "VmHWM") - before
            spent = processor_seconds(pid) - spent
        size = side * side * 4 / MIB
        rows.append((f"{side}²", name, f"{growth:.0f}", f"{growth / size:.1f}", f"{spent:.1f}"))
        print(rows[-1], flush=True)
    return table(*rows)


def queue(repeats: int) -> str:
    """Many small jobs over HTTP, and as many calls of diffusers in this process."""
    from overhead import BareCall

    from pentimento.engine.memory.device import use_threads
    from pentimento.models.library.registry import Registry

    use_threads()
    count, ratios, ours, bare = 10, [], [], []
    with server() as front, tempfile.TemporaryDirectory() as folder:
        registry = Registry(Path(folder))
        model = registry.get(registry.default_id)
        call = BareCall(model.path, model.default_guidance)
        blob = front.blob(picture(128, 0).tobytes(), 128, 128)
        request = refine(blob, strength=0.6, steps=10, sampler="DDIM")
        job(front, request)
        pids = (front.process.pid, engine_pid(front))
        call.seconds(128, 128, 10)
        for turn in range(repeats):
            spent, began = sum(map(processor_seconds, pids)), time.perf_counter()
            ids = [front.start(request | {"seed": 100 * turn + n}) for n in range(count)]
            for one in ids:
                ended(front, one)
            wall = time.perf_counter() - began
            ours.append((sum(map(processor_seconds, pids)) - spent) / count)
            spent, began = time.process_time(), time.perf_counter()
            for _ in range(count):
                call.seconds(128, 128, 10)
            ratios.append(wall / (time.perf_counter() - began))
            bare.append((time.process_time() - spent) / count)
    return table(
        ("128², 6 steps run", "processor s a job"),
        ("over HTTP, server and engine", spread(ours, 3)),
        ("diffusers in one process", spread(bare, 3)),
        ("ratio of wall times", spread(ratios)),
    )


TITLES = {
    "start": "Starts",
    "cold": "The first step",
    "engine": "The engine and diffusers",
    "sd15": "The engine and diffusers, a model of SD 1.5's size",
    "bf16": "Half the time in bf16, a model of SD 1.5's size",
    "transport": "Pictures to the server and back",
    "second": "The second job on a picture",
    "queue": "Many small jobs",
    "memory": "Peak memory of the engine",
    "gimp": "A whole action in GIMP without a model",
}
NOTES = {
    "transport": "*raw* is a loopback copy of the bytes between two processes, the best of three\n"
    "tries as all here. The SHA-256 that names a picture takes longer than that alone, and a\n"
    "picture is written to the disk besides.",
    "second": "The starter's autoencoder is a tiny one; with that of SD 1.5 the source is a\n"
    "larger share of a job (14 to 39 % by counted operations).",
    "memory": "What is worked on at its own size takes more: the picture in float32, and what the\n"
    "autoencoder returned of it.",
}
HEAD = """# Performance

What Pentimento adds to the model's own time and memory, each against its own floor in the same run:
pairs in turns, median (least to most). Made by `python benchmarks/performance.py --write`. Wall
times of a busy machine say little; ratios and processor seconds say more.
"""


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text()
    found = re.search(r"model name\s*:\s*(.*)", info)
    name = found[1] if found else platform.machine()
    load = os.getloadavg()[0]
    date = time.strftime("%d %B %Y")
    return f"{date}, {name}, {os.cpu_count()} cores, load {load:.0f} at the start."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--sides", default="2048,4096,8192", help="for memory, px")
    parser.add_argument("--side", type=int, default=512, help="for sd15 and bf16, px")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="as few turns as say something")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    repeats = 2 if asked.quick else asked.repeats
    ways: dict[str, Callable[[], str]] = {
        "start": lambda: start(repeats),
        "cold": lambda: cold(1 if asked.quick else 3),
        "engine": lambda: engine(repeats),
        "sd15": lambda: sd15(1 if asked.quick else 3, asked.side),
        "bf16": lambda: bf16(1 if asked.quick else 3, asked.side),
        "transport": lambda: transport(repeats + 1),
        "second": lambda: second(repeats),
        "queue": lambda: queue(repeats),
        "memory": lambda: memory([*map(int, asked.sides.split(","))], 512 if asked.quick else 1024),
        "gimp": lambda: gimp(repeats),
    }
    told = [HEAD, machine()]
    began = time.monotonic()
    for part in asked.parts.split(","):
        try:
            found = ways[part]()
        except Exception as problem:  # one that cannot be measured here says so, the rest goes on
            found = f"Not measured: {type(problem).__name__}: {problem}"
        print(f"{TITLES[part]}, {time.monotonic() - began:.0f} s\n{found}\n", flush=True)
        told += [f"## {TITLES[part]}", found, *([NOTES[part]] if part in NOTES else [])]
    if asked.write:
        PAGE.write_text("\n\n".join(told).replace("\n\n\n", "\n\n") + "\n", "utf-8")


if __name__ == "__main__":
    main()
