"""What a job brings besides its model: another VAE, a tiny one for previews, embeddings, the noise
levels of a model or LoRA for few steps. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pentimento.backends.base import Words
from pentimento.engine.frames import Message
from pentimento.imaging.schedules import EVEN, Spacing
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
class EmbeddingFile:
    """Vectors that stand for the word `name`, one of `tensors` for each text encoder. `problem`
    says why they cannot, as a sentence without its full stop."""

    name: str
    path: Path
    tensors: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> Message:
        return asdict(self) | {"path": str(self.path), "tensors": list(self.tensors)}

    @classmethod
    def from_json(cls, data: Message) -> EmbeddingFile:
        return cls(
            data["name"], Path(data["path"]), tuple(data["tensors"]), problem=data["problem"]
        )


@dataclass(frozen=True, slots=True)
class Extras:
    vae: VaeFile | None = None  # None: the model's own
    preview_vae: VaeFile | None = None
    embeddings: tuple[EmbeddingFile, ...] = ()  # that the words of its pictures name
    spacing: Spacing = EVEN

    @classmethod
    def of(
        cls, registry: Any, request: JobRequest, model: Any, words: Sequence[Words] = ()
    ) -> Extras:
        """Of a resolved request; `registry` and `model` as in `models/`, `words` of its pictures.
        Raises NotFound or BadInput where `embedding:name` in them cannot be followed."""
        vae = registry.vaes.get(request.vae) if request.vae else None
        preview = registry.vaes.for_previews(model) if request.preview else None
        named = registry.embeddings.named([p for said in words for p in said.prompts], model)
        return cls(
            VaeFile(vae.path, vae.kind) if vae else None,
            VaeFile(preview.path, preview.kind) if preview else None,
            tuple(
                EmbeddingFile(one.name, one.item.place.path, one.tensors, one.mismatch(model))
                for one in named
            ),
            registry.defaults(model, request.loras).spacing,
        )

    def to_json(self) -> Message:
        return {
            "vae": self.vae and self.vae.to_json(),
            "preview_vae": self.preview_vae and self.preview_vae.to_json(),
            "embeddings": [embedding.to_json() for embedding in self.embeddings],
            "spacing": asdict(self.spacing),
        }

    @classmethod
    def from_json(cls, data: Message) -> Extras:
        vae, preview = data["vae"], data["preview_vae"]
        return cls(
            vae and VaeFile.from_json(vae),
            preview and VaeFile.from_json(preview),
            tuple(EmbeddingFile.from_json(embedding) for embedding in data["embeddings"]),
            Spacing(**data["spacing"]),
        )
