"""Embeddings (textual inversion): vectors that stand for words of a prompt, in
`<data-dir>/embeddings/` and in other programs' folders. Safetensors only.

They are written by A1111 and its trainers (`emb_params`), for SDXL (`clip_l`, `clip_g`), and by
diffusers (the one weight there is). Whether one fits a model shows by the width of its vectors.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pentimento.errors import BadInput, NotFound
from pentimento.models import weights
from pentimento.models.families import FAMILIES
from pentimento.models.info import ModelInfo
from pentimento.models.inventory import Inventory, Item
from pentimento.models.recognise import UNKNOWN
from pentimento.models.tensors import Damaged, Shape
from pentimento.prompting import embedding_words

ROLE = "embedding"
PAIR = ("clip_l", "clip_g")  # of SDXL's two text encoders, in their order
ONE = "emb_params"
MOST_VECTORS = 128
NEAR = 5  # names told of, for one that is not known


@dataclass(frozen=True, slots=True)
class Embedding:
    """`tensors` are the names of its vectors in the file, one for each text encoder, and `widths`
    how wide they are. One that cannot be used has neither and says why in `problem`."""

    item: Item
    tensors: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    vectors: int = 0
    problem: str = ""

    @property
    def name(self) -> str:
        """By which prompts know it."""
        return self.item.place.path.stem.casefold()

    def fits(self, model: ModelInfo) -> bool:
        return not self.mismatch(model)

    def mismatch(self, model: ModelInfo) -> str:
        """Why it cannot be used with the model, in words; empty where it can."""
        if self.problem:
            return self.problem.rstrip(".")
        family = FAMILIES.get(model.family)
        if family is None or family.flow:
            return f"{model.title} does not read its prompts with CLIP alone"
        if len(self.widths) != len(family.encoders) or sum(self.widths) != model.context_dim:
            wide = " + ".join(map(str, self.widths))
            return f"it is {wide} wide and {model.title} reads {model.context_dim}"
        return ""

    def as_json(self, models: Sequence[ModelInfo]) -> dict[str, Any]:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        told = self.item.as_json(models)
        return told | {
            "ok": not self.problem,
            "problem": self.problem,
            "fits": [model.id for model in models if self.fits(model)],
        }


class Embeddings:
    """Looks at the disk on each call, as the registry of models does."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def list(self) -> Sequence[Embedding]:
        """What lies in a place for embeddings, and what shows as one elsewhere."""
        return [
            _inspected(item)
            for item in self._inventory.list()
            if item.role == ROLE or (item.role == UNKNOWN and item.place.role == ROLE)
        ]

    def named(self, prompts: Collection[str], model: ModelInfo) -> Sequence[Embedding]:
        """Those that the prompts name, each once; of several with one name the one that fits the
        model. Raises NotFound and BadInput where `embedding:name` cannot be followed; what a plain
        word names and does not fit is among them."""
        known: dict[str, Embedding] = {}
        for embedding in self.list():
            other = known.get(embedding.name)
            if other is None or (embedding.fits(model) and not other.fits(model)):
                known[embedding.name] = embedding
        found: dict[str, Embedding] = {}
        for prompt in prompts:
            for name in embedding_words.unknown(prompt, known):
                raise _unknown(name, known)
            for mention in embedding_words.mentioned(prompt, known):
                embedding = known[mention.name]
                if mention.explicit and (problem := embedding.mismatch(model)):
                    raise _unusable(embedding, problem)
                found[mention.name] = embedding
        return [found[name] for name in sorted(found)]


def _inspected(item: Item) -> Embedding:
    """Never raises: one that cannot be used comes back with the problem."""
    if not item.ok:
        return Embedding(item, problem=item.problem)
    try:
        shapes = weights.shapes(item.place.path)
    except (Damaged, OSError) as problem:
        return Embedding(item, problem=f"{item.place.path.name} {problem}.")
    tensors = _tensors(shapes)
    sizes = [size for name in tensors if (size := _size(shapes[name]))]
    if not sizes or len(sizes) < len(tensors):
        return Embedding(item, problem=f"{item.place.path.name} holds no vectors of an embedding.")
    return Embedding(item, tensors, tuple(width for _, width in sizes), max(sizes)[0])


def _tensors(shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    if all(name in shapes for name in PAIR):
        return PAIR
    if ONE in shapes:
        return (ONE,)
    return tuple(shapes) if len(shapes) == 1 else ()


def _size(shape: Shape) -> tuple[int, int] | None:
    """How many vectors there are and how wide they are; None for what are no vectors."""
    if len(shape) == 1 and shape[0]:
        return 1, shape[0]
    if len(shape) == 2 and 1 <= shape[0] <= MOST_VECTORS and shape[1]:
        return shape[0], shape[1]
    return None


def _unknown(name: str, known: Collection[str]) -> NotFound:
    near = difflib.get_close_matches(name.casefold(), known, NEAR, cutoff=0.5)
    told = ", ".join(near or sorted(known)[:NEAR]) or "none"
    return NotFound(
        "model_not_found",
        f"The prompt names an embedding “{name}”, and there is none of this name.",
        f"{'Perhaps' if near else 'Installed:'} {told}.",
        details={"fields": [{"field": "prompt", "message": "names an unknown embedding"}]},
    )


def _unusable(embedding: Embedding, problem: str) -> BadInput:
    name = embedding.item.place.path.stem
    return BadInput(
        "unsupported",
        f"The embedding {name} cannot be used: {problem}.",
        "Leave it out, or choose a model that it was made for.",
        details={"fields": [{"field": "prompt", "message": "names an embedding of another kind"}]},
    )
