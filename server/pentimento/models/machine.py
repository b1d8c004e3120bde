"""What this machine has, found without torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GB = 2**30
DEVICES = ("/dev/nvidia0", "/dev/kfd")
PROBE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Machine:
    """`vram` in GB, None where there is no card or its driver does not say; `ram` in GB."""

    vram: float | None
    ram: float
    gpu: bool = False


@cache
def look() -> Machine:
    """The first card by its driver's own tool or the kernel's files."""
    import psutil  # a megabyte that a server at rest need not have

    ram = round(psutil.virtual_memory().total / GB, 1)
    if os.environ.get("PENTIMENTO_DEVICE") == "cpu":
        return Machine(None, ram)
    found = _nvidia() or _kernel()
    gpu = bool(found) or sys.platform == "darwin" or any(Path(name).exists() for name in DEVICES)
    return Machine(round(found / GB, 1) if found else None, ram, gpu)


def _nvidia() -> int | None:
    tool = shutil.which("nvidia-smi")
    if not tool:
        return None
    asked = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=PROBE_SECONDS).stdout
        return max(int(line) for line in said.split()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def _kernel() -> int | None:
    """Of AMD cards; built-in graphics with a slice of the memory do not count."""
    sizes = []
    for file in Path("/sys/class/drm").glob("card*/device/mem_info_vram_total"):
        try:
            sizes.append(int(file.read_text()))
        except (OSError, ValueError):
            continue
    largest = max(sizes, default=0)
    return largest if largest >= 2 * GB else None
