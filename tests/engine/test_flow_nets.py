"""ControlNets of the rectified-flow families: as diffusers' own pipelines use them, and with our
promises kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.engine.bench import Bench, photo
from tests.engine.test_controls import drawing
from tests.support.tiny_addons import write_transformer_lora
from tests.support.tiny_flow_models import WRITERS
from tests.support.tiny_flow_nets import NETS, deepened, pipeline, write_all
from tests.support.tiny_inpaint_models import write_flux_fill

from pentimento.core.errors import BadInput
from pentimento.engine.architectures import FAMILIES
from pentimento.engine.conditioning.controlnet import (
    Residuals,
    by_ceiling,
    by_share,
    in_turn,
    summed,
)
from pentimento.engine.memory.device import Device
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

SIDE, STEPS, SEED = 64, 4, 7
ASKED: dict[str, Any] = {"mode": "txt2img", "width": SIDE, "height": SIDE, "steps": 2}
ONE_EACH = ("sd3-canny", "flux-union", "qwen-canny", "z-image-union-2")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this file's own: the four families, and all the nets."""
    folder = tmp_path_factory.mktemp("flow-nets")
    for model in sorted({model for model, _, _ in NETS.values()}):
        torch.manual_seed(0)
        deepened(WRITERS[model](folder / "models" / model))
        write_transformer_lora(
            folder / "models" / model, folder / "loras" / f"{model}.safetensors", 1
        )
    write_all(folder / "controlnets")
    return folder


@pytest.fixture(scope="module")
def registry(data_dir: Path) -> Registry:
    return Registry(data_dir)


def control(net: str, **fields: Any) -> dict[str, Any]:
    return {"type": "canny", "image": drawing(), "model": net} | fields


def pixels(bench: Bench, net: str, **wanted: Any) -> np.ndarray:
    """`(h, w, 3)` int, of the net's model."""
    return bench.make(NETS[net][0], **ASKED | wanted).pixels()[..., :3].astype(int)


