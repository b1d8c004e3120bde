"""Models in one file: checkpoints, and denoisers that take all other parts from a base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pentimento.models.catalogue import load
from pentimento.models.library import sidecar
from pentimento.models.library.inventory import Item
from pentimento.models.library.model import (
    ModelInfo,
    from_configs,
    with_defaults,
    with_prediction,
    with_sheet,
)
from pentimento.models.library.parts import text_encoder
from pentimento.models.library.sidecar import read_json
from pentimento.models.tables import architectures, few_step, unsupported
from pentimento.models.tables.architectures import FAMILIES
from pentimento.models.weights import header as headers
from pentimento.models.weights import layouts
from pentimento.models.weights.check import check_file, shapes, whole
from pentimento.models.weights.detect import predictions
from pentimento.models.weights.detect.denoisers import SVDQUANT, UNCLIP
from pentimento.models.weights.detect.recognise import UNKNOWN, Recognised, recognise
from pentimento.models.weights.header import Damaged, Shape
from pentimento.models.weights.layouts import ROWS

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

SUFFIX = ".safetensors"

UNET = "model.diffusion_model."

FIRST = UNET + "input_blocks.0.0.weight"  # (320, channels of the latents, 3, 3)

USABLE_VARIANTS = {4: "", 9: architectures.INPAINT}  # by the channels the UNet takes

PARTS = {  # its family, how wide its prompts are, and what it has besides its UNet
    "sd15": (architectures.SD15, 768, ("first_stage_model.", "cond_stage_model.")),
    "sd2": (architectures.SD15, 1024, ("first_stage_model.", "cond_stage_model.model.")),
    "sdxl": (
        architectures.SDXL,
        2048,
        ("first_stage_model.", "conditioner.embedders.0.", "conditioner.embedders.1."),
    ),
}


def inspect_file(file: Path, model_id: str) -> ModelInfo:
    """Never raises: a file that cannot be used comes back with `ok` False and the problem. A
    denoiser by itself has no problem, and is not `ok` until `denoisers.completed`."""
    bare = ModelInfo(model_id, file.stem, "unknown", file)
    try:
        told = whole(file)
        bare = replace(bare, precision=told.precision, bytes=headers.status(file).st_size)
        if _is_denoiser(told):
            return inspect_denoiser(bare, told)
        check_file(file)
        stat = file.stat()
        known = _known_kind(file, stat.st_size, stat.st_mtime_ns)
        if isinstance(known, Damaged):
            raise known
        kind, variant = known
        _check_types(file)
        folder = CONFIGS / (sd2_configs(file) if kind == KIND else kind)
        unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
        scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
        scheduler = _predicts(file).over(scheduler)
        bare = replace(bare, configs=folder.name, variant=variant)
        family = PARTS[kind][0]
        info = from_configs(bare, family, unet, vae, scheduler)
        names = (file.stem, model_id, told.note)
        info = with_defaults(info, few_step.named("model", [family.name], names))
        return with_sheet(info, sidecar.place_of(file))
    except (Damaged, OSError, ValueError) as problem:
        return replace(bare, ok=False, problem=f"{str(problem).rstrip('.')}.")


def _predicts(file: Path) -> predictions.Told:
    """By its header; raises Damaged for words that nobody knows and no data sheet corrects."""
    corrected = predictions.of_sheet(sidecar.read(file)).kind is not None
    return predictions.of_header(headers.read(file), corrected=corrected)


def _is_denoiser(told: Recognised) -> bool:
    """Also of a checkpoint of which nothing but the denoiser is read."""
    elsewhere = told.role == "checkpoint" and told.family in ROWS.keys() - PARTS.keys()
    return told.role == "denoiser" or elsewhere


@lru_cache(maxsize=4096)
def _known_kind(file: Path, size: int, mtime_ns: int) -> tuple[str, str] | Damaged:
    """Kind and variant; remembered until the file changes, the damage too."""
    try:
        found, told = shapes(file), recognise(file)
        return _kind(found, told), _checkpoint_variant(found)
    except Damaged as damage:
        return damage


def _kind(found: Mapping[str, Shape], told: Recognised) -> str:
    """A key of PARTS; raises Damaged."""
    if FIRST not in found:
        raise Damaged(f"It holds no UNet of a Stable Diffusion checkpoint{_instead(told)}")
    if told.variant == UNCLIP:
        raise Damaged("It is SD 2 unCLIP, which is given a picture's embedding: not supported")
    if told.variant == "refiner":
        raise Damaged("It is SDXL's refiner, which is not supported")
    if found.get(UNET + "out.2.weight", [4])[0] != 4:
        raise Damaged("Its UNet is of a kind that is not supported")
    wide = next((s[1] for name, s in found.items() if name.endswith("attn2.to_k.weight")), None)
    for kind, (_, dim, prefixes) in PARTS.items():
        if wide == dim:
            _check_middle(found)
            for prefix in prefixes:
                if not any(name.startswith(prefix) for name in found):
                    raise Damaged(f"It is not whole: there are no weights called {prefix}…")
            return kind
    raise Damaged(
        f"Its prompts are {wide} wide; only SD 1.5 (768), SD 2 (1024) and SDXL (2048) can be read"
    )


def _check_middle(found: Mapping[str, Shape]) -> None:
    """SSD-1B and Segmind Vega were made out of SDXL by leaving out blocks."""
    middle = UNET + "middle_block."
    if middle + "0.in_layers.0.weight" in found and not any(
        name.startswith(middle + "1.") for name in found
    ):
        raise Damaged(
            "Its UNet has no attention in the middle, as SSD-1B and Segmind Vega, which are not "
            "supported; take an SDXL model"
        )


def _checkpoint_variant(found: Mapping[str, Shape]) -> str:
    taken = found[FIRST][1]
    if taken not in USABLE_VARIANTS:
        raise Damaged(
            f"Its UNet takes {taken} channels: models that are given a depth map or a picture to "
            "edit in this way are not supported, the ordinary and the inpainting checkpoint of "
            "the same kind are"
        )
    return USABLE_VARIANTS[taken]


def _instead(told: Recognised) -> str:
    """What the file is, where that is known."""
    if told.role == UNKNOWN:
        return ""
    of = f" of the family {' or '.join(told.families)}" if told.families else ""
    return f"; it is a file of the kind {told.role.replace('_', ' ')}{of}"


GGUF_SUFFIX = ".gguf"

KONTEXT = "kontext"

INSTALL_GGUF = "pip install pentimento[gguf]"

PLAIN = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")  # of safetensors

PACKED = {"nvfp4": "nvfp4", "mxfp8": "mxfp8", "int8": "int8 (ConvRot and the like)", "nf4": "nf4"}

QUANTISED = (  # of GGUF, as diffusers computes with them
    *("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K"),
    *("Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"),
)


def inspect_denoiser(bare: ModelInfo, told: Recognised) -> ModelInfo:
    """Without its base, and not `ok` as yet; raises Damaged for what no base can complete."""
    if told.variant == SVDQUANT:
        raise Damaged(
            "It is packed with SVDQuant (nunchaku), which is not supported; take the same model in "
            "bf16 or fp8, or as GGUF"
        )
    layered = any(name.endswith(unsupported.LAYERED) for name in shapes(bare.path))
    row = unsupported.of_family(told.family)
    if row := unsupported.of_pipeline("QwenImageLayered") if layered else row:
        raise Damaged(f"It is a denoiser by itself. {row}")
    if told.family not in layouts.ROWS:
        of = " or ".join(told.families) or "a family that is not known"
        known = ", ".join(layouts.ROWS)
        raise Damaged(
            f"It is a denoiser by itself, of {of}, which is not supported; these are: {known}"
        )
    if told.variant == "refiner":
        raise Damaged("It is SDXL's refiner, which is not supported")
    if told.variant == "control":
        raise Damaged(
            "It is FLUX.1 Canny or Depth, which take a map beside the picture and are not "
            "supported; take a ControlNet for FLUX.1"
        )
    _check_types(bare.path)
    if told.format == "gguf" and find_spec("gguf") is None:
        raise Damaged(f"GGUF files need the package gguf, which `{INSTALL_GGUF}` installs")
    return replace(bare, family=told.family, role="denoiser", note=told.note, ok=False)


def attach_base(
    info: ModelInfo, models: Sequence[ModelInfo], files: Sequence[Item] = ()
) -> ModelInfo:
    """Fills a denoiser-only model from its base, and what that lacks from `files` of text encoders
    and VAEs; returns other models unchanged."""
    if not needs_base(info):
        return info
    try:
        base = _base(info, models)
        lacks = [name for name in base.lacks if name != FAMILIES[base.family].denoiser]
        parts = text_encoder.found_for(base, lacks, files, info.path)
        flow = FAMILIES[base.family].flow  # says nothing else by any words
        whole = replace(
            base,
            scheduler=base.scheduler if flow else _predicts(info.path).over(base.scheduler),
            **{key: getattr(info, key) for key in ("id", "title", "path", "precision", "note")},
            role=info.role,
            base=base.path,
            lacks=(),
            parts=parts,
            source=info.source,
            licence="",
            ok=True,
            problem="",
            bytes=info.bytes
            + base.bytes
            - _denoiser_bytes(base)
            + sum(headers.status(file).st_size for _, file in parts),
            default=False,
        )
        names = (info.path.stem, info.id, info.note)
        few = few_step.named("model", [info.family], names)
        whole = with_prediction(whole)
        return with_sheet(with_defaults(whole, few), sidecar.place_of(info.path))
    except (Damaged, OSError, ValueError) as problem:
        return replace(info, problem=f"{str(problem).rstrip('.')}.")


def needs_base(info: ModelInfo) -> bool:
    """Whether it is a denoiser's file that lacks nothing but its base."""
    return info.role == "denoiser" and not info.ok and not info.problem


