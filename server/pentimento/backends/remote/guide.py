"""Where to run: what each place is good for, and which one suits this machine and this user.

The rule is the founding document's: quality and production on this machine, a quick try without
downloads through a service, learning on this machine, where every stage can be watched.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

GPU_DEVICES = ("/dev/nvidia0", "/dev/kfd")


@dataclass(frozen=True, slots=True)
class Machine:
    """`full_model`: more than the starter model is installed."""

    gpu: bool
    full_model: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """`recommended` is the id of a place, `why` a sentence."""

    recommended: str
    why: str


def look(full_model: bool) -> Machine:
    """What this machine has, seen without torch: the server's front must stay light."""
    apple = sys.platform == "darwin"
    device = any(Path(name).exists() for name in GPU_DEVICES)
    return Machine(apple or device or shutil.which("nvidia-smi") is not None, full_model)


def advise(machine: Machine, ready: Sequence[str]) -> Advice:
    """`ready`: ids of services that could be used now, the preferred first."""
    if machine.gpu and machine.full_model:
        return Advice("local", "Best quality, free, and nothing leaves this machine.")
    if machine.gpu:
        why = "This machine has a graphics card: with a full model installed it is the best place."
        return Advice("local", why)
    if ready:
        why = "No graphics card was found here: a service gives full quality within a minute."
        return Advice(ready[0], why)
    return Advice("local", "It works at once, without an account; a service gives more detail.")


def local_quality(machine: Machine) -> str:
    if machine.full_model:
        return "That of the installed models, with every control, LoRA and stage."
    return "Sketches, with the starter model; full with an installed model."


def local_speed(machine: Machine) -> str:
    if machine.gpu:
        return "Seconds a picture, on the graphics card."
    return "Seconds with the starter model, minutes with a full one: there is no graphics card."