@pytest.mark.parametrize("net", NETS)
def test_paints_what_diffusers_itself_paints(bench: Bench, data_dir: Path, net: str) -> None:
    """The same noise through diffusers' own ControlNet pipeline of the family."""
    model, kind, _config = NETS[net]
    family = FAMILIES[model]
    pipe = pipeline(data_dir / "models" / model, data_dir / "controlnets" / net, kind)
    channels = pipe.vae.config.get("z_dim") or pipe.vae.config.latent_channels
    shape = (1, channels, SIDE // 8, SIDE // 8)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    words: dict[str, Any] = {"prompt": "a red ball"}
    if model != "flux":
        words["negative_prompt"] = ""
    if model == "sd3":  # its pipeline alone spends the last step on next to nothing
        words["sigmas"] = [1 - step / STEPS for step in range(STEPS)]
    if net == "flux-union":
        words["control_mode"] = 0
    guidance = "true_cfg_scale" if model == "qwen-image" else "guidance_scale"
    wanted = pipe(
        **words,
        **{guidance: 3.5},
        control_image=Image.fromarray(drawing()[..., :3]),
        controlnet_conditioning_scale=1.0,
        latents=family.start(noise),
        num_inference_steps=STEPS,
        width=SIDE,
        height=SIDE,
        output_type="np",
    ).images[0]
    ours = pixels(bench, net, controls=[control(net)], steps=STEPS)
    white = control(net, image=np.full_like(drawing(), 255))
    for other in ([], [white]):
        assert np.abs(ours - pixels(bench, net, controls=other, steps=STEPS)).max() > 3
    assert np.abs(ours - wanted * 255).max() < 0.6  # half of it is rounding


@pytest.mark.parametrize("net", ONE_EACH)
def test_it_steers_in_its_range_and_leaves_no_trace(bench: Bench, net: str) -> None:
    steered = [
        pixels(bench, net, controls=[control(net, **fields)]).tobytes()
        for fields in ({}, {"weight": 0.5}, {"end": 0.5}, {"start": 0.5})
    ]
    plain = pixels(bench, net).tobytes()
    assert len({*steered, plain}) == 5
    assert pixels(bench, net, controls=[control(net, weight=0)]).tobytes() == plain
    assert pixels(bench, net, controls=[control(net, end=0.1)]).tobytes() == plain
    assert pixels(bench, net, controls=[control(net)]).tobytes() == steered[0]


@pytest.mark.parametrize("net", ONE_EACH)
def test_a_fill_with_everything_else_there_is(bench: Bench, net: str) -> None:
    """A soft mask, a LoRA, previews, no guidance: each works as without a control."""
    source, mask = photo(96, 64), np.zeros((64, 96), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 128, 255
    asked: dict[str, Any] = {"mode": "inpaint", "source": source, "mask": mask, "strength": 0.8}
    asked["steps"] = 3
    lora = [{"id": NETS[net][0], "weight": 1.0}]
    made = {
        name: bench.make(NETS[net][0], **dict(asked), controls=[control(net)], **fields)
        for name, fields in {
            "plain": {},
            "lora": {"loras": lora},
            "seen": {"preview": True},
            "unguided": {"guidance": 1.0},
        }.items()
    }
    without = bench.make(NETS[net][0], **dict(asked)).pixels()
    results = {name: one.pixels() for name, one in made.items()}
    for result in results.values():
        assert result[:, :32].tobytes() == source[:, :32].tobytes()
    assert made["seen"].previews
    assert results["seen"].tobytes() == results["plain"].tobytes()
    different = {results[name].tobytes() for name in ("plain", "lora")}
    assert len(different | {without.tobytes()}) == 3
    if NETS[net][0] != "flux":  # whose guidance is an input of the model
        assert results["unguided"].tobytes() != results["plain"].tobytes()


@pytest.mark.parametrize("net", ONE_EACH)
def test_strength_one_is_text_to_image(bench: Bench, net: str) -> None:
    asked = {"mode": "img2img", "source": photo(), "strength": 1.0, "steps": 2}
    painted = bench.make(NETS[net][0], **asked, controls=[control(net)]).pixels()
    assert (painted[..., :3] == pixels(bench, net, controls=[control(net)])).all()


@pytest.mark.parametrize("net", ONE_EACH)
@pytest.mark.parametrize("guidance", [1.0, 3.5])
def test_a_regions_own_words_are_steered_too(bench: Bench, net: str, guidance: float) -> None:
    """A region everywhere is the same as its words for the whole."""
    whole = pixels(bench, net, controls=[control(net)], guidance=guidance, prompt="snow")
    region = {"mask": np.full((SIDE, SIDE), 255, np.uint8), "prompt": "snow"}
    covered = pixels(bench, net, controls=[control(net)], guidance=guidance, regions=[region])
    assert np.abs(whole - covered).max() <= 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sd3-canny", "sd3-large-canny"),
        ("flux-canny", "flux-pixels-canny"),
        ("flux-union", "flux-pixels-canny"),
        ("z-image-union", "z-image-union-2"),
    ],
)
def test_several_add_up(bench: Bench, one: str, other: str) -> None:
    """Of different depth, of different hints: in any order, and two halves are one."""
    alone = pixels(bench, one, controls=[control(one)])
    both = pixels(bench, one, controls=[control(one), control(other)])
    turned = pixels(bench, one, controls=[control(other), control(one)])
    halves = [control(one, weight=0.5), control(one, weight=0.5)]
    assert np.abs(both - alone).max() > 1
    assert np.abs(both - turned).max() <= 1
    assert np.abs(pixels(bench, one, controls=halves) - alone).max() <= 1


def test_an_inpainting_model_is_steered_too(bench: Bench, data_dir: Path) -> None:
    """Nets see its noisy latents alone, without what it sees beside them."""
    write_flux_fill(data_dir / "models" / "flux-fill")
    source, mask = photo(), np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 32:] = 255
    asked = {"mode": "inpaint", "source": source, "mask": mask, "steps": 2}
    made = bench.make("flux-fill", **dict(asked), controls=[control("flux-union")]).pixels()
    assert made[:, :32].tobytes() == source[:, :32].tobytes()
    assert made.tobytes() != bench.make("flux-fill", **dict(asked)).pixels().tobytes()


def test_the_kinds_of_a_union_differ(bench: Bench) -> None:
    kinds = ("canny", "tile", "depth", "openpose")
    made = [
        pixels(bench, "flux-union", controls=[control("flux-union", type=kind)]) for kind in kinds
    ]
    assert len({one.tobytes() for one in made}) == len(kinds)


@pytest.mark.parametrize("net", ["sd3-large-canny", "z-image-union-2"])
@pytest.mark.parametrize("kept", [{"vram": 1}, {"storage": "fp8"}])
def test_what_a_net_shares_with_a_model_that_works_from_ram(
    bench: Bench, registry: Registry, tmp_path: Path, net: str, kept: dict[str, Any]
) -> None:
    (tmp_path / "small").mkdir()
    device = replace(Device(torch.device("cpu"), torch.float32, "cpu"), **kept)
    tight = Bench(Worker(device), registry, tmp_path / "small")
    made = pixels(tight, net, controls=[control(net)])
    wanted = pixels(bench, net, controls=[control(net)])
    assert np.abs(made - wanted).mean() < (25 if "storage" in kept else 1e-9)
    again = tight.make(NETS[net][0], **ASKED, controls=[control(net)])
    assert again.facts["loaded"] == []


