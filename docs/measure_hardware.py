"""Holds the predictions of docs/hardware.md against what is measured on this machine's processor.

    python docs/measure_hardware.py [--only sd15:512:float32,sdxl:512:bfloat16] [--table]

plays one picture of a model of true size twice: with fake tensors, of which the bytes that live at
one time are counted (tests/rehearsal), and with real ones, by a process of its own whose resident
memory is read every 5 ms. The weights are zeros, which take as much room as any others. Each takes
a minute or more, and as much memory as it tells. `--table` only writes the page again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE, KEPT = ROOT / "docs" / "hardware.md", ROOT / "docs" / "hardware_measured.json"
CASES = "sd15:512:float32,sd15:768:float32,sdxl:512:bfloat16"  # what 16 GB of RAM hold
START, END = "<!-- measured -->", "<!-- end of measured -->"
GIB = 2**30
EVERY = 0.005  # s between two looks at the memory


def play(case: str, data: Path, *, real: bool) -> float:
    """GiB at one time: counted, or measured over what the process had before the job."""
    import torch
    from tests.rehearsal import true_size
    from tests.rehearsal.card import Stage
    from tests.rehearsal.test_rehearsal import Theatre

    from pentimento.engine.memory.device import Device

    name, side, dtype = case.split(":")
    if not (data / "models" / name).exists():
        true_size.write(name, data / "models" / name)
    stage = Stage(64.0, getattr(torch, dtype))
    stage.device = Device(torch.device("cpu"), getattr(torch, dtype), "cpu", ram=64 * GIB)
    theatre = Theatre(name, data, stage)
    asked: dict[str, Any] = {"mode": "txt2img", "width": int(side), "height": int(side)}
    if not real:
        theatre.play(**asked)
        return float(stage.memory.peak["cpu"]) / GIB
    job = theatre.bench.job(name, steps=1, guidance=4.0, negative_prompt="blurred", **asked)
    warm_up()
    before, most, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(EVERY):
            most[0] = max(most[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        theatre.bench.run(job)
    finally:
        done.set()
        watcher.join()
    return (most[0] - before) / GIB


def warm_up() -> None:
    """Brings in what the libraries load at their first use."""
    import torch
    from torch.nn import functional

    with torch.inference_mode():
        picture = functional.conv2d(torch.zeros(1, 64, 64, 64), torch.zeros(64, 64, 3, 3))
        tokens = functional.linear(picture.flatten(2).mT, torch.zeros(64, 64))
        functional.scaled_dot_product_attention(tokens[None], tokens[None], tokens[None])


def resident() -> int:
    """Bytes of this process that lie in RAM."""
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def in_a_process(case: str, data: Path, kind: str) -> float:
    """Each in a fresh one, so that nothing of another lies about."""
    command = [sys.executable, __file__, "--one", case, "--data", str(data), "--kind", kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return float(done.stdout.split()[-1])


def table(kept: dict[str, dict[str, float]]) -> str:
    rows = ["| model | px | computed in | predicted | measured | measured over predicted |"]
    rows.append("|" + "---|" * 6)
    for case, found in sorted(kept.items()):
        name, side, dtype = case.split(":")
        predicted, measured = found["predicted"], found["measured"]
        numbers = f"{predicted:.2f} | {measured:.2f} | {measured / predicted - 1:+.0%}"
        rows.append(f"| {name} | {side}² | {dtype} | {numbers} |")
    return "\n".join(rows)


def page(text: str, kept: dict[str, dict[str, float]]) -> str:
    """The page with this table anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{table(kept)}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    os.environ["PENTIMENTO_DEVICE"] = "cpu"
    options = argparse.ArgumentParser()
    options.add_argument("--only", default=CASES)
    options.add_argument("--table", action="store_true", help="only write what is kept")
    options.add_argument("--one", help=argparse.SUPPRESS)
    options.add_argument("--kind", choices=["predicted", "measured"], help=argparse.SUPPRESS)
    options.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    wanted = options.parse_args()
    if wanted.one:
        print(play(wanted.one, wanted.data, real=wanted.kind == "measured"))
        return
    kept: dict[str, dict[str, float]] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        for case in [] if wanted.table else wanted.only.split(","):
            kinds = ("predicted", "measured")
            data = Path(folder) / "data"
            kept[case] = {kind: round(in_a_process(case, data, kind), 2) for kind in kinds}
            print(case, kept[case], flush=True)
            KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8"), kept), "utf-8")


if __name__ == "__main__":
    main()
