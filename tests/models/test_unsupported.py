"""Kinds of models that are known and not supported are refused with what to take instead."""

from __future__ import annotations

import json
from pathlib import Path

import diffusers
import pytest
from tests.models.weight_files import write

from pentimento.core.errors import BadInput
from pentimento.models import catalogue, manage
from pentimento.models.library.registry import Registry
from pentimento.models.tables import architectures, unsupported

PIPELINES = (
    *("DreamLitePipeline", "QwenImageLayeredPipeline", "QwenImage21Pipeline"),
    *("AnimaModularPipeline", "Flux3ModularPipeline", "Flux3DistilledModularPipeline"),
)


@pytest.mark.parametrize("name", PIPELINES)
def test_each_is_a_class_of_diffusers_that_has_words_here(name: str) -> None:
    assert hasattr(diffusers, name)
    assert architectures.of_pipeline(name) is None
    assert unsupported.of_pipeline(name) is not None


@pytest.mark.parametrize("row", unsupported.ROWS, ids=lambda row: row.title)
def test_what_is_to_be_taken_instead_can_be_fetched_and_used(row: unsupported.KnownKind) -> None:
    entry = catalogue.load().get(row.instead)
    assert (entry.role, entry.usable) == ("model", True)
    assert catalogue.load().licence(entry).open, "nobody is sent to a licence with limits"


def test_a_folder_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "layers"
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "QwenImageLayeredPipeline"}')
    problem = Registry(tmp_path, starter=Path("none")).get("layers").problem
    assert problem.startswith("Qwen-Image-Layered is not supported yet")


def test_a_folder_in_blocks_says_so_where_it_is_added(tmp_path: Path) -> None:
    folder = tmp_path / "klein 3"
    folder.mkdir()
    told = {"_class_name": "Flux3ModularPipeline"}
    (folder / "modular_model_index.json").write_text(json.dumps(told))
    with pytest.raises(BadInput, match=r"in blocks\. FLUX\.3 Klein is not supported yet"):
        manage.add(Registry(tmp_path / "data"), folder, None, lambda _: None)


FLUX3 = ("x_embedders.image.weight", "single_stream_modulations.image.linear.weight")
LAYERED = (
    *("img_in.weight", "txt_in.weight", "txt_norm.weight", unsupported.LAYERED),
    *("transformer_blocks.0.img_mod.1.weight", "transformer_blocks.0.attn.add_q_proj.weight"),
)


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model."])
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (FLUX3, "FLUX.3 Klein is not supported yet; take `pentimento models pull flux2-klein-4b`"),
        (LAYERED, "Qwen-Image-Layered is not supported yet; take `pentimento models pull qwen-im"),
    ],
)
def test_a_file_says_so(tmp_path: Path, names: tuple[str, ...], words: str, prefix: str) -> None:
    shapes = {prefix + name: (64, 64) for name in names}
    write(tmp_path / "models" / "new.safetensors", shapes)
    assert words in Registry(tmp_path, starter=Path("none")).get("new").problem
