"""The device, its number type and its budgets, from a description of the machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench

from pentimento.core.errors import BadInput, PentimentoError
from pentimento.core.settings import EngineOptions
from pentimento.engine.memory import device as hardware
from pentimento.engine.memory.device import Accelerator, DeviceChoice
from pentimento.engine.memory.placement import Held, leaving
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

GIB = 2**30
AMPERE = Accelerator("cuda:0", "RTX 3060", (8, 6), memory=12 * GIB)
TURING = Accelerator("cuda:0", "RTX 2060", (7, 5), memory=6 * GIB)
MAXWELL = Accelerator("cuda:0", "GTX 980", (5, 2), memory=4 * GIB)
RDNA2 = Accelerator("cuda:0", "RX 6800", (10, 3), rocm=True, memory=16 * GIB)
RDNA3 = Accelerator("cuda:0", "RX 7900", (11, 0), rocm=True, memory=24 * GIB)
ARC = Accelerator("xpu:0", "Arc A770", bf16=True, memory=16 * GIB)
IRIS = Accelerator("xpu:0", "Iris", memory=2 * GIB)
APPLE = Accelerator("mps", "Apple GPU")
NEW_CPU = replace(hardware.CPU, bf16=True)
SECOND = Accelerator("cuda:1", "RTX 2060", (7, 5), memory=6 * GIB)


@pytest.mark.parametrize(
    ("found", "device", "precision", "where", "dtype", "storage"),
    [
        ([], "auto", "auto", "cpu", "float32", ""),
        ([], "auto", "fp16", "cpu", "float32", ""),
        ([], "cpu", "fp8", "cpu", "float32", ""),
        ([AMPERE], "auto", "auto", "cuda:0", "bfloat16", ""),
        ([AMPERE], "auto", "fp16", "cuda:0", "float16", ""),
        ([AMPERE], "auto", "fp32", "cuda:0", "float32", ""),
        ([AMPERE], "auto", "fp8", "cuda:0", "bfloat16", "fp8"),
        ([AMPERE], "cpu", "auto", "cpu", "float32", ""),
        ([NEW_CPU], "auto", "auto", "cpu", "float32", ""),
        ([NEW_CPU], "auto", "bf16", "cpu", "bfloat16", ""),
        ([NEW_CPU], "auto", "fp16", "cpu", "float32", ""),
        ([AMPERE, NEW_CPU], "cpu", "bf16", "cpu", "bfloat16", ""),
        ([AMPERE, NEW_CPU], "auto", "bf16", "cuda:0", "bfloat16", ""),
        ([], "cpu", "bf16", "cpu", "float32", ""),
        ([AMPERE, SECOND], "cuda:1", "auto", "cuda:1", "float16", ""),
        ([TURING], "auto", "auto", "cuda:0", "float16", ""),
        ([MAXWELL], "auto", "auto", "cuda:0", "float32", ""),
        ([RDNA2], "auto", "auto", "cuda:0", "float16", ""),
        ([RDNA3], "cuda", "auto", "cuda:0", "bfloat16", ""),
        ([ARC], "auto", "auto", "xpu:0", "bfloat16", ""),
        ([ARC], "auto", "fp8", "xpu:0", "bfloat16", "fp8"),
        ([IRIS], "xpu", "auto", "xpu:0", "float16", ""),
        ([APPLE], "auto", "fp8", "mps", "float16", ""),
        ([ARC, TURING], "auto", "auto", "cuda:0", "float16", ""),
    ],
)
def test_the_table_of_devices(
    found: list[Accelerator], device: str, precision: str, where: str, dtype: str, storage: str
) -> None:
    chosen = hardware.choose_accelerator(found, device, precision)
    assert (chosen.device.where, chosen.dtype, chosen.storage) == (where, dtype, storage)


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(PentimentoError) as failed:
        hardware.choose_accelerator([AMPERE], "mps")
    assert failed.value.code == "device_missing"
    assert "cuda:0, cpu" in failed.value.hint


def test_only_a_vae_that_asks_for_it_is_upcast() -> None:
    assert hardware.vae_dtype("float16", force_upcast=True) == "float32"
    assert hardware.vae_dtype("bfloat16", force_upcast=False) == "bfloat16"


def test_budgets_are_shares_unless_they_are_set() -> None:
    assert hardware.ram_budget(16 * GIB, None) == 8 * GIB
    assert hardware.ram_budget(16 * GIB, 1024) == GIB
    assert hardware.vram_budget(AMPERE, None) == int(12 * GIB * 0.8)
    assert hardware.vram_budget(AMPERE, 2048) == 2 * GIB
    assert hardware.vram_budget(hardware.CPU, None) is None


def test_text_encoders_leave_first_and_what_is_at_work_stays() -> None:
    held = [
        Held("unet", 50, 0),
        Held("vae", 10, 1, pinned=True),
        Held("text_encoder_2", 20, 2),
        Held("tokenizer", 0, 3),
        Held("text_encoder", 5, 4),
    ]
    names = [[part.name for part in leaving(held, surplus)] for surplus in (0, 1, 21, 26, 999)]
    encoders = ["text_encoder_2", "text_encoder"]
    assert names == [[], encoders[:1], encoders, [*encoders, "unet"], [*encoders, "unet"]]


def test_options_travel_through_the_environment() -> None:
    options = EngineOptions("cuda:1", "fp16", ram_mb=4000)
    assert EngineOptions.of_environment(options.environment()) == options
    assert EngineOptions().environment() == {}


@pytest.mark.parametrize(
    "wrong",
    [{"device": "gpu"}, {"precision": "int3"}, {"memory": []}, {"memory": {"ram_mb": "lots"}}],
)
def test_wrong_settings_are_refused_with_what_is_possible(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput) as failed:
        EngineOptions.kept(wrong)
    assert failed.value.hint


@pytest.mark.parametrize(
    ("cpu", "precision", "large"),
    [
        (NEW_CPU, "auto", "bfloat16"),
        (NEW_CPU, "fp32", ""),
        (NEW_CPU, "bf16", ""),
        (hardware.CPU, "auto", ""),
    ],
)
def test_large_models_are_computed_in_bf16_where_a_processor_can(
    cpu: Accelerator, precision: str, large: str
) -> None:
    assert hardware.choose_accelerator([cpu], "cpu", precision).large_dtype == large


def test_only_large_models_change_their_type() -> None:
    cpu = hardware.Device(torch.device("cpu"), torch.float32, "cpu", large_dtype=torch.bfloat16)
    assert cpu.suited(hardware.LARGE - 1).dtype == torch.float32
    assert cpu.suited(hardware.LARGE).dtype == torch.bfloat16
    assert replace(cpu, large_dtype=None).suited(2**40).dtype == torch.float32


@pytest.mark.parametrize(
    ("logical", "physical", "threads"),
    [
        (1, 1, 1),
        (2, 1, 2),
        (4, 2, 4),
        (8, 4, 4),
        (16, 8, 8),
        (6, None, 6),
        (8, 64, 8),
        (64, 32, 16),
    ],
)
def test_threads_are_cores(logical: int, physical: int | None, threads: int) -> None:
    assert hardware.thread_count(logical, physical) == threads


def test_bf16_paints_the_same_picture_within_its_tolerance(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same seed, same record: the mean difference stays below 4 of 255 levels (8 bits of mantissa
    against 24, over the steps of a model with random weights), and it is the same every time."""
    monkeypatch.setattr(hardware, "LARGE", 1)
    plain = hardware.Device(torch.device("cpu"), torch.float32, "cpu")
    half = replace(plain, large_dtype=torch.bfloat16)
    found = []
    for number, device in enumerate((plain, half, half)):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = Bench(Worker(device), registry, folder).make(width=64, height=64, prompt="红球 🔴")
        found.append((made.facts["dtype"], made.pixels().astype(int)))
    assert [dtype for dtype, _ in found] == ["float32", "bfloat16", "bfloat16"]
    (_, exact), (_, first), (_, again) = found
    assert np.array_equal(first, again)
    assert 0 < np.abs(first - exact).mean() < 4


def test_choices_are_values() -> None:
    assert hardware.choose_accelerator([]) == DeviceChoice(hardware.CPU, "float32")
