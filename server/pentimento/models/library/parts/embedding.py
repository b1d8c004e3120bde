"""Embeddings (textual inversion): vectors that stand for words of a prompt, in
`<data-dir>/embeddings/` and in other programs' folders. Safetensors only.

They are written by A1111 and its trainers (`emb_params`), for SDXL (`clip_l`, `clip_g`), and by
diffusers (the one weight there is). Whether one fits a model shows by the width of its vectors.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pentimento.core.errors import BadInput, NotFound, field_error
from pentimento.models.library.inventory import Inventory, Item
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.places import Place
from pentimento.models.tables.architectures import FAMILIES
from pentimento.models.weights import check
from pentimento.models.weights.detect import lora_layout
from pentimento.models.weights.detect.addons import T5_VECTORS
from pentimento.models.weights.detect.recognise import UNKNOWN
from pentimento.models.weights.header import Damaged, Shape
from pentimento.prompts import syntax
from pentimento.schema.answers import FileEntry

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
    word: str = ""  # of one that came with a LoRA; else its file's name
    problem: str = ""

    @property
    def name(self) -> str:
        """By which prompts know it."""
        return (self.word or self.item.place.path.stem).casefold()

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

    def answer(self, models: Sequence[ModelInfo]) -> FileEntry:
        """An entry of `GET /v1/models`; `fits` names the models it can be used with."""
        fits = [model.id for model in models if self.fits(model)]
        changed = {"ok": not self.problem, "problem": self.problem, "fits": fits}
        return self.item.answer(()).model_copy(update=changed)


class Embeddings:
    """As the registry of models: each call looks at the disk, and opens what changed."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._look = inventory.look

    def list(self) -> Sequence[Embedding]:
        """What lies in a place for embeddings, and what shows as one elsewhere."""
        own, outside = self._inventory.own(), self._inventory.outside()
        items = _embeddings_of(own)
        items += self._look.derived(ROLE, outside, lambda: _embeddings_of(outside))
        return [
            self._look.read((ROLE, item.id, item.state), item.place.path, partial(_inspected, item))
            for item in items
        ]

    def named(
        self, prompts: Collection[str], model: ModelInfo, loras: Collection[Path] = ()
    ) -> Sequence[Embedding]:
        """Those that the prompts name, each once; of several with one name the one that fits the
        model. Raises NotFound and BadInput where `embedding:name` cannot be followed; what a plain
        word names and does not fit is among them. What came with the files `loras`, which are at
        work, goes before all others."""
        known: dict[str, Embedding] = {}
        of_loras = [
            self._look.read("bundled", file, partial(bundled, file), sure=True) for file in loras
        ]
        for embedding in [one for found in of_loras for one in found] + [*self.list()]:
            other = known.get(embedding.name)
            if other is None or (embedding.fits(model) and not other.fits(model)):
                known[embedding.name] = embedding
        found: dict[str, Embedding] = {}
        for prompt in prompts:
            for name in syntax.unknown_embeddings(prompt, known):
                raise _unknown(name, known)
            for mention in syntax.mentioned_embeddings(prompt, known):
                embedding = known[mention.name]
                if mention.explicit and (problem := embedding.mismatch(model)):
                    raise _unusable(embedding, problem)
                found[mention.name] = embedding
        return [found[name] for name in sorted(found)]


def _embeddings_of(items: Iterable[Item]) -> list[Item]:
    """What lies in a place for embeddings, and what shows as one elsewhere."""
    return [
        item
        for item in items
        if item.role == ROLE or (item.role == UNKNOWN and item.place.role == ROLE)
    ]


def bundled(file: Path) -> list[Embedding]:
    """Those that came with a LoRA (`bundle_emb`): trained together with it, under names of their
    own. None where it cannot be read."""
    try:
        shapes = check.shapes(file)
    except (Damaged, OSError):
        return []
    found = []
    for word, tensors in lora_layout.of(shapes).embeddings.items():
        item = Item(word, Place(file, word, ROLE, file.parent, ""), ROLE)
        sizes = [size for name in tensors if (size := _size(shapes[name]))]
        if sizes and len(sizes) == len(tensors):
            widths = tuple(width for _, width in sizes)
            found.append(Embedding(item, tensors, widths, max(sizes)[0], word))
    return found


def _inspected(item: Item) -> Embedding:
    """Never raises: one that cannot be used comes back with the problem."""
    if not item.ok:
        return Embedding(item, problem=item.problem)
    try:
        shapes = check.shapes(item.place.path)
    except (Damaged, OSError) as problem:
        return Embedding(item, problem=f"{item.place.path.name} {problem}.")
    if any(name in shapes for name in T5_VECTORS):
        name = item.place.path.name
        return Embedding(item, problem=f"{name} is of SD 3 or FLUX.1, whose are not supported.")
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
        details=field_error("prompt", "names an unknown embedding"),
    )


def _unusable(embedding: Embedding, problem: str) -> BadInput:
    name = embedding.item.place.path.stem
    return BadInput(
        "unsupported",
        f"The embedding {name} cannot be used: {problem}.",
        "Leave it out, or choose a model that it was made for.",
        details=field_error("prompt", "names an embedding of another kind"),
    )
