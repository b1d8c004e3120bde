"""Time and memory of SAM 2.1 at its published sizes, with random weights: the first hint of a
picture, and a second one that finds its embedding kept.

    python benchmarks/segmenter.py [--size large] [--width 2000 --height 1500]

What it selects says nothing; the numbers of the sizes are those of the configurations that Meta
publishes (facebookresearch/sam2, sam2/configs/sam2.1).
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "server"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch

import numpy as np
import torch
from transformers import Sam2Config, Sam2HieraDetConfig, Sam2Model, Sam2VisionConfig

from pentimento.engine import quiet
from pentimento.engine.cancel import StopFlag
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob
from pentimento.jobs.plan import resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest, PixelFormat
from pentimento.schema.task import PixelFile, Task

SOURCE = "a" * 64


@dataclass(frozen=True)
class Size:
    width: int
    heads: int
    blocks: tuple[int, ...]
    everywhere: tuple[int, ...]  # blocks that attend to all of the picture
    windows: tuple[int, ...] = (8, 4, 14, 7)
    background: int = 7


SIZES = {
    "tiny": Size(96, 1, (1, 2, 7, 2), (5, 7, 9)),
    "small": Size(96, 1, (1, 2, 11, 2), (7, 10, 13)),
    "base-plus": Size(112, 2, (2, 3, 16, 3), (12, 16, 20), background=14),
    "large": Size(144, 2, (2, 6, 36, 4), (23, 33, 43), (8, 4, 16, 8)),
}


def write(folder: Path, size: Size) -> int:
    """A model of that size with random weights; how many it has."""
    torch.manual_seed(5)
    widths = [size.width * 2**stage for stage in range(4)]
    backbone = Sam2HieraDetConfig(
        hidden_size=size.width,
        num_attention_heads=size.heads,
        blocks_per_stage=list(size.blocks),
        embed_dim_per_stage=widths,
        num_attention_heads_per_stage=[size.heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(size.windows),
        global_attention_blocks=list(size.everywhere),
        window_positional_embedding_background_size=[size.background] * 2,
    )
    vision = Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=widths[::-1])
    model = Sam2Model(Sam2Config(vision_config=vision))
    model.save_pretrained(folder, safe_serialization=True)
    return sum(weight.numel() for weight in model.parameters())


def select(worker: Worker, registry: Registry, file: PixelFile, x: int) -> dict[str, Any]:
    body = {"mode": "select", "source": {"blob": SOURCE}, "points": [{"x": x, "y": 200}]}
    request = resolve(JobRequest.model_validate(body), registry, None)
    task = Task("select", request, {SOURCE: file}, file.path.parent / "made")
    job = EngineJob(task, None, registry.annotators.places(request))
    return worker.run(job, lambda _event: None, StopFlag())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="large")
    parser.add_argument("--width", type=int, default=2000)
    parser.add_argument("--height", type=int, default=1500)
    asked = parser.parse_args()
    quiet.silence()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = write(folder / "annotators" / asked.size, SIZES[asked.size])
        noise = np.random.default_rng(1).integers(0, 256, (asked.height, asked.width, 3), np.uint8)
        (folder / "picture.raw").write_bytes(noise.tobytes())
        file = PixelFile(folder / "picture.raw", asked.width, asked.height, PixelFormat.RGB_U8)
        worker, registry = Worker(), Registry(folder)
        print(f"{asked.size}: {weights / 1e6:.0f} M weights, {asked.width} x {asked.height} px")
        for which, x in (("first", 300), ("second", 900)):
            started = time.monotonic(), time.process_time()
            facts = select(worker, registry, file, x)
            clock, work = time.monotonic() - started[0], time.process_time() - started[1]
            kept = "kept" if facts["embedding_kept"] else "made"
            print(f"{which} hint: {clock:.1f} s, {work:.1f} s of the processor, embedding {kept}")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{most:.1f} GiB at most, the making of the weights included")


if __name__ == "__main__":
    main()
