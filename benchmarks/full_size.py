"""Memory and time of models of full size: random weights in the architectures of SD 1.5 and SDXL,
as a diffusers folder and as one file, each with one job of 256 px, offline.

    python benchmarks/full_size.py [sd15|sdxl ...] --work FOLDER

Needs disk for two copies in float16 (SD 1.5: 2 x 2 GB, SDXL: 2 x 7 GB) and memory for one in
float32 (5 GB, 15 GB). The folder is made at the first run and kept.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO / "server"), str(REPO)]
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from tests.support.single_file import write_single_file

from pentimento.engine import quiet
from pentimento.engine.cancel import StopFlag
from pentimento.engine.loading.sources import (
    CLASSES,
    clip_tokenizer,
)
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.models.library.checkpoint import CONFIGS
from pentimento.schema.job import JobRequest
from pentimento.schema.task import Task

SIDE, STEPS = 256, 2


def make(family: str, folder: Path) -> None:
    """A folder of this family with random weights in float16."""
    shutil.copytree(CONFIGS / family, folder, dirs_exist_ok=True)
    index = json.loads((folder / "model_index.json").read_text())
    for part, (library, kind) in _parts(index):
        if "Tokenizer" in kind:
            clip_tokenizer("<|endoftext|>").save_pretrained(folder / part)
            continue
        config = json.loads((folder / part / "config.json").read_text())
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float16)
        build = CLASSES[kind]
        module = (
            build.from_config(config)
            if library == "diffusers"
            else build(build.config_class(**config))
        )
        torch.set_default_dtype(torch.float32)
        module.save_pretrained(folder / part)
        del module
        gc.collect()


def _parts(index: dict) -> list[tuple[str, tuple[str, str]]]:
    return [
        (name, tuple(entry))
        for name, entry in index.items()
        if isinstance(entry, list) and name != "scheduler"
    ]


def resident_mb() -> int:
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def run(worker: Worker, family: str, path: Path, out: Path) -> None:
    before = resident_mb()
    native = 512 if family == "sd15" else 1024
    spec = ModelSpec(family, path, family, native, 16, SIDE, native * native)
    request = JobRequest(
        mode="txt2img",
        prompt="a red ball",
        width=SIDE,
        height=SIDE,
        steps=STEPS,
        guidance=5.0,
        seed=1,
        sampler="Euler",
        model=family,
        strength=1.0,
        preview=False,
    )
    started = time.monotonic()
    facts = worker.run(EngineJob(Task("1", request, {}, out), spec), lambda event: None, StopFlag())
    seconds, loaded = time.monotonic() - started, resident_mb()
    shared = worker._shared.components
    shared.new_job()
    gc.collect()
    shared.drop_unused()
    print(
        f"{family:5} {'file' if path.is_file() else 'folder':7}"
        f"{seconds:7.1f} s, of which loading {facts['phases']['load']:.1f} s;"
        f" {before} MB before, {loaded} MB with the model, {resident_mb()} MB after unloading",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", default=["sd15", "sdxl"])
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    quiet.silence()
    worker = Worker()
    for family in args.families:
        folder, file = args.work / family, args.work / f"{family}.safetensors"
        if not file.exists():
            make(family, folder)
            write_single_file(folder, file, torch.float16)
        for path in (folder, file):
            with tempfile.TemporaryDirectory() as out:
                run(worker, family, path, Path(out))


if __name__ == "__main__":
    main()
