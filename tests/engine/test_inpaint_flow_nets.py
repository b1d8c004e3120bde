"""ControlNets that read the picture around a selection, of SDXL and the rectified-flow families: as
diffusers' own pipelines use them, and by themselves where new content begins with the surroundings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetUnionModel,
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionXLControlNetUnionInpaintPipeline,
)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from tests.engine.bench import Bench, photo
from tests.support.tiny_addons import write_union
from tests.support.tiny_flow_models import WRITERS
from tests.support.tiny_flow_nets import FILLING, deepened, pipeline, write_flow_net
from tests.support.tiny_models import write_sdxl

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size, Work
from pentimento.engine.architectures import FAMILIES
from pentimento.engine.conditioning import controlnet
from pentimento.imaging.canvas import Canvas
from pentimento.imaging.pixels import to_float
from pentimento.models.library.registry import Registry
from pentimento.schema.job import PixelFormat

SIDE, STEPS, SEED = 64, 4, 7
UNION = "xl-union-promax"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flow-fill")
    for net, (model, kind, config) in FILLING.items():
        torch.manual_seed(0)
        deepened(WRITERS[model](folder / "models" / model))
        write_flow_net(folder / "controlnets" / net, kind, config)
    write_union(write_sdxl(folder / "models" / "sdxl"), folder / "controlnets" / UNION)
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def source() -> np.ndarray:
    picture = photo(SIDE, SIDE)
    picture[..., 3] = 255
    return picture


def middle() -> np.ndarray:
    found = np.zeros((SIDE, SIDE), np.uint8)
    found[16:48, 16:32] = 255
    return found


def everywhere() -> np.ndarray:
    return np.full((SIDE, SIDE), 255, np.uint8)


def asked(mask: np.ndarray, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"mode": "inpaint", "source": source(), "mask": mask, "steps": STEPS}
    return found | {"color_match": False, "seed": SEED} | more


def as_tensors(mask: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Picture `(1, 3, h, w)` 0..1, hole `(1, 1, h, w)`."""
    picture = torch.from_numpy(to_float(source())[..., :3]).permute(2, 0, 1)[None]
    return picture, torch.from_numpy(mask / np.float32(255))[None, None]


class WithoutMap:
    """A VAE that finds nothing in the first picture: the map that Z-Image's pipeline reads."""

    def __init__(self, vae: Any) -> None:
        self._encode, self._empty, self._seen = vae.encode, vae.config.shift_factor, False

    def __call__(self, picture: torch.Tensor) -> Any:
        found = self._encode(picture)
        if not self._seen:
            mode = torch.full_like(found.latent_dist.mode(), self._empty)
            found.latent_dist.mode = lambda: mode
        self._seen = True
        return found


def theirs(data_dir: Path, net: str) -> Any:
    """diffusers' pipeline of the family for filling."""
    model, kind, _config = FILLING[net]
    return pipeline(data_dir / "models" / model, data_dir / "controlnets" / net, kind, fills=True)


