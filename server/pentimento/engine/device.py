"""The device the engine computes on, its number types and its memory."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from dataclasses import dataclass

import psutil
import torch

MEGABYTE = 1024 * 1024
CACHE_SHARE_OF_RAM = 0.5
VRAM_RESERVE = 3 * 1024 * MEGABYTE  # bytes kept free for activations


@dataclass(frozen=True, slots=True)
class Device:
    """`dtype` is for text encoders and denoisers. CPUs get float32: bf16 without AMX crawls."""

    where: torch.device
    dtype: torch.dtype
    name: str

    @property
    def is_cpu(self) -> bool:
        return self.where.type == "cpu"

    def cache_budget(self) -> int:
        """Bytes of weights kept in RAM between jobs."""
        return int(psutil.virtual_memory().total * CACHE_SHARE_OF_RAM)

    def room(self) -> int:
        """Bytes of weights that still fit on the device now (RAM for a CPU)."""
        if self.where.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.where)
            idle = torch.cuda.memory_reserved(self.where) - torch.cuda.memory_allocated(self.where)
            return free + idle - VRAM_RESERVE
        return int(psutil.virtual_memory().available)

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


def choose() -> Device:
    """The best device here; PENTIMENTO_DEVICE (`cpu`, `cuda:1`, `mps`, `xpu`) overrides."""
    name = os.environ.get("PENTIMENTO_DEVICE") or _best()
    device = torch.device(name)
    if device.type == "cuda":
        return Device(device, torch.float16, torch.cuda.get_device_name(device))
    if device.type in ("mps", "xpu"):
        return Device(device, torch.float16, device.type)
    return Device(device, torch.float32, "cpu")


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu"
    return "cpu"


def use_threads() -> int:
    """Sets torch's CPU threads: PENTIMENTO_THREADS, else the cores, at most 16."""
    wanted = os.environ.get("PENTIMENTO_THREADS", "")
    count = int(wanted) if wanted.isdigit() and int(wanted) > 0 else min(os.cpu_count() or 1, 16)
    torch.set_num_threads(count)
    return count
