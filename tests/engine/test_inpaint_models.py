"""Models that were trained to fill holes: as diffusers paints them, and what steers them. That they
keep the promises of every family is in test_family_matrix.py."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
from PIL import Image
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import control
from tests.support.denoiser_files import write_denoiser
from tests.support.tiny_addons import (
    write_controlnet,
    write_ip_adapter,
    write_lora,
    write_t2i_adapter,
    write_transformer_lora,
)
from tests.support.tiny_inpaint_models import WRITERS
from tests.support.tiny_models import write_sd15, write_sdxl

from pentimento.core.geometry import Size, Work
from pentimento.engine.architectures import FAMILIES
from pentimento.engine.conditioning import inpaint_model
from pentimento.engine.sampling import latents
from pentimento.imaging import model_input
from pentimento.imaging.canvas import Canvas
from pentimento.models.library.registry import Registry
from pentimento.schema.job import PixelFormat

WIDTH, HEIGHT, STEPS, SEED = 96, 64, 4, 7
PLAIN = {"sd15-inpaint": write_sd15, "sdxl-inpaint": write_sdxl}  # the ordinary models beside
every_model = pytest.mark.parametrize("model", WRITERS)
every_unet = pytest.mark.parametrize("model", PLAIN)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this file's own: the models, and what steers their ordinary relatives."""
    folder = tmp_path_factory.mktemp("inpaint")
    for name, write in WRITERS.items():
        model = write(folder / "models" / name)
        lora = write_lora if name in PLAIN else write_transformer_lora
        lora(model, folder / "loras" / f"{name}-lora.safetensors", 1)
    models = folder / "models"
    write_denoiser(models / "flux-fill", models / "flux-fill-file.safetensors", "flux")
    for name, write in PLAIN.items():
        ordinary = write(folder / "ordinary" / name)
        write_controlnet(ordinary, folder / "controlnets" / f"{name}-canny")
        write_ip_adapter(ordinary, folder / "ip_adapters" / f"{name}-look")
    write_t2i_adapter(folder / "controlnets" / "adapter-depth")
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def source() -> np.ndarray:
    picture = photo(WIDTH, HEIGHT)
    picture[..., 3] = 255
    return picture


