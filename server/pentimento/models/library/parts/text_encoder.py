"""Text encoders in files of their own, as other programs keep them in `text_encoders`, and which
of them take the place of weights that a model's folder lacks.

How an encoder is built, a file's names and shapes tell and a folder's configuration: its kind, how
wide it is and how many layers it has. Two that are built the same are not told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pentimento.models.library import sidecar
from pentimento.models.library.inventory import Item
from pentimento.models.library.model import ModelInfo
from pentimento.models.weights import header as headers
from pentimento.models.weights.detect.recognise import recognise
from pentimento.models.weights.header import Damaged, Shape

VAE = "vae"
CLIP, T5, LANGUAGE = "CLIP", "T5", "language model"
EMBEDDINGS = (  # the words' own vectors: end of the name -> kind; (words, width)
    ("text_model.embeddings.token_embedding.weight", CLIP),
    ("shared.weight", T5),
    ("encoder.embed_tokens.weight", T5),
    ("embed_tokens.weight", LANGUAGE),
    ("token_embd.weight", LANGUAGE),  # of GGUF; T5's has other blocks
)
BLOCKS = {
    CLIP: re.compile(r"text_model\.encoder\.layers\.(\d+)\."),
    T5: re.compile(r"^(?:encoder\.block|enc\.blk)\.(\d+)\."),
    LANGUAGE: re.compile(r"^(?!.*(?:vis(?:ual|ion)|mtp)).*?(?:^|\.)(?:layers|blk)\.(\d+)\."),
}
PACKED_GGUF = ("t5", "t5encoder", "qwen2", "qwen2vl", "qwen3", "qwen3vl")  # whose order is as here
T5_GGUF = "enc.blk.0."
PRECISIONS = ("fp32", "bf16", "fp16", "fp8")  # the first one that is there is taken


@dataclass(frozen=True, slots=True)
class EncoderBuild:
    """Widths in channels of a word's vector."""

    kind: str
    width: int
    layers: int

    def __str__(self) -> str:
        return f"{self.kind}, {self.width} wide, {self.layers} layers"


def of_config(config: Mapping[str, Any]) -> EncoderBuild | None:
    """By a folder's config.json; None where it does not tell."""
    said = config.get("text_config")
    said = said if isinstance(said, Mapping) else config
    model = str(said.get("model_type", config.get("model_type", "")))
    kind = CLIP if model.startswith("clip") else T5 if model.startswith("t5") else LANGUAGE
    width = said.get("d_model" if kind == T5 else "hidden_size")
    layers = said.get("num_layers" if kind == T5 else "num_hidden_layers")
    if not isinstance(width, int) or not isinstance(layers, int):
        return None
    return EncoderBuild(kind, width, layers)


def of_file(file: Path) -> EncoderBuild | None:
    """By a file's header; None for what is no text encoder. Raises Damaged."""
    stat = headers.status(file)
    return _of_file(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _of_file(file: Path, size: int, mtime_ns: int) -> EncoderBuild | None:
    tensors = headers.read(file).tensors
    return of_shapes({name: entry.shape for name, entry in tensors.items()})


def of_shapes(shapes: Mapping[str, Shape]) -> EncoderBuild | None:
    for end, kind in EMBEDDINGS:
        shape = next((found for name, found in shapes.items() if name.endswith(end)), ())
        if len(shape) != 2:
            continue
        t5 = kind == LANGUAGE and any(name.startswith(T5_GGUF) for name in shapes)
        kind = T5 if t5 else kind
        numbers = {found[1] for name in shapes if (found := BLOCKS[kind].search(name))}
        return EncoderBuild(kind, shape[1], len(numbers)) if numbers else None
    return None


def refusal(file: Path) -> str:
    """Why a text encoder's file cannot be read, in words; empty where it can."""
    try:
        told, header = recognise(file), headers.read(file)
    except Damaged as damage:
        return f"It {damage}."
    if told.format == "gguf":
        named = header.metadata.get("general.architecture", "")
        if named not in PACKED_GGUF:
            return f"GGUF of the architecture {named or '(none)'} cannot be read; take safetensors."
        return ""
    if told.precision not in PRECISIONS:
        return f"It is packed as {told.precision}, which cannot be read; take fp16, fp8 or GGUF."
    return ""


def found_for(
    base: ModelInfo, lacks: Sequence[str], files: Iterable[Item], denoiser: Path
) -> tuple[tuple[str, Path], ...]:
    """For each part that a base lacks, the file that stands for it. The data sheet of the denoiser
    may say which: {"parts": {"text_encoder": "name"}}. Raises Damaged."""
    known = [item for item in files if item.ok]
    said = sidecar.read(denoiser).get("parts", {})
    if not isinstance(said, dict):
        raise Damaged(f"{sidecar.place_of(denoiser).name} has a wrong value for parts")
    return tuple((name, _one(base, name, known, said)) for name in lacks)


def _one(base: ModelInfo, name: str, files: Sequence[Item], said: dict[str, Any]) -> Path:
    config = sidecar.read_json(base.path / name / "config.json")
    wanted = None if name == VAE else of_config(config)
    fitting = [item for item in files if _fits(item, name, wanted, base.family)]
    if name in said:
        chosen = [item for item in fitting if said[name] in (item.id, item.place.path.stem)]
        if not chosen:
            ids = ", ".join(item.id for item in fitting) or "none"
            raise Damaged(f"“{said[name]}” cannot be its {name}; there are: {ids}")
        return chosen[0].place.path
    if not fitting:
        what = "a VAE of its family" if name == VAE else f"a text encoder ({wanted})"
        refused = [item.place.path for item in files if name != VAE and _built(item, wanted)]
        if refused:
            raise Damaged(
                f"Its base {base.id} lacks the weights of {name}, and {refused[0].name} cannot "
                f"stand for them. {refusal(refused[0])}"
            )
        place = "vaes" if name == VAE else "text_encoders"
        raise Damaged(
            f"Its base {base.id} lacks the weights of {name}, and there is no file of {what}: put "
            f"one into {place} of the data folder, or add the folder of ComfyUI that has it"
        )
    if name == VAE and len(fitting) > 1:
        ids = ", ".join(item.id for item in fitting)
        raise Damaged(
            f"Several VAEs can be its own ({ids}): write one of them into a file beside it, as "
            f'{{"parts": {{"vae": "{fitting[0].id}"}}}}'
        )
    return min(fitting, key=_rank).place.path


def _fits(item: Item, name: str, wanted: EncoderBuild | None, family: str) -> bool:
    if name == VAE:
        return item.role == "vae" and item.told is not None and family in item.told.families
    return _built(item, wanted) and not refusal(item.place.path)


def _built(item: Item, wanted: EncoderBuild | None) -> bool:
    try:
        alike = item.role == "text_encoder" and of_file(item.place.path) == wanted
    except (Damaged, OSError):
        return False
    return alike and wanted is not None


def _rank(item: Item) -> tuple[int, str]:
    """The most exact one first, then by name."""
    precision = item.told.precision if item.told else ""
    known = PRECISIONS.index(precision) if precision in PRECISIONS else len(PRECISIONS)
    return known, item.place.path.name
