"""A denoiser in a file of its own paints with its base what the base's own denoiser paints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench, Outcome
from tests.support.denoiser_files import (
    COMFYUI,
    original,
    weights_of,
    write_denoiser,
    write_gguf,
)
from tests.support.tiny_flow_models import WRITERS

from pentimento.core.errors import JobFailed
from pentimento.engine.loading.sources import DenoiserFile, ModelFolder
from pentimento.engine.memory import offload
from pentimento.engine.worker import Worker
from pentimento.engine_ipc.messages import job_from_json, job_to_json
from pentimento.models.library.registry import Registry
from pentimento.models.tables.architectures import FAMILIES
from pentimento.models.weights import layouts

SIDE = 64
# the conversion of the others from their authors' layout is for their true width alone
AUTHORS = ("sd15", "sdxl", "sd3", "flux2-klein", "flux2-dev", "z-image", "krea2")
HALF_STEP = 2**-4  # of a number with three bits after the first one, relative
Paint = Callable[..., Outcome]


@pytest.fixture
def place(tmp_path: Path, data_dir: Path) -> Path:
    """The models folder of a data folder with the tiny models, where files can be added."""
    place = tmp_path / "data" / "models"
    for file in (data_dir / "models").rglob("*"):
        if file.is_file():
            target = place / file.relative_to(data_dir / "models")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)
    return place


@pytest.fixture
def paint(place: Path, data_dir: Path, worker: Worker, tmp_path: Path) -> Paint:
    (place.parent / "loras").symlink_to(data_dir / "loras")
    bench = Bench(worker, Registry(place.parent), tmp_path)

    def job(model: str, **wanted: Any) -> Outcome:
        asked = {"mode": "txt2img", "width": SIDE, "height": SIDE, "steps": 2, "seed": 7}
        return bench.make(model, **asked | wanted)

    return job


def difference(one: Outcome, other: Outcome) -> int:
    """The largest, in levels of 8 bits."""
    first, second = one.pixels().astype(int), other.pixels().astype(int)
    return int(np.abs(first - second).max())


def read(file: Path, family: str, base: Path) -> Any:
    name = FAMILIES[family].denoiser
    return DenoiserFile(file, family, ModelFolder(base)).read(name, torch.float32)


def assert_same_weights(file: Path, family: str, base: Path) -> None:
    found = read(file, family, base).state_dict()
    wanted = weights_of(base)
    assert found.keys() == wanted.keys()
    for name, weight in wanted.items():
        assert torch.equal(found[name], weight), name


@pytest.mark.parametrize("family", WRITERS)
def test_a_file_paints_what_the_whole_model_paints(place: Path, paint: Paint, family: str) -> None:
    whole = paint(family)
    write_denoiser(place / family, place / "mine.safetensors", family)
    alone = paint("mine")
    assert difference(alone, whole) <= 1  # where weights lie in memory moves the last bits of sums
    assert alone.facts["loaded"] == ["transformer"]  # all else is in memory already
    assert_same_weights(place / "mine.safetensors", family, place / family)


def test_a_base_needs_no_weights_of_its_own_denoiser(place: Path, paint: Paint) -> None:
    write_denoiser(place / "sd3", place / "mine.safetensors", "sd3")
    before = paint("mine")
    next((place / "sd3" / "transformer").glob("*.safetensors")).unlink()
    assert difference(paint("mine"), before) == 0


@pytest.mark.parametrize("prefix", ["", COMFYUI])
@pytest.mark.parametrize("family", AUTHORS)
def test_a_file_in_its_authors_layout_has_the_same_weights(
    place: Path, family: str, prefix: str
) -> None:
    file = write_denoiser(place / family, place / "mine.st", family, "original", prefix)
    assert_same_weights(file, family, place / family)


@pytest.mark.parametrize(
    ("family", "kind"),
    [("flux", diffusers.FluxTransformer2DModel), ("chroma", diffusers.ChromaTransformer2DModel)],
)
def test_flux_and_chroma_in_their_authors_layout_have_the_right_shapes(
    family: str, kind: Any
) -> None:
    """At their true width, without numbers: one block of each type would take gigabytes. Which
    weight goes where shows by the sides that differ."""
    options = {"guidance_embeds": True} if family == "flux" else {}
    with torch.device("meta"):
        model = kind(num_layers=1, num_single_layers=1, **options)
    theirs = original(dict(model.state_dict()), family, Path())
    shapes = {COMFYUI + name: tuple(weight.shape) for name, weight in theirs.items()}
    assert layouts.of_shapes(family, shapes) == layouts.of_config(family, model.config)
    convert = SINGLE_FILE_LOADABLE_CLASSES[kind.__name__]["checkpoint_mapping_fn"]
    found = {name: weight.shape for name, weight in convert(dict(theirs)).items()}
    assert found == {name: weight.shape for name, weight in model.state_dict().items()}


@pytest.mark.parametrize("family", ["sdxl", "qwen-image", "ernie-image"])
def test_a_file_in_diffusers_layout_may_have_comfyuis_prefix(place: Path, family: str) -> None:
    file = write_denoiser(place / family, place / "mine.st", family, "diffusers", COMFYUI)
    assert_same_weights(file, family, place / family)


@pytest.mark.parametrize("family", WRITERS)
def test_gguf_in_full_precision_paints_the_same_and_packed_nearly(
    place: Path, paint: Paint, family: str
) -> None:
    whole, weights = paint(family), weights_of(place / family)
    write_gguf(weights, place / "full.gguf")
    packed = write_gguf(weights, place / "packed.gguf", "Q8_0")
    assert difference(paint("full"), whole) <= 1
    near = paint("packed")
    change = np.abs(near.pixels().astype(float) - whole.pixels()).mean()
    assert 0 < change < 4
    base = ModelFolder(place / family)
    file = DenoiserFile(packed, family, base)
    taken, unpacked = (
        sum(weight.nbytes for weight in model.read("transformer", torch.float32).parameters())
        for model in (file, base)
    )
    assert taken < 0.6 * unpacked
    assert (
        taken <= file.size("transformer", torch.float32) < base.size("transformer", torch.float32)
    )


@pytest.mark.parametrize("family", ["z-image", "sd3", "flux2-klein", "krea2"])
def test_packed_matrices_in_the_authors_layout_are_taken_apart(place: Path, family: str) -> None:
    base = place / family
    theirs = original(weights_of(base), family, base)
    module = read(write_gguf(theirs, place / "mine.gguf", "Q8_0"), family, base)
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    for name, wanted in weights_of(base).items():
        found = dequantize_gguf_tensor(module.state_dict()[name]).float()
        assert torch.allclose(found, wanted, atol=0.01 * float(wanted.abs().max())), name


@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_a_unet_packed_with_its_kernels_is_read(place: Path, layout: str) -> None:
    """Kernels that a converter laid out as matrices, and norms in bfloat16, which layers cannot
    compute with as they are."""
    base = place / "sdxl"
    weights = weights_of(base)
    if layout == "original":
        weights = original(weights, "sdxl", base)
    kernels = [n for n, w in weights.items() if w.ndim == 4 and w.numel() % 32 == 0]
    file = write_gguf(weights, place / "mine.gguf", "Q8_0", reshaped=kernels)
    unet = read(file, "sdxl", base)
    plain = ModelFolder(base).read("unet", torch.float32)
    inputs = {
        "sample": torch.ones(1, 4, 8, 8),
        "timestep": torch.tensor(500),
        "encoder_hidden_states": torch.ones(1, 77, 64),
        "added_cond_kwargs": {"text_embeds": torch.ones(1, 32), "time_ids": torch.ones(1, 6)},
    }
    with torch.inference_mode():
        found, wanted = unet(**inputs).sample, plain(**inputs).sample
    assert 0 < (found - wanted).abs().max() < 0.05 * wanted.abs().max()


@pytest.mark.parametrize("family", ["z-image", "sd3"])
def test_norms_and_biases_in_bfloat16_are_unpacked(place: Path, paint: Paint, family: str) -> None:
    weights = weights_of(place / family)
    file = write_gguf(weights, place / "mine.gguf", "BF16", dimensions=(1, 2))
    module = read(file, family, place / family)
    packed = [name for name, weight in module.named_parameters() if hasattr(weight, "quant_type")]
    assert packed
    assert all(name.endswith(".weight") and weights[name].ndim == 2 for name in packed)
    assert 0 < difference(paint("mine"), paint(family)) < 40


def test_what_is_no_number_in_a_packed_file_is_told(place: Path, paint: Paint) -> None:
    weights = weights_of(place / "z-image")
    weights["layers.0.ffn_norm1.weight"] = torch.full((32,), torch.nan)
    file = write_gguf(weights, place / "mine.gguf", "Q8_0")
    with pytest.raises(JobFailed) as caught:
        paint("mine")
    assert caught.value.details["file"] == str(file)


def test_packed_blocks_can_work_from_main_memory(place: Path) -> None:
    """As they do on cards that are smaller than the denoiser."""
    base = place / "z-image"
    file = write_gguf(weights_of(base), place / "mine.gguf", "Q8_0")
    module = read(file, "z-image", base)
    inputs = ([torch.ones(16, 1, 8, 8)], torch.tensor([0.5]), [torch.ones(5, 16)])
    with torch.inference_mode():
        before = module(*inputs).sample[0]
        offload.by_blocks(module, torch.device("cpu"))
        assert torch.equal(module(*inputs).sample[0], before)


def test_a_lora_on_a_packed_file_works_and_leaves_no_trace(place: Path, paint: Paint) -> None:
    write_gguf(weights_of(place / "z-image"), place / "mine.gguf", "Q8_0")
    before = paint("mine")
    styled = paint("mine", loras=[{"id": "z-image-1", "weight": 1.0}])
    after = paint("mine")
    assert difference(styled, before) > 1
    assert difference(after, before) == 0


def test_the_base_travels_to_the_engine_with_the_job(place: Path, tmp_path: Path) -> None:
    write_denoiser(place / "z-image", place / "mine.safetensors", "z-image")
    job = Bench(Worker(), Registry(place.parent), tmp_path).job("mine")
    assert job.model is not None
    assert job.model.base == place / "z-image"
    assert job_from_json(json.loads(json.dumps(job_to_json(job)))) == job


SCALE_NAMES = (("scale_weight", "scale_input"), ("weight_scale", "input_scale"))


@pytest.mark.parametrize("names", SCALE_NAMES)
@pytest.mark.parametrize("per_row", [False, True])
def test_scaled_eight_bit_weights_are_what_they_were(
    place: Path, names: Sequence[str], per_row: bool
) -> None:
    base = place / "z-image"
    stored: dict[str, torch.Tensor] = {"scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn)}
    for name, weight in weights_of(base).items():
        stored[COMFYUI + name] = weight
        if weight.ndim == 2 and name.endswith(".weight"):
            most = weight.abs().amax(1, keepdim=True) if per_row else weight.abs().max()
            scale = most / 448
            layer = COMFYUI + name.removesuffix(".weight")
            stored[COMFYUI + name] = (weight / scale).to(torch.float8_e4m3fn)
            stored[f"{layer}.{names[0]}"] = scale
            stored[f"{layer}.{names[1]}"] = torch.ones(())
    save_file(stored, place / "mine.st")
    found = read(place / "mine.st", "z-image", base).state_dict()
    for name, wanted in weights_of(base).items():
        assert found[name].dtype == torch.float32
        most = float(wanted.abs().max())
        assert torch.allclose(found[name], wanted, rtol=HALF_STEP, atol=most / 448), name


@pytest.mark.parametrize("family", WRITERS)
def test_plain_eight_bit_weights_are_read_as_what_is_computed_in(place: Path, family: str) -> None:
    base = place / family
    small = {n: w.to(torch.float8_e4m3fn) for n, w in weights_of(base).items()}
    save_file(small, place / "mine.st")
    found = read(place / "mine.st", family, base).state_dict()
    for name, weight in small.items():
        assert torch.equal(found[name], weight.float()), name


def marked_as(kind: str) -> torch.Tensor:
    return torch.tensor(list(json.dumps({"format": kind}).encode()), dtype=torch.uint8)


def without_a_weight(weights: dict[str, torch.Tensor]) -> None:
    del weights["layers.1.attention.to_q.weight"]


def of_another_width(weights: dict[str, torch.Tensor]) -> None:
    weights["layers.1.feed_forward.w1.weight"] = torch.zeros(90, 32)


def packed_otherwise(weights: dict[str, torch.Tensor]) -> None:
    weights["layers.0.attention.to_q.comfy_quant"] = marked_as("nvfp4")


def scaled_in_blocks(weights: dict[str, torch.Tensor]) -> None:
    weights["layers.0.attention.to_q.weight_scale"] = torch.ones(32, 2)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (without_a_weight, "does not fit its base"),
        (of_another_width, "does not fit its base.*w1"),
        (packed_otherwise, "packed as nvfp4"),
        (scaled_in_blocks, "scaled in blocks"),
    ],
)
def test_a_file_that_does_not_fit_fails_in_words(
    place: Path, damage: Callable[[dict[str, torch.Tensor]], None], problem: str
) -> None:
    file = write_denoiser(place / "z-image", place / "mine.st", "z-image")
    weights = load_file(file)
    damage(weights)
    save_file(weights, file)
    with pytest.raises(JobFailed, match=problem) as caught:
        read(file, "z-image", place / "z-image")
    assert caught.value.code == "model_damaged"


def test_the_fingerprint_is_the_files_and_the_bases(place: Path) -> None:
    base = ModelFolder(place / "z-image")
    weights = weights_of(place / "z-image")
    save_file(weights, place / "one.st")
    save_file({name: weight + 1 for name, weight in weights.items()}, place / "two.st")
    other = ModelFolder(place / "sd3")
    told = [
        DenoiserFile(place / name, "z-image", model).fingerprint()
        for name, model in (("one.st", base), ("two.st", base), ("one.st", other))
    ]
    assert len({base.fingerprint(), *told}) == 4
    assert told[0] == DenoiserFile(place / "one.st", "z-image", base).fingerprint()
