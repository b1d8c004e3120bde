"""A data directory with tiny models and a worker in this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tests.engine.bench import Bench
from tests.support.tiny_addons import write_controlnet, write_lora, write_transformer_lora
from tests.support.tiny_flow_models import VARIANTS, WRITERS
from tests.support.tiny_flow_nets import NETS, write_flow_net
from tests.support.tiny_inpaint_models import WRITERS as FILLERS
from tests.support.tiny_models import write_sd15, write_sdxl

from pentimento.engine import quiet
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

FLOW_NETS = ("sd3-canny", "flux-canny", "qwen-canny", "z-image-union")


@pytest.fixture(scope="session", autouse=True)
def light_and_quiet() -> None:
    """One thread: more of them only get in the way of tiny models on a busy machine."""
    os.environ.setdefault("PENTIMENTO_THREADS", "1")
    os.environ["PENTIMENTO_DEVICE"] = "cpu"
    quiet.silence()


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the tiny models in it."""
    folder = tmp_path_factory.mktemp("data")
    write_sd15(folder / "models" / "sd15")
    write_sdxl(folder / "models" / "sdxl")
    for name, write in (WRITERS | VARIANTS | FILLERS).items():
        torch.manual_seed(0)
        write(folder / "models" / name)
    for model in (folder / "models").iterdir():
        write_one = write_lora if (model / "unet").is_dir() else write_transformer_lora
        for seed in (1, 2):
            write_one(model, folder / "loras" / f"{model.name}-{seed}.safetensors", seed)
    for family in ("sd15", "sdxl"):
        write_controlnet(folder / "models" / family, folder / "controlnets" / f"{family}-canny")
    for name in FLOW_NETS:
        _model, kind, config = NETS[name]
        write_flow_net(folder / "controlnets" / name, kind, config)
    return folder


@pytest.fixture(scope="session")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


@pytest.fixture(scope="session")
def worker() -> Worker:
    return Worker()


@pytest.fixture
def bench(worker: Worker, registry: Registry, tmp_path: Path) -> Bench:
    return Bench(worker, registry, tmp_path)
