"""The list of models: what is read from the files, what is refused, and why."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.models.folders import safetensors, write_json, write_model

from pentimento.core.errors import NotFound
from pentimento.models import machine
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry

NO_STARTER = Path("/nonexistent")


@pytest.fixture(autouse=True)
def without_a_card(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PENTIMENTO_DEVICE", "cpu")
    machine.look.cache_clear()
    yield
    machine.look.cache_clear()


def only(tmp_path: Path) -> ModelInfo:
    (info,) = Registry(tmp_path, starter=NO_STARTER).list()
    return info


@pytest.mark.parametrize(
    ("family", "native", "max_pixels"), [("sd15", 512, 589_824), ("sdxl", 1024, 1_835_008)]
)
def test_family_and_sizes_come_from_the_configurations(
    tmp_path: Path, family: str, native: int, max_pixels: int
) -> None:
    write_model(tmp_path / "models" / "mine", family)
    info = only(tmp_path)
    assert info.ok, info.problem
    assert (info.id, info.title, info.family) == ("mine", "mine", family)
    assert (info.native_size, info.multiple, info.min_size) == (native, 16, native // 2)
    assert (info.max_pixels, info.latent_scale) == (max_pixels, 8)
    assert (info.default_steps, info.default_sampler) == (20, "DPM++ 2M Karras")
    assert info.default
    assert info.bytes > 100


def test_few_step_models_bring_their_own_defaults(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "lcm", unet={"time_cond_proj_dim": 256})
    info = only(tmp_path)
    assert (info.default_steps, info.default_guidance, info.default_sampler) == (6, 8.0, "LCM")


def test_the_data_sheet_wins_over_the_guess(tmp_path: Path) -> None:
    sheet = {"title": "Mine", "native_size": 256, "min_size": 128, "multiple": 32, "note": "n"}
    write_model(tmp_path / "models" / "mine", sheet=sheet, scheduler={"prediction_type": "sample"})
    info = only(tmp_path)
    assert (info.title, info.native_size, info.multiple, info.note) == ("Mine", 256, 32, "n")
    assert info.prediction_type == "sample"


def test_the_public_entry_has_the_protocols_fields_and_no_path(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "mine")
    entry = only(tmp_path).answer().model_dump(mode="json")
    assert list(entry) == [
        "id",
        "title",
        "family",
        "native_size",
        "multiple",
        "min_size",
        "max_pixels",
        "default_steps",
        "default_guidance",
        "default_sampler",
        "licence",
        "note",
        "variant",
        "precision",
        "source",
        "bytes",
        "default",
        "ok",
        "problem",
        "modes",
        "strengths",
        "edit_references",
    ]
    assert str(tmp_path) not in json.dumps(entry)


def truncate(folder: Path) -> None:
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def only_pickled(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"PK\x03\x04rest")


def disguised_pickle(folder: Path) -> None:
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(b"PK\x03\x04" + bytes(100))


def not_json(folder: Path) -> None:
    (folder / "unet" / "config.json").write_text("{", "utf-8")


def list_for_object(folder: Path) -> None:
    (folder / "model_index.json").write_text("[]", "utf-8")


def other_family(folder: Path) -> None:
    write_json(folder / "model_index.json", {"_class_name": "PixArtSigmaPipeline"})


def five_channels(folder: Path) -> None:
    write_json(folder / "unet" / "config.json", {"in_channels": 5, "sample_size": 64})


def eight_channels(folder: Path) -> None:
    write_json(folder / "unet" / "config.json", {"in_channels": 8, "sample_size": 64})


def no_vae(folder: Path) -> None:
    for file in (folder / "vae").iterdir():
        file.unlink()
    (folder / "vae").rmdir()


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer" / "vocab.json").unlink()
    (folder / "tokenizer").rmdir()


def missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    write_json(folder / "unet" / "diffusion_pytorch_model.safetensors.index.json", index)


def shard_elsewhere(folder: Path) -> None:
    (folder / "stray.safetensors").write_bytes(safetensors())
    index = {"weight_map": {"a": "../stray.safetensors"}}
    write_json(folder / "unet" / "diffusion_pytorch_model.safetensors.index.json", index)


def wavy_noise(folder: Path) -> None:
    write_json(folder / "scheduler" / "scheduler_config.json", {"beta_schedule": "wavy"})


def packed_encoder(folder: Path) -> None:
    packing = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    write_json(folder / "text_encoder" / "config.json", packing)


def packed_by_another_library(folder: Path) -> None:
    file = folder / "unet" / "config.json"
    told = json.loads(file.read_text("utf-8"))
    write_json(file, told | {"quantization_config": {"quant_method": "torchao"}})


def no_weights_of_the_denoiser(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def impossible_sheet(folder: Path) -> None:
    write_json(folder / "pentimento.json", {"min_size": 100_000})


def sheet_of_strings(folder: Path) -> None:
    write_json(folder / "pentimento.json", {"native_size": "512"})


def linked_weights(folder: Path) -> None:
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    moved = folder.parent.parent / "elsewhere.safetensors"
    file.rename(moved)
    file.symlink_to(moved)


def test_sd2_folders_are_of_their_own_size_and_prediction(tmp_path: Path) -> None:
    unet = {"sample_size": 96, "cross_attention_dim": 1024}
    noise = {"prediction_type": "v_prediction"}
    write_model(tmp_path / "models" / "mine", unet=unet, scheduler=noise)
    info = only(tmp_path)
    assert info.ok, info.problem
    assert (info.native_size, info.context_dim, info.prediction_type) == (
        *(768, 1024),
        "v_prediction",
    )


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncate, "cut short"),
        (only_pickled, "is a pickle, which can run any program"),
        (disguised_pickle, "is a pickle under another name"),
        (not_json, "unet/config.json is not valid JSON"),
        (list_for_object, "model_index.json is not a JSON object"),
        (other_family, "PixArtSigmaPipeline are not supported"),
        (five_channels, "takes 5 channels and its VAE makes 4; models that are given a depth map"),
        (eight_channels, "takes 8 channels"),
        (no_vae, "vae/config.json is missing"),
        (no_tokenizer, "folder tokenizer is missing"),
        (missing_shard, "model-00001-of-00002.safetensors is missing"),
        (shard_elsewhere, "is missing"),
        (wavy_noise, "unknown beta schedule"),
        (packed_encoder, "text_encoder is packed with bitsandbytes, which needs a graphics card"),
        (packed_by_another_library, "unet is packed with torchao, which is not supported"),
        (no_weights_of_the_denoiser, "can be the base of a denoiser's file"),
        (impossible_sheet, "do not fit together"),
        (sheet_of_strings, "wrong value for native_size"),
        (linked_weights, "is a link to a place outside"),
    ],
)
def test_a_damaged_folder_is_listed_with_its_problem(
    tmp_path: Path, damage: Callable[[Path], None], problem: str
) -> None:
    damage(write_model(tmp_path / "models" / "mine"))
    info = only(tmp_path)
    assert not info.ok
    assert not info.default
    assert problem in info.problem
    assert info.problem.endswith(".")
    assert Registry(tmp_path, starter=NO_STARTER).get("mine") == info


def test_a_mended_model_is_ok_at_once(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "mine")
    truncate(folder)
    assert not only(tmp_path).ok
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(safetensors())
    assert only(tmp_path).ok


def test_links_out_of_the_models_folder_are_refused(tmp_path: Path) -> None:
    outside = write_model(tmp_path / "outside")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to(outside)
    info = only(tmp_path)
    assert not info.ok
    assert "outside the models folder" in info.problem


@pytest.mark.parametrize(
    "model_id", ["../outside", "..", "/etc", "models/mine", "", "mine\x00", "MINE", "%2e%2e"]
)
def test_ids_are_names_never_paths(tmp_path: Path, model_id: str) -> None:
    write_model(tmp_path / "models" / "mine")
    write_model(tmp_path / "outside")
    with pytest.raises(NotFound) as caught:
        Registry(tmp_path, starter=NO_STARTER).get(model_id)
    assert caught.value.code == "model_not_found"


def test_folder_names_become_proper_and_unique_ids(tmp_path: Path) -> None:
    for name in ("Dream Shaper 8", "Dream-Shaper-8", "starter", "…"):
        write_model(tmp_path / "models" / name)
    registry = Registry(tmp_path, starter=NO_STARTER)
    ids = [info.id for info in registry.list()]
    assert [registry.get(model_id) for model_id in ids] == registry.list()
    first, second, dots, starter = sorted(ids)
    assert (first, dots[:6], starter[:8]) == ("Dream-Shaper-8", "model-", "starter-")
    assert second.startswith("Dream-Shaper-8-")


def test_the_first_usable_model_is_the_default(tmp_path: Path) -> None:
    truncate(write_model(tmp_path / "starter"))
    write_model(tmp_path / "models" / "mine")
    registry = Registry(tmp_path, starter=tmp_path / "starter")
    assert [(info.id, info.default) for info in registry.list()] == [
        ("starter", False),
        ("mine", True),
    ]
    assert registry.default_id == "mine"
    assert [registry.get(info.id) for info in registry.list()] == registry.list()


def test_without_any_model_the_remedy_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        _ = Registry(tmp_path, starter=NO_STARTER).default_id
    assert "models add" in caught.value.hint


def test_listing_and_planning_load_neither_numpy_nor_torch(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "mine")
    program = (
        "import sys; from pathlib import Path; from pentimento.models import Registry;"
        "from pentimento.jobs.plan import make_plan; from pentimento.schema.plan import *;"
        f"r = Registry(Path({str(tmp_path)!r}));"
        "make_plan(PlanRequest(mode='txt2img', model='mine'), r);"
        "print([m for m in ('numpy', 'torch', 'cv2', 'PIL') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
