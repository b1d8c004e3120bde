"""The device the engine computes on, its number types and its memory.

The rules (which device, which type, how much memory weights may take) work over a description of
what a machine has, so that they can be tested without one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil
import torch

from pentimento.core import heap
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import EngineOptions

MEGABYTE = 1024 * 1024
WORKING_SHARE = 0.2  # of a device's memory that is kept free for what is being computed
WORKING_MOST = 3 * 1024 * MEGABYTE
LARGE = 1024 * MEGABYTE  # float32 weights of a denoiser, from which on half the bits pay


@dataclass(frozen=True, slots=True)
class Device:
    """`dtype` is for text encoders and denoisers, `large_dtype` for those of LARGE models, where
    that is another one. `storage` is how a denoiser's weights lie in
    memory where that is not `dtype`: "fp8". Budgets are in bytes of weights: `ram` between
    jobs, `vram` on the device at one time (None: as much as there is)."""

    where: torch.device
    dtype: torch.dtype
    name: str
    storage: str = ""
    ram: int | None = None
    vram: int | None = None
    large_dtype: torch.dtype | None = None

    def suited(self, weights: int) -> Device:
        """For a model whose denoiser has so many bytes of weights in float32."""
        if self.large_dtype is None or weights < LARGE:
            return self
        return replace(self, dtype=self.large_dtype, large_dtype=None)

    @property
    def is_cpu(self) -> bool:
        return self.where.type == "cpu"

    def cache_budget(self) -> int:
        return ram_budget(psutil.virtual_memory().total, None) if self.ram is None else self.ram

    def memory(self) -> tuple[int, int] | None:
        """Free and all bytes of the device's own memory; None where its memory is the RAM."""
        if self.where.type != "cuda":
            return None
        free, total = torch.cuda.mem_get_info(self.where)
        idle = torch.cuda.memory_reserved(self.where) - torch.cuda.memory_allocated(self.where)
        return int(free + idle), int(total)

    def free(self) -> int:
        """Bytes that can still be had on the device, memory for a CPU."""
        own = self.memory()
        return own[0] if own else int(psutil.virtual_memory().available)

    def room(self) -> int:
        """Bytes of weights that still fit on the device now, with space left to compute in."""
        own = self.memory()
        if own is None:
            return self.free()
        free, total = own
        return free - min(int(total * WORKING_SHARE), WORKING_MOST)

    def working_room(self, weights: int) -> int:
        """Bytes to compute in beside so many bytes of weights at work."""
        own = self.memory()
        if own:
            return own[1] - min(weights, self.vram or weights)
        free = self.free()
        return free if self.vram is None else min(free, max(self.vram - weights, 0))

    def forget_peak(self) -> None:
        """From now on `peak_mb` counts."""
        if self.where.type == "cuda" and torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats(self.where)

    def peak_mb(self) -> int | None:
        """What tensors took of the device's own memory at most, in MiB; None where nothing tells,
        as on a processor."""
        if self.where.type != "cuda" or not torch.cuda.is_available():
            return None
        return int(torch.cuda.max_memory_allocated(self.where) // MEGABYTE)

    def release(self) -> None:
        """Give memory that nothing uses back to the driver, and that of the CPU to the system."""
        _trim()
        if self.where.type == "cuda":
            torch.cuda.empty_cache()
        elif self.where.type == "mps":
            torch.mps.empty_cache()
        elif self.where.type == "xpu":
            torch.xpu.empty_cache()


def _trim() -> None:
    """glibc keeps freed memory for itself: a third of a model that was unloaded."""
    heap.give_back()


def memory_mb() -> int:
    """Memory of this process in MiB, device memory included where it is separate."""
    used = psutil.Process().memory_info().rss
    if torch.cuda.is_available():
        used += torch.cuda.memory_reserved()
    return int(used // MEGABYTE)


def choose(options: EngineOptions | None = None) -> Device:
    """The device for these options, by default those of the environment; raises device_missing."""
    wanted = options or EngineOptions.of_environment()
    chosen = choose_accelerator(_present(), wanted.device, wanted.precision)
    return Device(
        torch.device(chosen.device.where),
        getattr(torch, chosen.dtype),
        chosen.device.name,
        chosen.storage,
        ram_budget(psutil.virtual_memory().total, wanted.ram_mb),
        vram_budget(chosen.device, wanted.vram_mb),
        getattr(torch, chosen.large_dtype) if chosen.large_dtype else None,
    )


def _present() -> list[Accelerator]:
    """What torch finds in this machine."""
    found = [replace(CPU, bf16=_processor_has_bf16())]
    found += [_cuda(number) for number in range(torch.cuda.device_count())]
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found += [_xpu(number) for number in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        found.append(Accelerator("mps", "Apple GPU"))
    return found


def _processor_has_bf16() -> bool:
    """Whether its instructions multiply bf16: AMX or AVX-512 BF16, which take less than half the
    time of float32 (measured with SD 1.5 on both). Others emulate it and crawl."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)


def _cuda(number: int) -> Accelerator:
    about = torch.cuda.get_device_properties(number)
    return Accelerator(
        f"cuda:{number}",
        about.name,
        (about.major, about.minor),
        rocm=torch.version.hip is not None,
        memory=about.total_memory,
    )


def _xpu(number: int) -> Accelerator:
    about = torch.xpu.get_device_properties(number)
    return Accelerator(
        f"xpu:{number}",
        about.name,
        bf16=torch.xpu.is_bf16_supported(),
        memory=about.total_memory,
    )


def use_threads() -> int:
    """Sets torch's CPU threads: PENTIMENTO_THREADS, else as many as there are cores. Two threads of
    one core only get in each other's way; they count on machines with few."""
    wanted = os.environ.get("PENTIMENTO_THREADS", "")
    given = int(wanted) if wanted.isdigit() and int(wanted) > 0 else 0
    count = given or thread_count(_usable(), psutil.cpu_count(logical=False))
    torch.set_num_threads(count)
    return count


def _usable() -> int:
    """Logical processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


MIB = 2**20
MOST_THREADS = 16
FEW_THREADS = 4  # of so many all count: a core that is idle half the time is worth more


def thread_count(logical: int, physical: int | None) -> int:
    """Of so many logical processors, and cores if that is known."""
    cores = max(min(physical or logical, logical), min(logical, FEW_THREADS))
    return min(cores, MOST_THREADS)


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
class DeviceChoice:
    """`dtype` is what denoisers and text encoders compute in, `large_dtype` those of large models
    where that is another type, `storage` how a denoiser's weights
    lie in memory: "" as they compute, else "fp8"."""

    device: Accelerator
    dtype: str
    storage: str = ""
    large_dtype: str = ""


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


def choose_accelerator(
    found: Sequence[Accelerator], device: str = "auto", precision: str = "auto"
) -> DeviceChoice:
    """The device and number type for these wishes; raises device_missing.

    A processor computes in float32, but in bf16 if it can and that is wished, or if nothing is and
    the model is large: then it takes half the time, and what is small keeps its bits.
    """
    chosen = _device((*found, CPU), device)
    if chosen.kind == "cpu":
        if chosen.bf16 and precision == "bf16":
            return DeviceChoice(chosen, "bfloat16")
        large = "bfloat16" if chosen.bf16 and precision == "auto" else ""
        return DeviceChoice(chosen, "float32", large_dtype=large)
    storage = precision if chosen.kind in STORAGE.get(precision, ()) else ""
    return DeviceChoice(chosen, TYPES.get(precision) or _half(chosen), storage)


def vae_dtype(dtype: str, force_upcast: bool, *, cpu: bool = False) -> str:
    """SDXL's VAE overflows in half precision and says so in its configuration. On a processor all
    stay in float32: it is one pass of many, and bf16's 8 bits show as steps in smooth gradients."""
    return "float32" if force_upcast or cpu else dtype


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
    names = ", ".join(dict.fromkeys(device.where for device in found))
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
