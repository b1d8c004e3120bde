"""Taking a file that is no model itself into the folder of its kind: ControlNets, LoRAs,
embeddings, VAEs and upscalers, each by what its header says it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pentimento.errors import BadInput, Conflict
from pentimento.jobs.record import MODEL_ID
from pentimento.models.addons import KINDS
from pentimento.models.install import link_or_copy
from pentimento.models.inventory import MODELS
from pentimento.models.recognise import UNKNOWN, recognise
from pentimento.models.registry import Registry
from pentimento.models.tensors import Damaged
from pentimento.models.vaes import ROLES

SHELVES = {  # role -> folder of the data folder
    "controlnet": "controlnets",
    "lora": "loras",
    "embedding": "embeddings",
    "upscaler": "upscalers",
    "vae": "vaes",
    "tiny_vae": "vaes",
}


def role_of(source: Path) -> str:
    """What a file is; "unknown" for a folder and for what cannot be read."""
    try:
        return recognise(source).role if source.is_file() else UNKNOWN
    except (Damaged, OSError):
        return UNKNOWN


def add(data_dir: Path, source: Path, name: str | None) -> Path:
    """Where it lies now, by a hard link where the disk allows it. `source` is a safetensors file
    of a role in SHELVES. Raises BadInput, Conflict."""
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", source.stem).strip("-._")
    if not re.fullmatch(MODEL_ID, name):
        raise BadInput(
            "bad_request",
            f"“{name}” cannot be a name here.",
            "Choose one of letters, digits, dots, dashes and underscores with --name.",
        )
    folder = data_dir / SHELVES[role_of(source)]
    target = folder / f"{name}{source.suffix}"
    if target.exists():
        raise Conflict("model_exists", f"There is a file {target} already.", "Choose a --name.")
    folder.mkdir(parents=True, exist_ok=True)
    incoming = folder / f".incoming-{name}-{os.getpid()}"
    try:
        link_or_copy(source.resolve(), incoming)
        incoming.rename(target)
    finally:
        incoming.unlink(missing_ok=True)
    return target


def problems(registry: Registry) -> Iterator[tuple[str, str]]:
    """Id and problem of all that is no model, the problem empty where there is none. Every header
    is held against its file's length."""
    for addon in registry.addons.list():
        yield addon.id, addon.problem
    for vae in registry.vaes.list():
        yield vae.id, vae.problem
    for adapter in registry.ip_adapters.list():
        yield adapter.id, adapter.problem
    for item in registry.inventory.list():
        if item.role not in (*MODELS, *KINDS, *ROLES):
            yield item.id, item.problem
