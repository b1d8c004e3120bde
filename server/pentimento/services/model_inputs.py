"""The JSON inputs of a model that has a record of its own (`records.Model`); for adapters of
services with models of many makers, each of which calls the same things otherwise."""

from __future__ import annotations

from typing import Any

from pentimento.core.geometry import Size
from pentimento.services.adapter import ImageRequest
from pentimento.services.convert import data_uri
from pentimento.services.records import ServiceModel

ASPECTS = {  # what Google's, Alibaba's and Black Forest Labs' models have in common
    name: Size(*(int(side) for side in name.split(":")))
    for name in ("1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4")
}


def inputs(model: ServiceModel, ask: ImageRequest) -> dict[str, Any]:
    """What is None is left out: the model's own default counts there. With a source the shape is
    the source's, which models that are told a shape in words take by themselves."""
    pictures = [data_uri(picture) for picture in ask.pictures]
    fields: dict[str, Any] = {
        "prompt": ask.prompt,
        **model.fixed,
        "seed": ask.seed % 2**32 if ask.seed is not None and model.seed else None,
        model.steps: None if ask.steps is None else min(ask.steps, model.most_steps),
        model.guidance: None if ask.guidance is None else min(ask.guidance, model.most_guidance),
        **_size(model, ask),
    }
    if pictures:
        fields[model.pictures] = pictures if model.several else pictures[0]
    return {name: value for name, value in fields.items() if name and value is not None}


def nearest_aspect(size: Size) -> str:
    return min(ASPECTS, key=lambda name: abs(_ratio(ASPECTS[name]) - _ratio(size)))


def _ratio(size: Size) -> float:
    """The same distance for upright and lying shapes."""
    return size.width / size.height if size.width >= size.height else 2 - size.height / size.width


def _size(model: ServiceModel, ask: ImageRequest) -> dict[str, Any]:
    match model.size:
        case "image_size":
            return {"image_size": {"width": ask.size.width, "height": ask.size.height}}
        case "width_height":
            return {"width": ask.size.width, "height": ask.size.height}
        case "aspect_ratio" if not ask.pictures:
            return {"aspect_ratio": nearest_aspect(ask.size)}
    return {}
