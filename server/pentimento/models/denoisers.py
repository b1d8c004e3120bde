"""Denoisers in a file of their own, safetensors or GGUF: encoders, tokenizers, VAE and scheduler
come from a base, an installed diffusers folder whose denoiser is built the same.

Which base it is, a data sheet beside the file may say: `NAME.pentimento.json` with `base`, and with
whatever else a folder's data sheet says. Where it says nothing, there must be only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pentimento.models import builds, few_step, headers, sheets
from pentimento.models.catalogue import load
from pentimento.models.families import FAMILIES
from pentimento.models.info import ModelInfo
from pentimento.models.inspect import read_json, with_defaults, with_sheet
from pentimento.models.recognise import Recognised, recognise
from pentimento.models.tensors import Damaged
from pentimento.models.weights import shapes

GGUF_SUFFIX = ".gguf"
KONTEXT = "kontext"
INSTALL_GGUF = "pip install pentimento[gguf]"
PLAIN = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")  # of safetensors
QUANTISED = (  # of GGUF, as diffusers computes with them
    *("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K"),
    *("Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"),
)


def inspect_denoiser(bare: ModelInfo, told: Recognised) -> ModelInfo:
    """Without its base, and not `ok` as yet; raises Damaged for what no base can complete."""
    if told.family not in builds.ROWS:
        of = " or ".join(told.families) or "a family that is not known"
        raise Damaged(f"It is a denoiser by itself, of {of}, which is not supported")
    if told.variant == "refiner":
        raise Damaged("It is SDXL's refiner, which is not supported")
    _check_types(bare.path)
    if told.format == "gguf" and find_spec("gguf") is None:
        raise Damaged(f"GGUF files need the package gguf, which `{INSTALL_GGUF}` installs")
    return replace(bare, family=told.family, role="denoiser", note=told.note, ok=False)


def completed(info: ModelInfo, models: Sequence[ModelInfo]) -> ModelInfo:
    """A denoiser's file with what its base among `models` tells; all else as it is."""
    if not is_waiting(info):
        return info
    try:
        base = _base(info, models)
        whole = replace(
            base,
            **{key: getattr(info, key) for key in ("id", "title", "path", "precision", "note")},
            role=info.role,
            base=base.path,
            source=info.source,
            licence="",
            ok=True,
            problem="",
            bytes=info.bytes + base.bytes - _denoiser_bytes(base),
            default=False,
        )
        names = (info.path.stem, info.id, info.note)
        few = few_step.named("model", [info.family], names)
        return with_sheet(with_defaults(whole, few), sheets.place_of(info.path))
    except (Damaged, OSError, ValueError) as problem:
        return replace(info, problem=f"{str(problem).rstrip('.')}.")


def is_waiting(info: ModelInfo) -> bool:
    """Whether it is a denoiser's file that lacks nothing but its base."""
    return info.role == "denoiser" and not info.ok and not info.problem


def _check_types(file: Path) -> None:
    """Raises Damaged where weights are packed in a way that cannot be read."""
    header = headers.read(file)
    known = QUANTISED if header.kind == "gguf" else PLAIN
    for name, entry in header.tensors.items():
        if name.endswith(".weight") and entry.dtype not in known:
            raise Damaged(
                f"Weights of the type {entry.dtype} ({name}) cannot be read; take the same model "
                "in fp16, bf16, fp8 or as GGUF of another type"
            )


def _base(info: ModelInfo, models: Sequence[ModelInfo]) -> ModelInfo:
    """Raises Damaged with what to do where there is not exactly one."""
    known = [m for m in models if (m.ok or m.role == "rest") and m.path.is_dir()]
    chosen = _named_base(info, known)
    if chosen:
        return chosen
    of_family = [model for model in known if model.family == info.family]
    fitting = [model for model in of_family if not _differences(info, model)]
    if len(fitting) == 1:
        return fitting[0]
    sheet = sheets.place_of(info.path).name
    if fitting:
        names = ", ".join(model.id for model in fitting)
        raise Damaged(
            f"Several models can be its base ({names}): write one of them into a file {sheet} "
            f'beside it, as {{"base": "{fitting[0].id}"}}'
        )
    raise Damaged(
        "It is a denoiser by itself, and the rest of the model is not there. "
        + (_other_builds(info, of_family) or _how_to_get(info.family))
    )


def _named_base(info: ModelInfo, known: Sequence[ModelInfo]) -> ModelInfo | None:
    """The one that its data sheet says."""
    name = sheets.read(info.path).get("base")
    if name is None:
        return None
    base = next((model for model in known if model.id == name), None)
    if base is None or base.family != info.family:
        ids = [model.id for model in known if model.family == info.family]
        raise Damaged(
            f"{sheets.place_of(info.path).name} names the base “{name}”, which is no usable folder "
            f"of the family {info.family}; there are: {', '.join(ids) or 'none'}"
        )
    if different := _differences(info, base):
        raise Damaged(f"Its base {base.id} is built otherwise: its {different[0]}")
    return base


def _other_builds(info: ModelInfo, of_family: Sequence[ModelInfo]) -> str:
    """Why none of the family's models can be its base."""
    told = [f"{model.id}: {_differences(info, model)[0]}" for model in of_family]
    if not told:
        return ""
    return f"The installed models of its family are built otherwise ({'; '.join(told)})"


@lru_cache
def _how_to_get(family: str) -> str:
    """Which of the family's models can be fetched."""
    entries = load().entries.values()
    ids = [entry.id for entry in entries if entry.role == "model" and entry.family == family]
    pull = " or ".join(f"`pentimento models pull {name}`" for name in ids)
    fetched = f"{pull} fetches it, " if pull else ""
    return f"{fetched}`pentimento models add FOLDER` adds a diffusers folder of the family {family}"


def _differences(info: ModelInfo, base: ModelInfo) -> list[str]:
    stat = info.path.stat()
    config = read_json(base.path / FAMILIES[base.family].denoiser / "config.json")
    file = dict(_build(info.path, info.family, stat.st_size, stat.st_mtime_ns))
    found = builds.differences(file, builds.of_config(info.family, config))
    if recognise(info.path).variant == KONTEXT and base.editing != KONTEXT:
        found.append(f"kind is {KONTEXT}")  # whose weights have the shapes of the ordinary kind's
    return found


@lru_cache(maxsize=1024)
def _build(file: Path, family: str, size: int, mtime_ns: int) -> tuple[tuple[str, int], ...]:
    return tuple(builds.of_shapes(family, shapes(file)).items())


def _denoiser_bytes(base: ModelInfo) -> int:
    folder = base.path / FAMILIES[base.family].denoiser
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
