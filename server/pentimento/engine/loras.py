"""LoRAs on the cached parts of a model: loaded once, then switched and weighted job by job.

They are never fused, so that switching them off gives the model back bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pentimento.engine import lora_layers
from pentimento.engine.failures import is_out_of_memory
from pentimento.errors import JobFailed
from pentimento.models.addons import lora_file


@dataclass(frozen=True, slots=True)
class Wanted:
    path: Path
    weight: float

    @property
    def name(self) -> str:
        """Of the adapter; new when the file changes."""
        status = lora_file(self.path).stat()
        told = f"{self.path}:{status.st_size}:{status.st_mtime_ns}"
        return "lora_" + hashlib.sha256(told.encode()).hexdigest()[:16]


def apply(host: Any, wanted: Sequence[Wanted]) -> None:
    """Leaves exactly these LoRAs at work. `host` is a pipeline of the denoiser and the encoders.

    Raises JobFailed for a file that does not fit.
    """
    known = {name for names in host.get_list_adapters().values() for name in names}
    for lora in wanted:
        if lora.name not in known:
            _load(host, lora)
            known.add(lora.name)
    if wanted:
        host.enable_lora()
        host.set_adapters([lora.name for lora in wanted], [lora.weight for lora in wanted])
    elif known:
        host.disable_lora()


def has_any(module: Any) -> bool:
    """Whether a LoRA, at work or not, was ever put into it."""
    return bool(getattr(module, "peft_config", None))


def _load(host: Any, lora: Wanted) -> None:
    file = lora_file(lora.path)
    try:
        if hasattr(host, "transformer"):
            lora_layers.check(host, file)
        host.load_lora_weights(
            str(file.parent),
            weight_name=file.name,
            adapter_name=lora.name,
            local_files_only=True,
            use_safetensors=True,
        )
    except (ValueError, RuntimeError, KeyError, OSError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        host.delete_adapters([n for n in [lora.name] if _is_there(host, n)])
        raise JobFailed(
            "lora_unusable",
            f"The LoRA {lora.path.stem} cannot be used with this model.",
            "Choose one that was made for models of this kind.",
        ) from error


def _is_there(host: Any, name: str) -> bool:
    return any(name in names for names in host.get_list_adapters().values())
