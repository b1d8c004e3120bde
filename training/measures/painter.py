"""The model under test, with one fixed setting of sampler, steps, guidance and size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoPipelineForImage2Image,
    AutoPipelineForInpainting,
    ControlNetModel,
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

Array = np.ndarray
SAMPLERS = {"DDIM": DDIMScheduler, "Euler a": EulerAncestralDiscreteScheduler}
BATCH = 8


class Painter:
    """Pictures are RGB (h, w, 3) uint8; every list has one entry a picture."""

    def __init__(
        self, folder: Path, size: int, steps: int, guidance: float, sampler: str = "DDIM"
    ) -> None:
        self.size, self.steps, self.guidance = size, steps, guidance
        self.text = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
        self.text.scheduler = SAMPLERS[sampler].from_config(self.text.scheduler.config)
        self.image = AutoPipelineForImage2Image.from_pipe(self.text)
        self.inpaint = AutoPipelineForInpainting.from_pipe(self.text)
        for pipeline in (self.text, self.image, self.inpaint):
            pipeline.set_progress_bar_config(disable=True)

    def paint(self, prompts: list[str], seeds: list[int]) -> list[Array]:
        return self._run(self.text, prompts, seeds, {}, height=self.size, width=self.size)

    def repaint(
        self, sources: list[Array], prompts: list[str], strength: float, seeds: list[int]
    ) -> list[Array]:
        pictures = {"image": [Image.fromarray(source) for source in sources]}
        return self._run(self.image, prompts, seeds, pictures, strength=strength)

    def fill(
        self, sources: list[Array], masks: list[Array], prompts: list[str], seeds: list[int]
    ) -> list[Array]:
        """Masks are (h, w) uint8, 255 where something new belongs."""
        pictures = {
            "image": [Image.fromarray(source) for source in sources],
            "mask_image": [Image.fromarray(mask) for mask in masks],
        }
        fixed = {"height": self.size, "width": self.size, "strength": 1.0}
        return self._run(self.inpaint, prompts, seeds, pictures, **fixed)

    def controlled(
        self, folder: Path, hints: list[Array], prompts: list[str], seeds: list[int]
    ) -> list[Array]:
        """`hints` are (h, w, 3) uint8 for the ControlNet in `folder`, at its full weight."""
        control = ControlNetModel.from_pretrained(folder, dtype=torch.float32)
        pipeline = StableDiffusionControlNetPipeline(**self.text.components, controlnet=control)
        pipeline.set_progress_bar_config(disable=True)
        pictures = {"image": [Image.fromarray(hint) for hint in hints]}
        return self._run(pipeline, prompts, seeds, pictures, height=self.size, width=self.size)

    def _run(
        self,
        pipeline: Callable[..., object],
        prompts: list[str],
        seeds: list[int],
        pictures: dict[str, list[Image.Image]],
        **fixed: object,
    ) -> list[Array]:
        painted: list[Array] = []
        for i in range(0, len(prompts), BATCH):
            part = slice(i, i + BATCH)
            result = pipeline(
                prompt=prompts[part],
                num_inference_steps=self.steps,
                guidance_scale=self.guidance,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds[part]],
                output_type="np",
                **{name: values[part] for name, values in pictures.items()},
                **fixed,
            )
            painted += list(np.uint8(np.clip(result.images * 255 + 0.5, 0, 255)))
        return painted


def save_sheet(path: Path, rows: Sequence[Sequence[Array]]) -> None:
    """At most 500 kB or so: larger sheets are stored with 256 dithered colours."""
    picture = Image.fromarray(np.vstack([np.hstack(row) for row in rows]))
    picture.save(path, optimize=True)
    if path.stat().st_size > 500_000:
        palette = picture.quantize(256)
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path)


def photographs(side: int) -> dict[str, Array]:
    """Squares from scikit-image's example photographs, which are not shipped: one crop of each,
    as large as it goes."""
    import skimage  # only needed for measuring, so not among the requirements

    folder = Path(skimage.__file__).parent / "data"
    found = {}
    for name in PHOTOS:
        picture = Image.open(folder / name).convert("RGB")
        short = min(picture.size)
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        square = picture.crop((left, top, left + short, top + short))
        found[name] = np.asarray(square.resize((side, side), Image.Resampling.LANCZOS))
    return found


PHOTOS = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]
