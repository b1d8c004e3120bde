"""Models and LoRAs for few steps are known by what their files say, then by their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.models import weight_files
from tests.models.folders import write_json, write_model
from tests.models.test_checkpoint import SDXL, write

from pentimento.core.errors import BadInput, NotFound
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library.registry import Registry
from pentimento.models.tables import few_step
from pentimento.models.tables.architectures import FAMILIES
from pentimento.schema.job import SAMPLERS, JobRequest
from pentimento.schema.plan import Plan, PlanRequest

UP, DOWN = "lora_up.weight", "lora_down.weight"
CROSS = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"


def lora(file: Path, context: int = 768, **metadata: str) -> Path:
    shapes = {f"{CROSS}.{DOWN}": [4, context], f"{CROSS}.{UP}": [640, 4]}
    return weight_files.write(file, shapes, **metadata)


# kind, family, name -> sampler, steps, guidance, grid, weight; None where it is not known
NAMES = [
    ("lora", "sd15", "lcm-lora-sdv1-5", ("LCM", 6, 1.5, None, 1)),
    ("lora", "sd15", "sd15-lcm", ("LCM", 6, 1.5, None, 1)),
    ("lora", "sdxl", "LCM_LoRA_Weights_SDXL", ("LCM", 6, 1.5, None, 1)),
    ("model", "sd15", "DreamShaper_8_LCM", ("LCM", 6, 1.5, None, 1)),
    ("lora", "sdxl", "sdxl_lightning_4step_lora", ("Euler", 4, 1.0, 4, 1)),
    ("lora", "sdxl", "sdxl-lightning-8step", ("Euler", 8, 1.0, 8, 1)),
    ("lora", "sdxl", "SDXL-Lightning-2steps", ("Euler", 2, 1.0, 2, 1)),
    ("model", "sdxl", "sdxl_lightning_4step", ("Euler", 4, 1.0, 4, 1)),
    ("model", "sdxl", "juggernautXL_v9Rdphoto2Lightning", ("Euler", 4, 1.0, 4, 1)),
    ("model", "sdxl", "dreamshaperXL_lightningDPMSDE", ("Euler", 4, 1.0, 4, 1)),
    ("lora", "sdxl", "Hyper-SDXL-8steps-lora", ("Euler", 8, 1.0, 8, 1)),
    ("lora", "sd15", "Hyper-SD15-4steps-lora", ("Euler", 4, 1.0, 4, 1)),
    ("lora", "sd15", "hyper_sd15", ("Euler", 8, 1.0, 8, 1)),
    ("lora", "sdxl", "Hyper-SDXL-12steps-CFG-lora", ("Euler", 12, 5.0, 12, 1)),
    ("lora", "flux", "Hyper-FLUX.1-dev-16steps-lora", ("Euler", 16, 3.5, None, 0.125)),
    ("lora", "flux", "Hyper-FLUX.1-dev-8steps-lora", ("Euler", 8, 3.5, None, 0.125)),
    ("lora", "sd3", "Hyper-SD3-8steps-CFG-lora", ("Euler", 8, 5.0, None, 0.125)),
    ("lora", "flux", "FLUX.1-Turbo-Alpha", ("Euler", 8, 3.5, None, 1)),
    ("lora", "sdxl", "dmd2_sdxl_4step_lora_fp16", ("LCM", 4, 1.0, 4, 1)),
    ("model", "sdxl", "someXL_dmd2", ("LCM", 4, 1.0, 4, 1)),
    ("model", "sdxl", "sd_xl_turbo_1.0_fp16", ("Euler a", 4, 1.0, 4, 1)),
    ("model", "sdxl", "stabilityai/sdxl-turbo", ("Euler a", 4, 1.0, 4, 1)),
    ("model", "sdxl", "DreamShaperXL_Turbo_v2", ("Euler a", 6, 2.0, None, 1)),
    ("model", "sd3", "stable-diffusion-3.5-large-turbo", ("Euler", 4, 1.0, 4, 1)),
    ("model", "ernie-image", "ERNIE-Image-Turbo", ("Euler", 8, 1.0, None, 1)),
    ("model", "krea2", "krea2_turbo_fp8_scaled", ("Euler", 8, 1.0, None, 1)),
    ("model", "longcat-image", "LongCat-Image-Edit-Turbo", ("Euler", 8, 1.0, None, 1)),
    ("lora", "qwen-image", "Qwen-Image-Lightning-4steps-V1.0", ("Euler", 4, 1.0, 4, 1)),
    ("lora", "qwen-image", "Qwen-Image-Edit-2509-Lightning-8steps", ("Euler", 8, 1.0, 8, 1)),
    ("lora", "sdxl", "Lightning_Bolts_XL", None),
    ("lora", "sdxl", "turbo_car", None),
    ("model", "sdxl", "hyper_realistic_xl", None),
    ("model", "sd15", "20 steps to heaven", None),
    ("lora", "flux", "lcm-lora-sdv1-5", None),
    ("model", "sdxl", "filcm", None),
    ("model", "sd15", "stable-diffusion-v1-5", None),
]


@pytest.mark.parametrize(("kind", "family", "name", "expected"), NAMES, ids=lambda v: str(v)[:40])
def test_names_tell(
    kind: few_step.Kind, family: str, name: str, expected: tuple[Any, ...] | None
) -> None:
    found = few_step.named(kind, [family], [name])
    told = found and (
        found.sampler,
        found.steps,
        found.guidance,
        found.spacing.grid,
        found.weight,
    )
    assert told == expected
    if found:
        assert found.sampler in FAMILIES[family].samplers


def test_every_row_has_a_sampler_and_a_family_there_are() -> None:
    for row in few_step.ROWS:
        assert row.sampler in SAMPLERS
        assert set(row.families) <= set(FAMILIES) | {"sd2"}


def test_qwens_lightning_brings_the_shift_it_was_distilled_with() -> None:
    found = few_step.named("lora", ["qwen-image"], ["Qwen-Image-Lightning-4steps"])
    assert found
    assert found.spacing.shift == 3.0


@pytest.mark.parametrize(
    ("unet", "scheduler", "expected"),
    [
        ({"time_cond_proj_dim": 256}, {}, ("LCM", 6, 8.0)),
        ({}, {"_class_name": "LCMScheduler"}, ("LCM", 6, 1.5)),
        ({}, {}, ("DPM++ 2M Karras", 20, 7.0)),
    ],
)
def test_configurations_tell(
    tmp_path: Path, unet: dict[str, Any], scheduler: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    write_model(tmp_path / "models" / "mine", unet=unet, scheduler=scheduler)
    info = Registry(tmp_path, starter=tmp_path).get("mine")
    assert (info.default_sampler, info.default_steps, info.default_guidance) == expected


def test_where_a_folder_came_from_tells_and_its_data_sheet_wins(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "mine", "sdxl")
    write_json(
        folder / "model_index.json",
        {"_class_name": "StableDiffusionXLPipeline", "_name_or_path": "stabilityai/sdxl-turbo"},
    )
    registry = Registry(tmp_path, starter=tmp_path)
    info = registry.get("mine")
    assert (info.default_sampler, info.default_steps, info.default_guidance) == ("Euler a", 4, 1.0)
    write_json(folder / "pentimento.json", {"default_steps": 3, "default_sampler": "LCM"})
    info = registry.get("mine")
    assert (info.default_sampler, info.default_steps, info.default_guidance) == ("LCM", 3, 1.0)


@pytest.mark.parametrize(
    ("file", "title"), [("sd_xl_turbo_1.0.safetensors", ""), ("mine.safetensors", "SDXL Turbo")]
)
def test_checkpoints_in_one_file_tell_too(tmp_path: Path, file: str, title: str) -> None:
    if title:
        weight_files.write(tmp_path / "models" / file, SDXL, **{"modelspec.title": title})
    else:
        write(tmp_path / "models" / file, SDXL)
    (info,) = Registry(tmp_path, starter=tmp_path).list()
    assert (info.ok, info.default_steps, info.default_sampler) == (True, 4, "Euler a")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    write_model(tmp_path / "models" / "mine", unet={"cross_attention_dim": 768})
    lora(tmp_path / "loras" / "sd15-lcm.safetensors")
    lora(tmp_path / "loras" / "style.safetensors")
    lora(tmp_path / "loras" / "titled.safetensors", **{"modelspec.title": "Hyper-SD15 2steps"})
    lora(tmp_path / "loras" / "own.safetensors")
    write_json(
        tmp_path / "loras" / "own.pentimento.json",
        {"default_steps": 5, "default_guidance": 2},
    )
    lora(tmp_path / "loras" / "other.safetensors", 2048)
    return Registry(tmp_path, starter=tmp_path / "none")


def plan(registry: Registry, *loras: tuple[str, float], **asked: Any) -> Plan:
    chosen = [{"id": name, "weight": weight} for name, weight in loras]
    return make_plan(PlanRequest(mode="txt2img", loras=chosen, **asked), registry)


@pytest.mark.parametrize(
    ("loras", "expected"),
    [
        ([], ("DPM++ 2M Karras", 20, 7.0)),
        ([("style", 1.0)], ("DPM++ 2M Karras", 20, 7.0)),
        ([("style", 1.0), ("sd15-lcm", 1.0)], ("LCM", 6, 1.5)),
        ([("sd15-lcm", 0.0)], ("DPM++ 2M Karras", 20, 7.0)),
        ([("titled", 0.7)], ("Euler", 2, 1.0)),
        ([("own", 1.0)], ("Euler", 5, 2.0)),
    ],
)
def test_what_a_job_leaves_open_is_as_its_loras_want(
    registry: Registry, loras: list[tuple[str, float]], expected: tuple[Any, ...]
) -> None:
    told = plan(registry, *loras)
    assert (told.sampler, told.steps, told.guidance) == expected
    asked = JobRequest(prompt="x", loras=[{"id": name, "weight": w} for name, w in loras])
    made = resolve(asked, registry, None)
    assert (made.sampler, made.steps, made.guidance) == expected
    assert resolve(JobRequest(**made.compact()), registry, None) == made


def test_what_a_job_asks_for_counts_whatever_its_loras_want(registry: Registry) -> None:
    told = plan(registry, ("sd15-lcm", 1.0), steps=30, guidance=9.0, sampler="Euler")
    assert (told.sampler, told.steps, told.guidance) == ("Euler", 30, 9.0)
    only_steps = plan(registry, ("sd15-lcm", 1.0), steps=3)
    assert (only_steps.sampler, only_steps.steps, only_steps.guidance) == ("LCM", 3, 1.5)


def test_plans_refuse_loras_that_a_job_would_refuse(registry: Registry) -> None:
    with pytest.raises(BadInput, match="not made for models like"):
        plan(registry, ("other", 1.0))
    with pytest.raises(NotFound, match="no LoRA called"):
        plan(registry, ("nobody", 1.0))


def test_the_list_of_loras_tells_what_they_want(registry: Registry) -> None:
    listed = {addon.id: addon.answer([]).model_dump() for addon in registry.addons.list()}
    assert listed["sd15-lcm"]["suggests"] == {
        "sampler": "LCM",
        "steps": 6,
        "guidance": 1.5,
        "weight": 1.0,
    }
    assert listed["style"]["suggests"] is None
    json.dumps(listed)


def test_live_painting_takes_what_a_data_sheet_says(registry: Registry, tmp_path: Path) -> None:
    addons = registry.addons
    assert not addons.get("lora", "own").live
    write_json(tmp_path / "loras" / "own.pentimento.json", {"live": True, "default_steps": 5})
    own = addons.get("lora", "own")
    assert own.suggests
    assert (own.live, own.suggests.steps) == (True, 5)
    assert own.answer([]).model_dump()["live"] is True
    write_json(tmp_path / "loras" / "own.pentimento.json", {"live": "yes"})
    assert "live" in addons.get("lora", "own").problem


def test_a_wrong_data_sheet_is_told_of(registry: Registry, tmp_path: Path) -> None:
    write_json(tmp_path / "loras" / "own.pentimento.json", {"default_steps": "many"})
    found = registry.addons.get("lora", "own")
    assert not found.ok
    assert "default_steps" in found.problem