def test_a_net_keeps_nothing_of_its_model(registry: Registry, tmp_path: Path) -> None:
    """Z-Image's nets work with parts of the transformer, which are neither theirs to keep nor to be
    counted twice."""
    bench = Bench(Worker(Device(torch.device("cpu"), torch.float32, "cpu")), registry, tmp_path)
    net = "z-image-union-2"
    pixels(bench, net, controls=[control(net), control(net, type="depth")])
    parts = bench.worker._shared.components._parts.values()
    (kept,) = (part for part in parts if net in part.name)
    own = sum(weight.numel() * weight.element_size() for weight in kept.value.parameters())
    assert kept.bytes == own
    assert kept.value.noise_refiner is kept.value.x_pad_token is None
    (denoiser,) = (part.value for part in parts if part.name == "transformer")
    assert not denoiser._forward_pre_hooks


def test_blocks_get_their_residuals_by_the_familys_rule() -> None:
    one = [torch.tensor(float(number)) for number in (1, 2)]
    other = [torch.tensor(float(number)) for number in (10, 20, 30)]

    def found(*several: Residuals) -> list[float]:
        return [float(block) for block in summed(several, 5) or []]

    assert found(Residuals(one, by_ceiling)) == [1, 1, 1, 2, 2]
    assert found(Residuals(one, by_share)) == [1, 1, 1, 2, 2]
    assert found(Residuals(other, by_ceiling)) == [10, 10, 20, 20, 30]
    assert found(Residuals(other, by_share)) == [10, 10, 20, 20, 30]
    assert found(Residuals(one, in_turn)) == [1, 2, 1, 2, 1]
    assert found(Residuals(one, in_turn), Residuals(other, by_ceiling)) == [11, 12, 21, 22, 31]
    assert found(Residuals((), by_ceiling)) == []


def test_what_they_are_for_is_known(registry: Registry) -> None:
    found = {addon.id: addon for addon in registry.addons.list()}
    for net, (model, _kind, _config) in NETS.items():
        assert (found[net].family, found[net].families) == (model, {model})
        fitting = {other.family for other in registry.list() if found[net].fits(other)}
        assert fitting == {model}
    assert found["flux-union"].controls == ("canny", "tile", "depth", "openpose")
    assert found["z-image-union"].controls == ("canny", "softedge", "depth", "openpose")
    assert found["flux-pixels-canny"].controls == ("canny",)
    assert registry.addons.control_for(registry.get("flux"), "openpose").id == "flux-union"


@pytest.mark.parametrize(
    ("model", "fields", "sentence"),
    [
        ("flux", {"model": "sd3-canny"}, r"not made for models like .* \(it is for sd3\)"),
        ("sd3", {"model": "flux-union"}, r"not made for models like .* \(it is for flux\)"),
        ("chroma", {"model": "flux-canny"}, "not made for models like"),
        ("flux", {"model": "flux-union", "type": "seg"}, "does not take seg maps"),
        ("qwen-image", {"model": None, "type": "depth"}, "no depth ControlNet"),
    ],
)
def test_what_cannot_steer_is_refused(
    bench: Bench, data_dir: Path, model: str, fields: dict[str, Any], sentence: str
) -> None:
    if not (data_dir / "models" / model).is_dir():
        WRITERS[model](data_dir / "models" / model)
    with pytest.raises(BadInput, match=sentence):
        bench.job(model, **ASKED, controls=[control("") | fields])


@pytest.mark.parametrize(
    ("net", "changes", "problem"),
    [
        ("sd3-canny", {"extra_conditioning_channels": 2}, "for inpainting"),
        ("flux-canny", {"extra_condition_channels": 4}, "for inpainting"),
        ("flux-union", {"sheet": {"control": "seg"}}, "wrong value for control"),
        ("flux-union", {"_class_name": "HunyuanDiT2DControlNetModel"}, "HunyuanDiT2DControlNet"),
    ],
)
def test_one_that_cannot_be_used_says_why(
    data_dir: Path, tmp_path: Path, net: str, changes: dict[str, Any], problem: str
) -> None:
    folder = tmp_path / "controlnets" / "it"
    folder.mkdir(parents=True)
    for file in (data_dir / "controlnets" / net).iterdir():
        (folder / file.name).symlink_to(file)
    if sheet := changes.pop("sheet", None):
        (folder / "pentimento.json").write_text(json.dumps(sheet))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config | changes))
    found = {addon.path: addon for addon in Registry(tmp_path).addons.list()}[folder]
    assert not found.ok
    assert problem in found.problem
