"""References: pictures that a UNet reads like a part of the prompt, by IP-Adapters (H. Ye et al.
2023). Which blocks read them makes them a style, a composition or both (InstantStyle, H. Wang et
al. 2024).

An adapter changes how the UNet attends. It is put on for one picture and taken off exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
from safetensors.torch import load_file
from torch import Tensor

from pentimento.core.errors import JobFailed
from pentimento.core.geometry import Size
from pentimento.engine.failures import is_out_of_memory
from pentimento.engine.loading import image_encoders
from pentimento.engine.loading.model import Shared
from pentimento.engine.loading.weights import UNUSED
from pentimento.imaging import decode, model_input
from pentimento.models.library.parts.ip_adapter import ENCODER, adapter_file, encoder_of, place_of
from pentimento.schema.job import Reference
from pentimento.schema.task import PixelFile

MEAN = (0.48145466, 0.4578275, 0.40821073)  # of CLIP
SPREAD = (0.26862954, 0.26130258, 0.27577711)
TAKEN = re.compile(r"image_proj\..+|ip_adapter\.\d+\.to_[kv]_ip\.weight")
AROUND_WEIGHT, AROUND_RANGE = 0.5, (0.2, 0.8)
POOLED = {"proj.weight"}  # adapters that read CLIP's one vector have this; others read its tokens
# Beginnings of the names of the attentions that read a reference of a kind, by family.
BLOCKS: dict[tuple[str, str], tuple[str, ...]] = {
    ("sdxl", "style"): ("up_blocks.0.attentions.1.",),
    ("sdxl", "composition"): ("down_blocks.2.attentions.1.",),
    ("sd15", "style"): ("up_blocks.1.",),
    ("sd15", "composition"): ("down_blocks.2.attentions.1.",),
}

Note = Callable[[Path, Sequence[str]], None]


@dataclass(frozen=True, slots=True)
class IPAdapterInput:
    """One reference at work. `embedding` is `(1 or 2, 1, ...)`, with guidance first that of no
    picture; it counts from `start` to `end`, shares of the steps that run."""

    folder: Path
    embedding: Tensor
    weight: float
    kind: str
    start: float
    end: float

    def scale(self, family: str, processor: str, step: int, steps: int) -> float:
        """How much an attention of the UNet reads it in this step."""
        if step / steps < self.start or (step + 1) / steps > self.end:
            return 0.0
        blocks = BLOCKS.get((family, self.kind))
        return self.weight if blocks is None or processor.startswith(blocks) else 0.0


@torch.inference_mode()
def shown(
    shared: Shared,
    references: Sequence[Reference],
    files: Mapping[str, PixelFile],
    addons: Mapping[str, Path],
    note: Note,
    *,
    guided: bool,
) -> list[IPAdapterInput]:
    """Of every reference that has any weight. `note` hears which weights of a file are not used."""
    found = []
    for reference in references:
        if not reference.weight:
            continue
        picture = decode.load(files[reference.image.blob])
        rgb = model_input.model_rgb(picture, Size(picture.shape[1], picture.shape[0]))
        adapter = str(reference.model)
        folder, embedding = _read(shared, adapter, rgb, addons, note, guided=guided)
        where = (reference.start, reference.end)
        found.append(IPAdapterInput(folder, embedding, reference.weight, reference.kind, *where))
    return found


@torch.inference_mode()
def surroundings(
    shared: Shared,
    adapter: str,
    rgb: np.ndarray,
    addons: Mapping[str, Path],
    note: Note,
    *,
    guided: bool,
) -> IPAdapterInput:
    """What is around a selection, `(h, w, 3)` float32 0..1, to be followed half: neither in the
    steps that lay out the picture nor in those that finish it."""
    folder, embedding = _read(shared, adapter, rgb, addons, note, guided=guided)
    return IPAdapterInput(folder, embedding, AROUND_WEIGHT, "reference", *AROUND_RANGE)


def _read(
    shared: Shared,
    adapter: str,
    rgb: np.ndarray,
    addons: Mapping[str, Path],
    note: Note,
    *,
    guided: bool,
) -> tuple[Path, Tensor]:
    folder = addons[place_of(adapter)]
    encoder = addons.get(encoder_of(adapter), folder / ENCODER)
    state, idle = _state(folder)
    note(folder, idle)
    pooled = bool(POOLED & set(state["image_proj"]))
    return folder, _embedding(shared, encoder, rgb, note, pooled=pooled, guided=guided)


def arguments(references: Sequence[IPAdapterInput]) -> dict[str, Any]:
    """As the pipelines' calls take them."""
    embeddings = [one.embedding for one in references]
    return {"ip_adapter_image_embeds": embeddings} if embeddings else {}


