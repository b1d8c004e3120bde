"""Damaged models, full disks and impossible pictures end as sentences."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench, photo

from pentimento.core.errors import BadInput, JobFailed
from pentimento.engine_ipc.messages import EngineJob

UNET = "unet/diffusion_pytorch_model.safetensors"


def cut(folder: Path) -> str:
    file = folder / UNET
    file.write_bytes(file.read_bytes()[:-1000])
    return "diffusion_pytorch_model.safetensors"


def lose_a_weight(folder: Path) -> str:
    weights = load_file(folder / UNET)
    del weights["conv_in.weight"]
    save_file(weights, folder / UNET, metadata={"format": "pt"})
    return "conv_in.weight"


def reshape_a_weight(folder: Path) -> str:
    weights = load_file(folder / UNET)
    weights["conv_in.weight"] = weights["conv_in.weight"][:, :2].contiguous()
    save_file(weights, folder / UNET, metadata={"format": "pt"})
    return "unet"


def spoil_values(folder: Path) -> str:
    weights = load_file(folder / UNET)
    weights["conv_out.weight"][:] = float("nan")
    save_file(weights, folder / UNET, metadata={"format": "pt"})
    return "unet"


def spoil_json(folder: Path) -> str:
    (folder / "vae" / "config.json").write_text("{")
    return "vae/config.json"


def lose_tokenizer_words(folder: Path) -> str:
    for file in (folder / "tokenizer").iterdir():
        file.write_text("{}")
    return "tokenizer"


def lose_a_folder(folder: Path) -> str:
    shutil.rmtree(folder / "text_encoder")
    return "text_encoder"


def turn_into_pickle(folder: Path) -> str:
    (folder / UNET).rename((folder / UNET).with_suffix(".bin"))
    return "diffusion_pytorch_model.bin"


def name_a_foreign_class(folder: Path) -> str:
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["evil_module", "EvilModel"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return "model_index.json"


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lose_a_weight,
        reshape_a_weight,
        spoil_values,
        spoil_json,
        lose_tokenizer_words,
        lose_a_folder,
        turn_into_pickle,
        name_a_foreign_class,
    ],
)
def test_a_damaged_model_is_named(
    bench: Bench, data_dir: Path, tmp_path: Path, damage: Callable[[Path], str]
) -> None:
    """The folder is damaged after the registry has looked at it, as it may be in life."""
    folder = data_dir / "models" / f"damaged-{damage.__name__}"
    shutil.copytree(data_dir / "models" / "sd15", folder)
    job = bench.job(folder.name)
    part = damage(folder)
    with pytest.raises(JobFailed) as failed:
        bench.run(job)
    assert failed.value.code == "model_damaged"
    assert part in failed.value.message
    assert str(folder) in failed.value.details["file"]
    assert failed.value.hint
    assert len(bench.make("sd15").images) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_a_sentence_and_leaves_nothing(bench: Bench) -> None:
    job = bench.job()
    job.task.output_dir.mkdir()
    (job.task.output_dir / "0.raw.part").symlink_to("/dev/full")
    with pytest.raises(JobFailed) as failed:
        bench.run(job)
    assert failed.value.code == "disk_full"
    assert list(job.task.output_dir.iterdir()) == []


def test_a_damaged_source_is_bad_input(bench: Bench) -> None:
    job: EngineJob = bench.job(mode="img2img", source=photo())
    (file,) = job.task.inputs.values()
    file.path.write_bytes(b"short")
    with pytest.raises(BadInput) as failed:
        bench.run(job)
    assert failed.value.code == "bad_image"


def test_a_surprise_is_reported_without_its_trace(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job = bench.job()
    job.task.output_dir.write_text("a file where a folder should be")
    with pytest.raises(JobFailed) as failed:
        bench.run(job)
    assert failed.value.code == "internal"
    assert "Traceback" not in failed.value.message
    assert any(record.exc_info for record in caplog.records)
