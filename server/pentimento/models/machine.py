"""What this machine has, found without torch, and whether a model suits it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:  # what inspects models needs to know the machine
    from pentimento.models.catalogue import Entry

GB = 2**30
SLACK = 0.6  # GB that a card of a size lacks: drivers and displays take some
RAM_OVER = 1.3  # memory that a model needs on a processor, over its size in half precision
PROBE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Machine:
    """`vram` in GB, None where there is no card; `ram` in GB."""

    vram: float | None
    ram: float

    def suits(self, entry: Entry) -> dict[str, Any]:
        """`verdict` yes, slow (it runs on the processor) or no, with what it needs and what is
        there, in GB."""
        if self.vram is not None:
            enough = self.vram + SLACK >= entry.vram
            verdict = "yes" if enough else "no"
            return {"verdict": verdict, "device": "gpu", "need": entry.vram, "have": self.vram}
        need = round(2 * RAM_OVER * entry.bytes / GB, 1)  # processors compute in float32
        verdict = "slow" if entry.cpu and need <= self.ram else "no"
        return {"verdict": verdict, "device": "cpu", "need": need, "have": self.ram}


@cache
def look() -> Machine:
    """The first card by its driver's own tool or the kernel's files."""
    ram = round(psutil.virtual_memory().total / GB, 1)
    if os.environ.get("PENTIMENTO_DEVICE") == "cpu":
        return Machine(None, ram)
    found = _nvidia() or _kernel()
    return Machine(round(found / GB, 1) if found else None, ram)


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