def called(pipe: Any, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Any:
    picture, hole = as_tensors(mask)
    picture = picture * 2 - 1
    size = {"width": SIDE, "height": SIDE}
    with torch.no_grad():
        if "ZImage" not in type(pipe).__name__:
            given = {"control_image": picture, "control_mask": hole}
            return pipe(**given, **size, **more)
        with monkeypatch.context() as patched:
            patched.setattr(pipe.vae, "encode", WithoutMap(pipe.vae))
            given = {"image": picture, "mask_image": hole, "control_image": picture}
            return pipe(**given, **size, **more)


@pytest.mark.parametrize("net", FILLING)
def test_paints_what_diffusers_itself_paints(
    bench: Bench, data_dir: Path, net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all is selected: their pipelines keep nothing of the source."""
    model, pipe = FILLING[net][0], theirs(data_dir, net)
    channels = pipe.vae.config.get("z_dim") or pipe.vae.config.latent_channels
    shape = (1, channels, SIDE // 8, SIDE // 8)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    more: dict[str, Any] = {"prompt": "a red ball", "negative_prompt": "", "output_type": "np"}
    if model == "sd3":  # its pipeline alone spends the last step on next to nothing
        more["sigmas"] = [1 - step / STEPS for step in range(STEPS)]
    more["true_cfg_scale" if model == "qwen-image" else "guidance_scale"] = 3.5
    more |= {"latents": FAMILIES[model].start(noise), "num_inference_steps": STEPS}
    more["controlnet_conditioning_scale"] = 1.0
    wanted = called(pipe, everywhere(), monkeypatch, **more).images[0]
    control = {"type": "inpaint", "model": net}
    ours = bench.make(model, **asked(everywhere(), controls=[control])).pixels()[..., :3]
    plain = bench.make(model, **asked(everywhere(), controls=[])).pixels()[..., :3]
    assert np.abs(ours.astype(int) - plain).max() > 3
    assert np.abs(ours - wanted * 255).max() < 1.1


@pytest.mark.parametrize("net", FILLING)
def test_reads_around_a_hole_what_diffusers_reads(
    bench: Bench, data_dir: Path, net: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the net is called with the first time."""
    model, pipe = FILLING[net][0], theirs(data_dir, net)
    seen: list[torch.Tensor] = []

    def look(_net: Any, args: Any, named: dict[str, Any]) -> None:
        seen.append((named["controlnet_cond"] if "controlnet_cond" in named else args[3])[:1])
        raise InterruptedError

    with (
        pipe.controlnet.register_forward_pre_hook(look, with_kwargs=True),
        pytest.raises(InterruptedError),
    ):
        called(pipe, middle(), monkeypatch, prompt="x", num_inference_steps=2)
    size = Size(SIDE, SIDE)
    mask = np.float32(middle())
    canvas = Canvas(size, Work.whole(size), PixelFormat.RGBA_U8, source(), mask)
    job = bench.job(model, **asked(middle(), controls=[{"type": "inpaint", "model": net}]))
    steering = controlnet.steering(job, canvas, lambda _, picture: picture)
    nets = FAMILIES[model].nets
    assert nets is not None
    ours = controlnet.read_net(nets, steering, pipe.vae)[0].read
    assert ours is not None
    assert len(ours.unique()) > 20
    torch.testing.assert_close(ours.flatten(), seen[0].flatten().to(ours), atol=1e-5, rtol=0)


def test_a_union_for_sdxl_fills_as_diffusers_does(
    bench: Bench, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the same noise, over the same levels; the source's latents are the most likely ones in
    both."""
    control = {"type": "inpaint", "model": UNION}
    drawn = {"sampler": "DDIM", "controls": [control]}
    ours = bench.make("sdxl", **asked(middle(), **drawn)).pixels()[..., :3]
    parts = DiffusionPipeline.from_pretrained(data_dir / "models" / "sdxl").components
    parts["controlnet"] = ControlNetUnionModel.from_pretrained(data_dir / "controlnets" / UNION)
    exact = {"timestep_spacing": "trailing", "set_alpha_to_one": True, "clip_sample": False}
    parts["scheduler"] = DDIMScheduler.from_config(parts["scheduler"].config, **exact)
    pipe = StableDiffusionXLControlNetUnionInpaintPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda one, *_, **__: one.mode())
    picture, hole = as_tensors(middle())
    shape = (1, 4, SIDE // 8, SIDE // 8)
    wanted = pipe(
        "a red ball",
        negative_prompt="",
        image=picture,
        mask_image=hole,
        control_image=[torch.where(hole > 0.5, torch.tensor(0.0), picture)],
        control_mode=[7],
        latents=torch.randn(shape, generator=torch.Generator().manual_seed(SEED)),
        controlnet_conditioning_scale=1.0,
        strength=1.0,
        guidance_scale=3.5,
        num_inference_steps=STEPS,
        width=SIDE,
        height=SIDE,
        output_type="np",
    ).images[0]
    inside = middle() > 0
    plain = bench.make("sdxl", **asked(middle(), sampler="DDIM", controls=[])).pixels()[..., :3]
    assert np.abs(plain[inside].astype(int) - ours[inside]).max() > 5
    assert np.abs(ours[inside] - wanted[inside] * 255).max() < 1.1
    assert (ours[~inside] == source()[~inside][:, :3]).all()


@pytest.mark.parametrize(
    ("model", "net", "weight"),
    [
        ("sd3", "sd3-inpaint", 1.0),
        ("qwen-image", "qwen-inpaint", 1.0),
        ("z-image", "z-image-union-2", 0.5),
        ("sdxl", UNION, 1.0),
    ],
)
def test_a_fill_takes_it_by_itself(bench: Bench, model: str, net: str, weight: float) -> None:
    chosen = bench.job(model, **asked(middle(), intent="fill")).task.request.controls
    assert [(one.type, one.model, one.weight) for one in chosen] == [("inpaint", net, weight)]
    assert bench.job(model, **asked(middle(), intent="add")).task.request.controls == []


def test_one_that_only_fills_takes_no_map(bench: Bench, registry: Registry) -> None:
    found = {addon.id: addon for addon in registry.addons.of("controlnet")}
    assert found["sd3-inpaint"].controls == found["qwen-inpaint"].controls == ("inpaint",)
    assert {"inpaint", "canny"} < set(found["z-image-union-2"].controls)
    assert {"inpaint", "canny"} < set(found[UNION].controls)
    canny = {"type": "canny", "model": "sd3-inpaint"}
    with pytest.raises(BadInput, match="does not take canny maps"):
        bench.job("sd3", **asked(middle(), controls=[canny]))