@contextmanager
def ip_adapters_attached(
    unet: Any,
    family: str,
    references: Sequence[IPAdapterInput],
    step: Callable[[], int],
    steps: int,
) -> Iterator[None]:
    """Attaches the IP-Adapters for the duration of the block. `step` tells which of the `steps` is
    being computed."""
    if not references:
        yield
        return
    kept = unet.encoder_hid_proj, unet.config.encoder_hid_dim_type, dict(unet.attn_processors)
    try:
        _put_on(unet, references)
        with unet.register_forward_pre_hook(
            lambda *_: _weigh(unet, family, references, step(), steps)
        ):
            yield
    finally:
        # in this order: an adapter's own attentions count as the UNet's while it is there
        unet.encoder_hid_proj, unet.config.encoder_hid_dim_type = kept[:2]
        unet.set_attn_processor(kept[2])


def _put_on(unet: Any, references: Sequence[IPAdapterInput]) -> None:
    try:
        # outside of inference mode: modules that are made in it could not be used elsewhere
        with torch.inference_mode(False), torch.no_grad():
            states = [_state(one.folder)[0] for one in references]
            unet._load_ip_adapter_weights(states, low_cpu_mem_usage=False)
    except (KeyError, RuntimeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        names = ", ".join(sorted({one.folder.name for one in references}))
        raise JobFailed(
            "reference_unusable",
            f"The IP-Adapter {names} cannot be used with this model.",
            "Choose one that was made for models of this kind.",
        ) from error


def unused(names: Iterable[str]) -> tuple[str, ...]:
    """Those of an adapter's file that nothing reads."""
    return tuple(sorted(name for name in names if not TAKEN.fullmatch(name)))


def _state(folder: Path) -> tuple[dict[str, dict[str, Tensor]], tuple[str, ...]]:
    """The weights by their two parts, and the names of those that are in neither."""
    parts: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    found = load_file(adapter_file(folder))
    idle = unused(found)
    for key, value in found.items():
        if key not in idle:
            part, _, name = key.partition(".")
            parts[part][name] = value
    return parts, idle


def _weigh(
    unet: Any, family: str, references: Sequence[IPAdapterInput], step: int, steps: int
) -> None:
    for name, processor in unet.attn_processors.items():
        if isinstance(processor, IPAdapterAttnProcessor2_0):
            processor.scale = [one.scale(family, name, step, steps) for one in references]


def _embedding(
    shared: Shared, place: Path, rgb: np.ndarray, note: Note, *, pooled: bool, guided: bool
) -> Tensor:
    """What the image encoder at `place` reads in an `(h, w, 3)` float32 0..1 picture: its one
    vector, or its tokens."""
    dtype = shared.device.dtype
    encoder = shared.components.get(
        ("reference", image_encoders.identity(place), dtype),
        f"image encoder {place.parent.name if place.is_dir() else place.stem}",
        lambda: image_encoders.read(place, dtype),
    )
    note(place, getattr(encoder, UNUSED, ()))
    shared.components.bring(encoder)
    seen = _for_clip(rgb, encoder.config.image_size).to(encoder.device, encoder.dtype)
    if pooled:
        found = encoder(seen).image_embeds
        nothing = torch.zeros_like(found)
    else:
        found = encoder(seen, output_hidden_states=True).hidden_states[-2]
        nothing = encoder(torch.zeros_like(seen), output_hidden_states=True).hidden_states[-2]
    return torch.stack([nothing[0], found[0]] if guided else [found[0]])[:, None]


def _for_clip(rgb: np.ndarray, side: int) -> Tensor:
    """`(1, 3, side, side)`: the middle square, as CLIP was trained."""
    height, width = rgb.shape[:2]
    factor = side / min(height, width)
    size = (max(side, round(width * factor)), max(side, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    smaller = np.clip(cv2.resize(rgb, size, interpolation=way), 0, 1)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    middle = (smaller[top : top + side, left : left + side] - MEAN) / SPREAD
    return torch.from_numpy(np.ascontiguousarray(middle.transpose(2, 0, 1), np.float32))[None]
