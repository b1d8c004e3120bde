"""Editing by instruction: which models can, what a job may bring, and what is said before it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.models.folders import safetensors, write_json, write_model

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Size
from pentimento.imaging.edit_sizes import at_most_one_megapixel
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library.registry import Registry
from pentimento.models.tables import architectures
from pentimento.schema.job import JobRequest
from pentimento.schema.plan import Plan, PlanRequest

CANVAS = {"width": 1920, "height": 1080}
SELECTION = {"x": 900, "y": 500, "width": 50, "height": 50}
BLOB = {"blob": "0" * 64}
INSTRUCTION = {"mode": "edit", "source": BLOB, "prompt": "make it winter"}


def write_flow_model(folder: Path, pipeline: str, channels: int, vae: dict[str, Any]) -> None:
    """A folder with true configurations and empty weights."""
    family = architectures.of_pipeline(pipeline)
    assert family
    write_json(folder / "model_index.json", {"_class_name": pipeline})
    transformer = {"in_channels": channels, "num_attention_heads": 2, "attention_head_dim": 16}
    write_json(folder / "transformer" / "config.json", transformer)
    write_json(folder / "vae" / "config.json", vae)
    write_json(folder / "scheduler" / "scheduler_config.json", {"shift": 3.0})
    for name in ("transformer", "vae", *family.encoders):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "model.safetensors").write_bytes(safetensors())
    for name in family.encoders:
        write_json(folder / name / "config.json", {})
    for name in (*family.tokenizers, "processor"):
        write_json(folder / name / "vocab.json", {})


KL = {"block_out_channels": [8] * 4, "latent_channels": 4}


@pytest.fixture
def models(tmp_path: Path) -> Path:
    write_model(tmp_path / "models" / "a-painter")
    return tmp_path / "models"


QWEN = {"temperal_downsample": [False, True, True], "z_dim": 4}
EDITORS = {  # pipeline -> its VAE, references that it takes, guidance
    "FluxKontextPipeline": (KL, 0, 2.5),
    "QwenImageEditPipeline": (QWEN, 0, 4.0),
    "QwenImageEditPlusPipeline": (QWEN, 4, 4.0),
    "Flux2KleinPipeline": (KL, 4, 4.0),
}


@pytest.fixture
def registry(models: Path) -> Registry:
    write_flow_model(models / "klein", "Flux2KleinPipeline", 16, KL)
    return Registry(models.parent, starter=models / "none")


def plan(registry: Registry, **request: Any) -> Plan:
    return make_plan(PlanRequest(**request), registry)


def test_models_tell_what_they_can(registry: Registry) -> None:
    told = {model.id: model.answer().model_dump(mode="json") for model in registry.list()}
    painting = ["txt2img", "img2img", "inpaint"]
    assert told["a-painter"]["modes"] == painting
    assert told["a-painter"]["edit_references"] == 0
    assert told["klein"]["modes"] == [*painting, "edit"]
    assert told["klein"]["edit_references"] == 4
    assert "editing" not in told["klein"]


@pytest.mark.parametrize("pipeline", EDITORS)
def test_every_pipeline_that_edits_is_known(models: Path, pipeline: str) -> None:
    vae, references, guidance = EDITORS[pipeline]
    write_flow_model(models / "editor", pipeline, 16, vae)
    told = Registry(models.parent, starter=models / "none").get("editor")
    assert told.ok, told.problem
    assert "edit" in told.modes
    assert (told.edit_references, told.default_guidance) == (references, guidance)


def test_what_sees_words_and_pictures_needs_its_processor(models: Path) -> None:
    folder = models / "editor"
    write_flow_model(folder, "QwenImageEditPipeline", 16, QWEN)
    shutil.rmtree(folder / "processor")
    told = Registry(models.parent, starter=models / "none").get("editor")
    assert told.problem == "The folder processor is missing."


def test_a_result_is_about_as_large_as_its_source_was_read(models: Path) -> None:
    """Kontext reads it at a megapixel; other modes may have more."""
    write_flow_model(models / "kontext", "FluxKontextPipeline", 16, KL)
    registry = Registry(models.parent, starter=models / "none")
    found = plan(registry, mode="edit", source=CANVAS)
    assert (found.generation.width, found.generation.height) == (1360, 768)
    others = {"model": "kontext", "source": CANVAS, "strength": 1}
    assert plan(registry, mode="img2img", **others).generation.width == 1792
    error = refused(registry, references=[{"image": BLOB}])
    assert error.message == "kontext takes no picture besides the source."


def test_the_plan_is_that_of_a_picture_from_noise(registry: Registry) -> None:
    found = plan(registry, mode="edit", source=CANVAS, strength=0.2, steps=9, count=2)
    assert found.model == "klein"
    assert found.sentence == "Edit the picture as told: 1792 × 1008 px, 9 steps, 2 pictures"
    assert (found.strength, found.steps_run, found.start_noise) == (1.0, 9, 1.0)
    assert found.box.model_dump() == {"x": 0, "y": 0} | CANVAS
    painted = plan(registry, mode="img2img", source=CANVAS, model="klein", strength=1.0)
    assert (found.memory_mb or 0) > (painted.memory_mb or 0) > 0


def test_a_selection_is_edited_with_its_surroundings(registry: Registry) -> None:
    request = {"source": CANVAS, "canvas": CANVAS, "selection": SELECTION}
    found = plan(registry, mode="edit", **request)
    assert found.box == plan(registry, mode="inpaint", model="klein", **request).box
    assert found.box.width < CANVAS["width"]


def test_speed_is_kept_apart_from_that_of_painting(registry: Registry) -> None:
    asked = []
    make_plan(
        PlanRequest(mode="edit", source=CANVAS),
        registry,
        lambda model, size, steps: asked.append(model),
    )
    assert asked == ["klein edit"]


def test_resolve_leaves_nothing_open(registry: Registry) -> None:
    references = [{"image": BLOB}, {"image": BLOB, "weight": 0}]
    request = JobRequest(**INSTRUCTION, strength=0.3, references=references)
    found = resolve(request, registry, Size(30, 40))
    assert (found.model, found.strength, found.steps) == ("klein", 1.0, 28)
    assert (found.color_match, found.alpha) == (False, "source")
    assert [reference.weight for reference in found.references] == [1.0]
    assert resolve(JobRequest(**found.compact()), registry, Size(30, 40)) == found


def refused(registry: Registry, **request: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        resolve(JobRequest(**INSTRUCTION | request), registry, Size(30, 40))
    return caught.value


def test_a_model_that_cannot_edit_names_those_that_can(registry: Registry) -> None:
    error = refused(registry, model="a-painter")
    assert (error.code, error.details["models"]) == ("cannot_edit", ["klein"])
    assert error.hint == "Choose klein."
    with pytest.raises(BadInput) as caught:
        plan(registry, mode="edit", source=CANVAS, model="a-painter")
    assert caught.value.code == "cannot_edit"


def test_without_a_model_that_can_the_error_says_which_to_get(models: Path) -> None:
    error = refused(Registry(models.parent, starter=models / "none"))
    assert (error.code, error.details["models"]) == ("cannot_edit", [])
    assert "models pull flux2-klein-4b" in error.hint


@pytest.mark.parametrize(
    "reference",
    [{"kind": "style"}, {"start": 0.5}, {"end": 0.5}, {"model": "adapter"}, {"weight": 0.5}],
)
def test_a_reference_is_read_as_it_is(registry: Registry, reference: dict[str, Any]) -> None:
    error = refused(registry, references=[{"image": BLOB} | reference])
    assert error.code == "unsupported"
    assert error.details["fields"][0]["field"] == f"references.0.{next(iter(reference))}"


@pytest.mark.parametrize(
    "request_",
    [
        {"mode": "edit", "prompt": "x"},
        {"mode": "edit", "source": BLOB},
        {"mode": "edit", "source": BLOB, "prompt": "  "},
        {"mode": "edit", "source": BLOB, "prompt": "x", "width": 64},
    ],
)
def test_an_edit_needs_a_picture_and_words_and_has_its_size(request_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobRequest(**request_)


@pytest.mark.parametrize(
    ("size", "read_at"),
    [
        (Size(64, 96), Size(64, 96)),
        (Size(1000, 700), Size(992, 688)),
        (Size(1024, 1024), Size(1024, 1024)),
        (Size(4000, 3000), Size(1168, 880)),
        (Size(3, 900), Size(16, 896)),
    ],
)
def test_klein_reads_pictures_of_up_to_a_megapixel(size: Size, read_at: Size) -> None:
    assert at_most_one_megapixel(size) == read_at
