"""What a folder with thousands of LoRAs costs: the first look, a plan, the list of models, and how
soon a file that comes or goes is seen. All by the server's own calls over HTTP; the files it opens
are counted in a second part, in this process.

    python benchmarks/large_library.py [--loras 3000] [--repeats 20]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]

from tests.models.folders import write_model

from pentimento.api.jsontext import Answer
from pentimento.api.listing import everything
from pentimento.jobs.plan import make_plan
from pentimento.models.library.folders import Folders
from pentimento.models.library.registry import Registry
from pentimento.schema.plan import PlanRequest

BLOCKS = [f"lora_unet_down_blocks_{block}_attentions_{at}" for block in (0, 1, 2) for at in (0, 1)]
LAYERS = ("attn1_to_q", "attn1_to_k", "attn2_to_q", "attn2_to_k", "attn2_to_v", "ff_net_2")
SETTLED = 3  # s until a file's time is old enough to tell two writes apart

opened: list[str] = []


def lora(rank: int) -> bytes:
    """A LoRA of SD 1.5 as kohya's scripts write it, small."""
    header: dict[str, object] = {"__metadata__": {"ss_base_model_version": "sd_v1"}}
    at = 0
    for block in BLOCKS:
        for layer in LAYERS:
            wide = 768 if layer.startswith("attn2_to_k") or layer.endswith("_v") else 320
            name = f"{block}_transformer_blocks_0_{layer}"
            for end, shape in (("down", [rank, wide]), ("up", [320, rank])):
                size = 2 * shape[0] * shape[1]
                header[f"{name}.lora_{end}.weight"] = {
                    "dtype": "F16",
                    "shape": shape,
                    "data_offsets": [at, at + size],
                }
                at += size
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)


def write_loras(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    data = lora(1)
    for number in range(count):
        (folder / f"风格 {number:05} 🎨.safetensors").write_bytes(data)


def cost(what: Callable[[], object], repeats: int) -> tuple[float, float, int]:
    """Processor time of the median and the longest run in ms, and files opened in the last."""
    times = []
    for _ in range(repeats):
        opened.clear()
        begun = time.process_time()
        what()
        times.append((time.process_time() - begun) * 1000)
    return statistics.median(times), max(times), len(opened)


def seen_after(change: Callable[[], object], seen: Callable[[], bool]) -> float:
    change()
    begun = time.perf_counter()
    while not seen():
        if time.perf_counter() - begun > 30:
            raise SystemExit("a change was not seen within 30 s")
    return (time.perf_counter() - begun) * 1000


def measure(data: Path, foreign: Path, repeats: int) -> None:
    registry = Registry(data)
    begun = time.process_time()
    listed = everything(registry)
    first = time.process_time() - begun
    names = [entry.id for entry in listed.loras]
    print(f"first look: {first:.2f} s of processor, {len(names)} LoRAs")
    time.sleep(SETTLED)
    everything(registry)
    rect = {"x": 10, "y": 10, "width": 200, "height": 150}
    canvas = {"x": 0, "y": 0, "width": 800, "height": 600}
    bare = {
        "mode": "inpaint",
        "model": "mine",
        "canvas": canvas,
        "selection": rect,
        "prompt": "a house",
    }
    plans = {
        "plan": bare,
        "plan with a LoRA": bare | {"loras": [{"id": names[-1]}]},
        "plan with a tag": bare | {"prompt": f"a house <lora:{names[-2]}>"},
    }
    for name, body in plans.items():
        request = PlanRequest.model_validate(body)
        middle, most, files = cost(lambda request=request: make_plan(request, registry), repeats)
        print(f"{name:20} {middle:7.1f} ms (at most {most:.1f}), {files} files opened")
    middle, most, files = cost(lambda: Answer(everything(registry)), repeats)
    print(f"{'list of models':20} {middle:7.1f} ms (at most {most:.1f}), {files} files opened")

    new = foreign / "new one.safetensors"
    request = PlanRequest.model_validate(plans["plan"] | {"loras": [{"id": "new-one"}]})

    def planned() -> bool:
        try:
            make_plan(request, registry)
        except Exception:
            return False
        return True

    added = seen_after(lambda: new.write_bytes(lora(2)), planned)
    print(f"added, seen by a plan after {added:.0f} ms")
    gone = seen_after(new.unlink, lambda: not planned())
    print(f"removed, seen by a plan after {gone:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loras", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    with tempfile.TemporaryDirectory() as work:
        data, foreign = Path(work, "data"), Path(work, "ComfyUI", "models", "loras")
        data.mkdir()
        write_loras(foreign, options.loras)
        (foreign.parent / "checkpoints").mkdir()
        write_model(data / "models" / "mine", "sd15", unet={"cross_attention_dim": 768})
        Folders(data).add(foreign.parents[1])
        print(f"{options.loras} LoRAs, {os.cpu_count()} cores")
        measure(data, foreign, options.repeats)


if __name__ == "__main__":
    main()