def _check_types(file: Path) -> None:
    """Raises Damaged where weights are packed in a way that cannot be read."""
    header = headers.read(file)
    packed = recognise(file).precision
    if packed in PACKED:
        raise Damaged(
            f"It is packed as {PACKED[packed]}, which is not supported; take the same model in "
            "fp8, bf16 or fp16, or as GGUF"
        )
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
    sheet = sidecar.place_of(info.path).name
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
    name = sidecar.read(info.path).get("base")
    if name is None:
        return None
    base = next((model for model in known if model.id == name), None)
    if base is None or base.family != info.family:
        ids = [model.id for model in known if model.family == info.family]
        raise Damaged(
            f"{sidecar.place_of(info.path).name} names the base “{name}”, which is no usable "
            f"folder of the family {info.family}; there are: {', '.join(ids) or 'none'}"
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
    found = layouts.differences(file, layouts.of_config(info.family, config))
    if recognise(info.path).variant == KONTEXT and base.editing != KONTEXT:
        found.append(f"kind is {KONTEXT}")  # whose weights have the shapes of the ordinary kind's
    return found


@lru_cache(maxsize=1024)
def _build(file: Path, family: str, size: int, mtime_ns: int) -> tuple[tuple[str, int], ...]:
    return tuple(layouts.of_shapes(family, shapes(file)).items())


def _denoiser_bytes(base: ModelInfo) -> int:
    folder = base.path / FAMILIES[base.family].denoiser
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


KIND = "sd2"

PREDICTIONS = {"epsilon": "sd2", "v_prediction": "sd2-v"}  # -> of pentimento/configs


def sd2_configs(file: Path) -> str:
    """Raises Damaged where nothing tells."""
    said = predictions.of_sheet(sidecar.read(file)).kind
    found = said or _predicts(file).kind
    if found is None:
        raise Damaged(
            "It is a checkpoint of SD 2, and nothing says what it predicts: write "
            '{"prediction_type": "v_prediction"} (768 px) or {"prediction_type": "epsilon"} (512 '
            f"px) into a file {sidecar.place_of(file).name} beside it"
        )
    return PREDICTIONS[found]
