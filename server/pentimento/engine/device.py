"""The device the engine computes on, its number types and its memory."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

import psutil
import torch

from pentimento.engine import hardware
from pentimento.engine.hardware import Accelerator
from pentimento.engine.options import EngineOptions

MEGABYTE = 1024 * 1024
WORKING_SHARE = 0.2  # of a device's memory that is kept free for what is being computed
WORKING_MOST = 3 * 1024 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Device:
    """`dtype` is for text encoders and denoisers. `storage` is how a denoiser's weights lie in
    memory where that is not `dtype`: "fp8". Budgets are in bytes of weights: `ram` between
    jobs, `vram` on the device at one time (None: as much as there is)."""

    where: torch.device
    dtype: torch.dtype
    name: str
    storage: str = ""
    ram: int | None = None
    vram: int | None = None

    @property
    def is_cpu(self) -> bool:
        return self.where.type == "cpu"

    def cache_budget(self) -> int:
        return (
            hardware.ram_budget(psutil.virtual_memory().total, None)
            if self.ram is None
            else self.ram
        )

    def free(self) -> int:
        """Bytes that can still be had on the device, memory for a CPU."""
        if self.where.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.where)
            idle = torch.cuda.memory_reserved(self.where) - torch.cuda.memory_allocated(self.where)
            return int(free + idle)
        return int(psutil.virtual_memory().available)

    def room(self) -> int:
        """Bytes of weights that still fit on the device now, with space left to compute in."""
        if self.where.type != "cuda":
            return self.free()
        _, total = torch.cuda.mem_get_info(self.where)
        return self.free() - min(int(total * WORKING_SHARE), WORKING_MOST)

    def working_room(self, weights: int) -> int:
        """Bytes to compute in beside so many bytes of weights at work."""
        if self.where.type == "cuda":
            _, total = torch.cuda.mem_get_info(self.where)
            return int(total) - min(weights, self.vram or weights)
        free = self.free()
        return free if self.vram is None else min(free, max(self.vram - weights, 0))

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
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library has no such call
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def memory_mb() -> int:
    """Memory of this process in MiB, device memory included where it is separate."""
    used = psutil.Process().memory_info().rss
    if torch.cuda.is_available():
        used += torch.cuda.memory_reserved()
    return int(used // MEGABYTE)


def choose(options: EngineOptions | None = None) -> Device:
    """The device for these options, by default those of the environment; raises device_missing."""
    wanted = options or EngineOptions.of_environment()
    chosen = hardware.choose(_present(), wanted.device, wanted.precision)
    return Device(
        torch.device(chosen.device.where),
        getattr(torch, chosen.dtype),
        chosen.device.name,
        chosen.storage,
        hardware.ram_budget(psutil.virtual_memory().total, wanted.ram_mb),
        hardware.vram_budget(chosen.device, wanted.vram_mb),
    )


def _present() -> list[Accelerator]:
    """What torch finds in this machine besides the processor."""
    found = [_cuda(number) for number in range(torch.cuda.device_count())]
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found += [_xpu(number) for number in range(torch.xpu.device_count())]
    if torch.backends.mps.is_available():
        found.append(Accelerator("mps", "Apple GPU"))
    return found


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
    """Sets torch's CPU threads: PENTIMENTO_THREADS, else the cores, at most 16."""
    wanted = os.environ.get("PENTIMENTO_THREADS", "")
    count = int(wanted) if wanted.isdigit() and int(wanted) > 0 else min(os.cpu_count() or 1, 16)
    torch.set_num_threads(count)
    return count
