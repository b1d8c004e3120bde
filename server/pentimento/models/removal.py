"""Takes installed models away, of every role; never the starter, never what lies elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from pentimento.errors import BadInput, NotFound
from pentimento.models import install
from pentimento.models.catalogue import PLACES, Catalogue
from pentimento.models.registry import Registry


def remove(data_dir: Path, registry: Registry, catalogue: Catalogue, model_id: str) -> None:
    """Deletes a model, ControlNet, LoRA or another part by its id, or only the link where it is
    one. Raises NotFound, BadInput."""
    if model_id in {info.id for info in registry.list()}:
        install.remove(registry, model_id)
        return
    found = dict(reversed(list(_parts(data_dir, registry, catalogue))))
    path = found.get(model_id)
    if path is None:
        raise NotFound(
            "model_not_found",
            f"There is no model called “{model_id}”.",
            f"Installed: {', '.join(found) or 'none'}.",
        )
    if path.parent not in {data_dir / place for place in PLACES.values()}:
        raise BadInput(
            "not_ours",
            "This model is part of the program, or belongs to another one, and stays.",
            "What lies in the data folder can be removed.",
            status=409,
        )
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    gone = path.with_name(f".removed-{path.name}")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)  # never half a model under its name
    shutil.rmtree(gone)


def _parts(data_dir: Path, registry: Registry, catalogue: Catalogue) -> Iterator[tuple[str, Path]]:
    """Everything that is no model itself: id and place."""
    yield from ((addon.id, addon.path) for addon in registry.addons.list())
    yield from ((adapter.id, adapter.path) for adapter in registry.ip_adapters.list())
    yield from ((found.path.name, found.path) for found in registry.annotators.list())
    for entry in catalogue.entries.values():
        if (place := entry.place(data_dir)).exists():
            yield entry.id, place
