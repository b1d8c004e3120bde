"""Which device computes, in which number type, and how much of its memory weights may take: rules
over a description of what a machine has. No torch here; `device.py` describes and obeys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pentimento.errors import PentimentoError

MIB = 2**20
RAM_SHARE = 0.5  # of all memory, for weights kept between jobs
VRAM_SHARE = 0.8  # of a device's memory, for weights; the rest is for what is being computed
ORDER = ("cuda", "xpu", "mps", "cpu")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One device as torch tells of it. `where` is torch's name of it, `memory` is in bytes, 0 where
    it is unknown; `rocm` marks an AMD card, which torch calls cuda too."""

    where: str
    name: str
    capability: tuple[int, int] = (0, 0)
    rocm: bool = False
    bf16: bool = False
    memory: int = 0

    @property
    def kind(self) -> str:
        return self.where.partition(":")[0]


CPU = Accelerator("cpu", "cpu")


@dataclass(frozen=True, slots=True)
class Choice:
    """`dtype` is what denoisers and text encoders compute in, `storage` how a denoiser's weights
    lie in memory: "" as they compute, else "fp8"."""

    device: Accelerator
    dtype: str
    storage: str = ""


# The first row that fits gives the number type. bf16 has float32's range, so nothing overflows;
# cards that only emulate it are slow with it, and processors without AMX crawl in both halves.
# Columns: kind, ROCm, least compute capability, needs bf16, number type.
HALVES: tuple[tuple[str, bool, tuple[int, int], bool, str], ...] = (
    ("cpu", False, (0, 0), False, "float32"),
    ("cuda", True, (11, 0), False, "bfloat16"),  # RDNA 3 and later
    ("cuda", True, (0, 0), False, "float16"),
    ("cuda", False, (8, 0), False, "bfloat16"),  # Ampere and later
    ("cuda", False, (5, 3), False, "float16"),
    ("cuda", False, (0, 0), False, "float32"),  # Maxwell has no fast half precision
    ("xpu", False, (0, 0), True, "bfloat16"),
    ("xpu", False, (0, 0), False, "float16"),
    ("mps", False, (0, 0), False, "float16"),
)
TYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
STORAGE = {"fp8": ("cuda", "xpu")}  # the kinds of devices that can


def choose(found: Sequence[Accelerator], device: str = "auto", precision: str = "auto") -> Choice:
    """The device and number type for these wishes; raises device_missing.

    A processor computes in float32 whatever is wished.
    """
    chosen = _device((*found, CPU), device)
    if chosen.kind == "cpu":
        return Choice(chosen, "float32")
    storage = precision if chosen.kind in STORAGE.get(precision, ()) else ""
    return Choice(chosen, TYPES.get(precision) or _half(chosen), storage)


def vae_dtype(dtype: str, force_upcast: bool) -> str:
    """SDXL's VAE overflows in half precision and says so in its configuration."""
    return "float32" if force_upcast else dtype


def ram_budget(total: int, ram_mb: int | None) -> int:
    """Bytes of weights kept in RAM."""
    return ram_mb * MIB if ram_mb else int(total * RAM_SHARE)


def vram_budget(device: Accelerator, vram_mb: int | None) -> int | None:
    """Bytes of weights on the device at one time; None where nothing limits them, as on a
    processor, whose memory is the RAM."""
    if vram_mb:
        return vram_mb * MIB
    return int(device.memory * VRAM_SHARE) if device.memory else None


def _device(found: Sequence[Accelerator], wanted: str) -> Accelerator:
    if wanted == "auto":
        return min(found, key=lambda device: ORDER.index(device.kind))
    for device in found:
        if wanted in (device.where, device.kind):
            return device
    names = ", ".join(device.where for device in found)
    raise PentimentoError(
        "device_missing",
        f"There is no device “{wanted}” that PyTorch can use.",
        f"Possible here: {names}. Is the right build of PyTorch installed?",
    )


def _half(device: Accelerator) -> str:
    return next(
        dtype
        for kind, rocm, least, needs_bf16, dtype in HALVES
        if kind == device.kind
        and rocm == device.rocm
        and device.capability >= least
        and (device.bf16 or not needs_bf16)
    )
