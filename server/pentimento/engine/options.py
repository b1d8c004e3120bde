"""What a person may set about the engine: device, precision and memory. It travels from the front
to the engine process in the environment. No torch here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pentimento.errors import BadInput

PRECISIONS = ("auto", "fp32", "bf16", "fp16", "fp8")
DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d{1,2})?")
LEAST_MB = 64


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`None` and "auto" leave the choice to the engine. `ram_mb` limits the weights kept in memory
    between jobs, `vram_mb` those on the device at one time; both in MiB."""

    device: str = "auto"
    precision: str = "auto"
    ram_mb: int | None = None
    vram_mb: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.device, str) or not DEVICE.fullmatch(self.device):
            raise _bad("device", self.device, "auto, cpu, cuda, cuda:1, mps or xpu")
        if self.precision not in PRECISIONS:
            raise _bad("precision", self.precision, ", ".join(PRECISIONS))
        for name in ("ram_mb", "vram_mb"):
            limit = getattr(self, name)
            if limit is not None and (type(limit) is not int or limit < LEAST_MB):
                raise _bad(name, limit, f"a whole number of MiB, at least {LEAST_MB}")

    @classmethod
    def kept(cls, settings: Mapping[str, Any]) -> EngineOptions:
        """Of a settings.json: `{"device", "precision", "memory": {"ram_mb", "vram_mb"}}`."""
        memory = settings.get("memory", {})
        if not isinstance(memory, dict):
            raise _bad("memory", memory, '{"ram_mb": 8000, "vram_mb": 6000}')
        found = {name: settings[name] for name in ("device", "precision") if name in settings}
        return cls(**found, **{n: memory[n] for n in ("ram_mb", "vram_mb") if n in memory})

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> EngineOptions:
        found: dict[str, Any] = {}
        for field in fields(cls):
            said = environment.get(_variable(field.name), "")
            if said:
                found[field.name] = int(said) if said.isdigit() else said
        return cls(**found)

    def environment(self) -> dict[str, str]:
        """Only what is set, so that variables a person has set are not undone."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        return {_variable(n): str(v) for n, v in said.items() if v not in (None, "auto")}


def _variable(name: str) -> str:
    return f"PENTIMENTO_{name.upper()}"


def _bad(name: str, found: object, wanted: str) -> BadInput:
    return BadInput("bad_request", f"“{found}” is not a {name}.", f"Possible: {wanted}.")
