"""What a job brings besides its model: another VAE, a tiny one for previews. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pentimento.engine.frames import Message
from pentimento.jobs.record import JobRequest


@dataclass(frozen=True, slots=True)
class VaeFile:
    """A VAE's folder, or its weights in one file; `kind` is the class that reads it."""

    path: Path
    kind: str

    def to_json(self) -> Message:
        return {"path": str(self.path), "kind": self.kind}

    @classmethod
    def from_json(cls, data: Message) -> VaeFile:
        return cls(Path(data["path"]), data["kind"])


@dataclass(frozen=True, slots=True)
class Extras:
    vae: VaeFile | None = None  # None: the model's own
    preview_vae: VaeFile | None = None

    @classmethod
    def of(cls, registry: Any, request: JobRequest, model: Any) -> Extras:
        """Of a resolved request; `registry` and `model` as in `models/`."""
        vae = registry.vaes.get(request.vae) if request.vae else None
        preview = registry.vaes.for_previews(model) if request.preview else None
        return cls(
            VaeFile(vae.path, vae.kind) if vae else None,
            VaeFile(preview.path, preview.kind) if preview else None,
        )

    def to_json(self) -> Message:
        return {
            "vae": self.vae and self.vae.to_json(),
            "preview_vae": self.preview_vae and self.preview_vae.to_json(),
        }

    @classmethod
    def from_json(cls, data: Message) -> Extras:
        vae, preview = data["vae"], data["preview_vae"]
        return cls(vae and VaeFile.from_json(vae), preview and VaeFile.from_json(preview))
