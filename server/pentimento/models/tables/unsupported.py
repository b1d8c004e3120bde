"""Kinds of models that are known by name and cannot be used yet, and what to take instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownKind:
    """`family` is the name that weights are told by, empty where they look like those of another
    one; `pipelines` how the classes of its pipelines begin; `instead` an id of the catalogue, of a
    model that does the same kind of work."""

    family: str
    pipelines: str
    title: str
    instead: str

    def __str__(self) -> str:
        return f"{self.title} is not supported yet; take `pentimento models pull {self.instead}`"


ROWS = (
    KnownKind("flux3", "Flux3", "FLUX.3 Klein", "flux2-klein-4b"),
    KnownKind("qwen-image-2.1", "QwenImage21", "Qwen-Image 2.1", "qwen-image"),
    KnownKind("", "QwenImageLayered", "Qwen-Image-Layered", "qwen-image"),
    KnownKind("dreamlite", "DreamLite", "DreamLite", "sd15"),
    KnownKind("anima", "Anima", "Anima", "sdxl"),
)
LAYERED = "time_text_embed.addition_t_embedding.weight"  # a weight of Qwen-Image-Layered alone
MODULAR_INDEX = "modular_model_index.json"  # of diffusers folders that are taken apart into blocks


def of_family(name: str) -> KnownKind | None:
    return next((row for row in ROWS if name and row.family == name), None)


def of_pipeline(class_name: str) -> KnownKind | None:
    return next((row for row in ROWS if class_name.startswith(row.pipelines)), None)


def of_class(class_name: str) -> str:
    """Why models of a pipeline's class cannot be used, in words."""
    return str(of_pipeline(class_name) or f"Models of the kind {class_name} are not supported yet")
