"""What a weight file is, told by its header alone: its role, its family, its precision.

The table is in `table.py`, its rows beside it by role. What no row describes stays "unknown".
Metadata chooses between what the weights leave open, and never against them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Final, Literal

from pentimento.models.weights import header as headers
from pentimento.models.weights.detect import loras, table
from pentimento.models.weights.detect.base import Found, Weights
from pentimento.models.weights.detect.denoisers import DEV_OR_KONTEXT
from pentimento.models.weights.header import Header
from pentimento.schema.vocabulary import ModelRole

UNKNOWN: Final = "unknown"

PRECISIONS = {
    "F64": "fp64",
    "F32": "fp32",
    "F16": "fp16",
    "BF16": "bf16",
    "F8_E4M3": "fp8",
    "F8_E5M2": "fp8",
    "I8": "int8",
    "F4": "fp4",
}
BLOCKS = (  # a weight of ComfyUI's that has the scales of blocks, its types, and the packing
    (".weight_scale_2", ("F32", "F16", "BF16"), "nvfp4"),
    (".weight_scale", ("U8", "F8_E8M0"), "mxfp8"),
)
NF4 = re.compile(r"bitsandbytes__(nf4|fp4)$")
# words in metadata -> family, in the order tried; of kohya's scripts and of Stability's ModelSpec
HINT_KEYS = ("modelspec.architecture", "ss_base_model_version", "general.architecture")
HINTS = (
    (r"flux-?\.?2.*klein", "flux2-klein"),
    (r"flux-?\.?2", "flux2-dev"),
    (r"chroma", "chroma"),
    (r"flux", "flux"),
    (r"qwen", "qwen-image"),
    (r"z-?image", "z-image"),
    (r"sd-?3|stable-diffusion-v?3", "sd3"),
    (r"sdxl|xl", "sdxl"),
    (r"sd_?v?2|stable-diffusion-v2", "sd2"),
    (r"sd_?v?1|stable-diffusion-v1", "sd15"),
)
KONTEXT = re.compile(r"kontext", re.IGNORECASE)
TRIGGER_KEYS = ("modelspec.trigger_phrase", "ss_trigger_words", "trigger_words")
MOST_TRIGGERS = 8
TAGS_LIMIT = 2**20  # characters of a training set's tags that are looked at


@dataclass(frozen=True, slots=True)
class Recognised:
    """`families` are all that fit the weights; `family` is the one, or "unknown" where there is
    none or more than one. `variant` tells kinds of a family apart ("schnell", "inpaint"…), and
    `layout` says whose names the weights have. `parts` are those of a checkpoint besides its
    denoiser. Of a LoRA, `not_computed` has the kinds of layers that no formula is known for, and
    `token_width` the channels of its transformer's tokens. None or empty where the header does not
    tell."""

    role: ModelRole
    family: str = UNKNOWN
    precision: str = UNKNOWN
    format: Literal["safetensors", "gguf"] = "safetensors"
    families: tuple[str, ...] = ()
    variant: str = ""
    layout: str = ""
    parts: tuple[str, ...] = ()
    context_dim: int | None = None  # width of the prompt's embeddings at the denoiser
    width: int | None = None  # of the denoiser's first block
    in_channels: int | None = None
    latent_channels: int | None = None
    not_computed: tuple[str, ...] = ()
    token_width: int | None = None
    triggers: tuple[str, ...] = ()
    note: str = ""


def recognise(file: Path) -> Recognised:
    """Raises Damaged as `header.read` does. Remembered until the file changes."""
    stat = headers.status(file)
    return _remembered(file, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=headers.REMEMBERED)
def _remembered(file: Path, size: int, mtime_ns: int, inode: int) -> Recognised:
    return of_header(headers.read(file))


def of_header(header: Header) -> Recognised:
    """The same for a header at hand."""
    names = header.tensors
    found = loras.match(names) or table.match(Weights(names), header.metadata)
    if found is None:
        return Recognised(ModelRole.UNKNOWN, precision=precision(header), format=header.kind)
    told = _with_hints(found, header.metadata)
    family = told.families[0] if len(told.families) == 1 else UNKNOWN
    return Recognised(
        **asdict(told),
        family=family,
        precision=precision(header),
        format=header.kind,
        triggers=triggers(header.metadata) if told.role == "lora" else (),
        note=header.metadata.get("modelspec.title", "")[:200],
    )


def precision(header: Header) -> str:
    """The type that most of the weights have."""
    if any(NF4.search(name) for name in header.tensors):
        return "nf4"
    for end, types, named in BLOCKS:
        if any(
            name.endswith(end) and entry.dtype in types for name, entry in header.tensors.items()
        ):
            return named
    counts: Counter[str] = Counter()
    for entry in header.tensors.values():
        counts[entry.dtype] += prod(entry.shape)
    if not counts:
        return UNKNOWN
    dtype = counts.most_common(1)[0][0]
    plain = PRECISIONS.get(dtype, UNKNOWN)
    if header.kind == "gguf" and plain not in ("fp32", "fp16", "bf16"):
        return f"gguf {dtype}" if dtype.startswith(("Q", "IQ")) else UNKNOWN
    return plain


def _with_hints(found: Found, metadata: Mapping[str, str]) -> Found:
    told = " ".join(metadata.get(key, "")[:200] for key in HINT_KEYS)
    if found.variant == DEV_OR_KONTEXT and KONTEXT.search(told):
        found = replace(found, variant="kontext")
    if len(found.families) < 2:
        return found
    for pattern, family in HINTS:
        if re.search(pattern, told, re.IGNORECASE):
            return replace(found, families=(family,)) if family in found.families else found
    return found


def triggers(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Words that a LoRA was trained with: what its maker says, else the tags that all pictures
    of a training set had."""
    for key in TRIGGER_KEYS:
        words = [word.strip() for word in metadata.get(key, "").split(",")]
        if any(words):
            return tuple(word[:100] for word in words if word)[:MOST_TRIGGERS]
    return tuple(_common_tags(metadata))[:MOST_TRIGGERS]


def _common_tags(metadata: Mapping[str, str]) -> Iterable[str]:
    raw = metadata.get("ss_tag_frequency", "")
    if not raw or len(raw) > TAGS_LIMIT:
        return
    try:
        counts: Counter[str] = Counter()
        for tags in json.loads(raw).values():
            counts.update({str(tag).strip(): int(number) for tag, number in tags.items()})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return
    most = max(counts.values(), default=0)
    yield from (tag[:100] for tag, number in counts.most_common() if tag and number == most)