def hard_mask() -> np.ndarray:
    """Its edges lie inside of latents."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[11:50, 21:77] = 255
    return mask


def white() -> np.ndarray:
    return np.full((HEIGHT, WIDTH), 255, np.uint8)


def rgb(made: Any) -> np.ndarray:
    return made.pixels()[..., :3].astype(float)


class Diffusers:
    """The pipeline of a model's own folder, with the noise and the levels that we have."""

    def __init__(self, folder: Path, family: str) -> None:
        self.pipe = DiffusionPipeline.from_pretrained(folder)
        self.pipe.set_progress_bar_config(disable=True)
        if "unet" in self.pipe.components:
            exact = {"timestep_spacing": "trailing", "set_alpha_to_one": True, "clip_sample": False}
            self.pipe.scheduler = DDIMScheduler.from_config(self.pipe.scheduler.config, **exact)
        self._family = FAMILIES[family]
        shape = (1, self.pipe.vae.config.latent_channels, HEIGHT // 8, WIDTH // 8)
        self._noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))

    def paint(self, mask: np.ndarray, *, held: bool) -> np.ndarray:
        """`(h, w, 3)` 0..255. `held`: between the steps, what is not in the mask is put back to the
        source, as we do it for every model."""
        words: dict[str, Any] = {"prompt": "a red ball"}
        words |= {"negative_prompt": ""} if "unet" in self.pipe.components else {}
        if held:
            words["callback_on_step_end"] = functools.partial(self._hold, self._outside(mask))
        found = self.pipe(
            **words,
            image=Image.fromarray(source()[..., :3]),
            mask_image=Image.fromarray(mask),
            latents=self._family.start(self._noise),
            strength=1.0,
            guidance_scale=3.5,
            num_inference_steps=STEPS,
            width=WIDTH,
            height=HEIGHT,
            output_type="np",
        ).images[0]
        return np.asarray(found) * 255

    def _outside(self, mask: np.ndarray) -> torch.Tensor:
        cells = mask.reshape(HEIGHT // 8, 8, WIDTH // 8, 8).max((1, 3))
        return torch.from_numpy(cells == 0)[None, None]

    def _hold(self, outside: torch.Tensor, pipe: Any, step: int, t: Any, state: Any) -> Any:
        clean = latents.encode(pipe.vae, model_input.model_rgb(source(), Size(WIDTH, HEIGHT)))
        if "unet" in pipe.components:
            after = [*pipe.scheduler.timesteps.tolist(), -1][step + 1]
            share = float(pipe.scheduler.alphas_cumprod[after]) if after >= 0 else 1.0
            signal, noise = share**0.5, (1 - share) ** 0.5
        else:
            noise = float(pipe.scheduler.sigmas[step + 1])
            signal = 1 - noise
        held = signal * clean + noise * self._noise
        here = self._family.unpack(state["latents"], HEIGHT // 8, WIDTH // 8)
        return {"latents": self._family.pack(torch.where(outside, held, here))}


@pytest.fixture(scope="module")
def reference(data_dir: Path, registry: Registry) -> Callable[[str], Diffusers]:
    @functools.cache
    def of(model: str) -> Diffusers:
        return Diffusers(data_dir / "models" / model, registry.get(model).family)

    return of


def fill(bench: Bench, model: str, mask: np.ndarray | None = None, **wanted: Any) -> Any:
    asked = {"mode": "inpaint", "source": source(), "steps": STEPS, "seed": SEED}
    asked["mask"] = hard_mask() if mask is None else mask
    return bench.make(model, **asked | {"sampler": sampler(model)} | wanted)


def sampler(model: str) -> str:
    return "Euler" if model.startswith("flux") else "DDIM"


@every_model
def test_fills_a_hole_as_diffusers_itself_does(
    bench: Bench, model: str, reference: Callable[[str], Diffusers]
) -> None:
    raw = {"composite": False, "color_match": False}
    made = rgb(fill(bench, model, **raw))
    assert made.std() > 1
    assert np.abs(made - reference(model).paint(hard_mask(), held=True)).max() < 1.0


@every_model
def test_without_a_source_all_is_hole(
    bench: Bench, model: str, reference: Callable[[str], Diffusers]
) -> None:
    """Text to image, image to image and a full selection at strength 1 are one picture."""
    asked = {"steps": STEPS, "seed": SEED, "sampler": sampler(model)}
    invented = rgb(bench.make(model, mode="txt2img", width=WIDTH, height=HEIGHT, **asked))
    assert np.abs(invented - reference(model).paint(white(), held=False)).max() < 1.0
    repainted = rgb(bench.make(model, mode="img2img", source=source(), **asked))
    filled = rgb(fill(bench, model, white()))
    assert invented.tobytes() == repainted.tobytes() == filled.tobytes()


def test_all_that_may_change_is_hole() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[10, 20], mask[30:, 40:] = 0.3, 255
    canvas = Canvas(
        Size(WIDTH, HEIGHT), Work.whole(Size(WIDTH, HEIGHT)), PixelFormat.RGBA_U8, source(), mask
    )
    hole = inpaint_model.binary_mask(canvas)
    np.testing.assert_array_equal(hole[0, 0].numpy(), mask > 0)
    cut = inpaint_model.masked_image(canvas, hole)
    assert (cut[mask > 0] == 0.5).all()
    np.testing.assert_array_equal(cut[mask == 0], source()[mask == 0][:, :3] / np.float32(255))
    double = replace(canvas, work=Work.whole(Size(2 * WIDTH, 2 * HEIGHT)))
    assert inpaint_model.binary_mask(double).sum() == 4 * (mask > 0).sum()
    assert inpaint_model.masked_image(double, inpaint_model.binary_mask(double)).shape == (
        2 * HEIGHT,
        2 * WIDTH,
        3,
    )


@every_model
def test_soft_masks_keep_their_promises_at_every_strength(bench: Bench, model: str) -> None:
    """Exact outside, and a mask value works like a strength."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 100, 255
    for strength in (0.3, 0.8, 1.0):
        made = fill(bench, model, mask, strength=strength).pixels()
        assert made[:, :32].tobytes() == source()[:, :32].tobytes()
        change = np.abs(made[..., :3].astype(float) - source()[..., :3]).mean((0, 2))
        assert 0 < change[32:64].mean() < change[64:].mean()


@every_model
def test_without_guidance_it_is_asked_once(bench: Bench, model: str) -> None:
    assert (
        fill(bench, model, guidance=1.0).pixels().tobytes() != fill(bench, model).pixels().tobytes()
    )


@every_unet
def test_what_was_made_for_the_ordinary_model_steers_it(bench: Bench, model: str) -> None:
    """ControlNet, T2I-Adapter and IP-Adapter, alone and together."""
    canny = {"type": "canny", "model": f"{model}-canny"}
    adapter = {"type": "depth", "model": "adapter-depth"}
    look = [{"image": photo(90, 60), "model": f"{model}-look"}]
    plain = fill(bench, model).pixels().tobytes()
    made = [
        fill(bench, model, **wanted).pixels()
        for wanted in (
            {"controls": [control(**canny)]},
            {"references": [dict(look[0])]},
            {"controls": [control(**canny, end=0.5)], "references": [dict(look[0])]},
        )
    ]
    if model == "sdxl-inpaint":  # the kind of the adapter says that it is SDXL's
        made.append(fill(bench, model, controls=[control(**adapter)]).pixels())
    assert len({plain, *(picture.tobytes() for picture in made)}) == len(made) + 1
    outside = hard_mask() == 0
    for picture in made:
        assert (picture[outside] == source()[outside]).all()
    off = fill(bench, model, controls=[control(**canny, weight=0)])
    assert off.pixels().tobytes() == plain


def test_a_transformer_by_itself_paints_with_the_rest_of_its_folder(bench: Bench) -> None:
    whole, by_itself = (fill(bench, model) for model in ("flux-fill", "flux-fill-file"))
    assert whole.pixels().tobytes() == by_itself.pixels().tobytes()


@pytest.mark.parametrize(
    ("model", "family", "guidance"),
    [("sd15-inpaint", "sd15", 7.0), ("sdxl-inpaint", "sdxl", 6.0), ("flux-fill", "flux", 30.0)],
)
def test_the_list_tells_what_they_are(
    registry: Registry, model: str, family: str, guidance: float
) -> None:
    info = registry.get(model)
    assert info.ok, info.problem
    assert (info.family, info.variant, info.default_guidance) == (family, "inpaint", guidance)
    assert info.answer().variant == "inpaint"
