"""Embeddings at work: the vectors are read in the words' place, and nothing of them remains."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.engine.bench import Bench

from pentimento.core.errors import JobFailed
from pentimento.engine.conditioning.prompt_weighting import LAST, Reader, chunks
from pentimento.engine_ipc.messages import job_from_json, job_to_json
from pentimento.prompts.syntax import parse_weights

MODELS = ("sd15", "sdxl")
WIDTH = 32  # of each of the tiny models' encoders
SIZE = {"mode": "txt2img", "width": 64, "height": 64, "steps": 2}
ENCODERS = {"sd15": ["text_encoder"], "sdxl": ["text_encoder", "text_encoder_2"]}


@pytest.fixture(scope="module")
def vectors() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return {name: torch.randn(3, WIDTH) for name in ("emb_params", "clip_l", "clip_g")}


@pytest.fixture(autouse=True)
def embeddings(data_dir: Path, vectors: dict[str, torch.Tensor]) -> Iterator[Path]:
    """The same name for both kinds of models, in two folders."""
    own = data_dir / "embeddings"
    own.mkdir()
    save_file({"emb_params": vectors["emb_params"]}, own / "Shiny-1.safetensors")
    save_file({"<one>": vectors["emb_params"][0].half()}, own / "single.safetensors")
    save_file({"emb_params": torch.randn(100, WIDTH)}, own / "long.safetensors")
    pair = {name: vectors[name] for name in ("clip_l", "clip_g")}
    save_file(pair, own / "Shiny-xl.safetensors")
    yield own
    for file in own.iterdir():
        file.unlink()
    own.rmdir()


def name_for(model: str) -> str:
    return {"sd15": "shiny-1", "sdxl": "shiny-xl"}[model]


def part(bench: Bench, model: str, name: str) -> Any:
    bench.make(model, **SIZE)
    parts = reversed(bench.worker._shared.components._parts.values())
    return next(part.value for part in parts if part.name == name)


def read_by_hand(
    bench: Bench, model: str, vectors: dict[str, torch.Tensor], before: str, after: str
) -> torch.Tensor:
    """The words' states with the vectors between both texts, by the encoder's own layers."""
    kinds = ["emb_params"] if model == "sd15" else ["clip_l", "clip_g"]
    found = []
    for number, (name, kind) in enumerate(zip(ENCODERS[model], kinds, strict=True)):
        encoder = part(bench, model, name)
        tokenizer = part(bench, model, f"tokenizer{'_2' if number else ''}")
        first, second = (
            tokenizer(text, add_special_tokens=False).input_ids for text in (before, after)
        )
        row = [tokenizer.bos_token_id, *first, 1, 1, 1, *second, tokenizer.eos_token_id]
        row += [tokenizer.pad_token_id] * (77 - len(row))
        table = encoder.get_input_embeddings()
        words = table(torch.tensor([row]))
        words[0, 1 + len(first) : 4 + len(first)] = vectors[kind]
        hook = table.register_forward_hook(lambda *_, words=words: words)
        with torch.inference_mode():
            answer = encoder(torch.tensor([row]), output_hidden_states=True)
        hook.remove()
        found.append(answer.last_hidden_state if model == "sd15" else answer.hidden_states[-2])
    return torch.cat(found, dim=-1)


def embedded(bench: Bench, model: str, prompt: str) -> torch.Tensor:
    """What the engine reads of a prompt, and the denoiser gets."""
    seen: list[torch.Tensor] = []

    def look(_module: Any, _args: Any, given: dict[str, Any]) -> None:
        seen.append(given["encoder_hidden_states"].detach().clone())

    denoiser = part(bench, model, "unet")
    hook = denoiser.register_forward_pre_hook(look, with_kwargs=True)
    try:
        bench.make(model, prompt=prompt, guidance=1.0, **SIZE)
    finally:
        hook.remove()
    return seen[0]


@pytest.mark.parametrize("model", MODELS)
def test_the_vectors_are_read_where_the_word_stands(
    bench: Bench, model: str, vectors: dict[str, torch.Tensor]
) -> None:
    found = embedded(bench, model, f"a ball, {name_for(model)} in a box")
    expected = read_by_hand(bench, model, vectors, "a ball, ", " in a box")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_nothing_remains_of_them(bench: Bench, model: str) -> None:
    """The same bytes before and after, and the same weights and words in the encoders."""
    name = name_for(model)
    encoders = [part(bench, model, encoder) for encoder in ENCODERS[model]]
    weights = [encoder.get_input_embeddings().weight.clone() for encoder in encoders]
    before = bench.make(model, prompt="a ball", negative_prompt="red", **SIZE).pixels()
    used = bench.make(model, prompt=f"a ball {name}", negative_prompt="red", **SIZE).pixels()
    unwanted = bench.make(model, prompt="a ball", negative_prompt=name, **SIZE).pixels()
    bench.worker._shared.prompts._kept.clear()
    after = bench.make(model, prompt="a ball", negative_prompt="red", **SIZE).pixels()
    assert before.tobytes() == after.tobytes()
    assert len({picture.tobytes() for picture in (before, used, unwanted)}) == 3
    for encoder, weight in zip(encoders, weights, strict=True):
        table = encoder.get_input_embeddings()
        assert torch.equal(table.weight, weight)
        assert not table._forward_hooks


@pytest.mark.parametrize("model", MODELS)
def test_all_ways_to_name_one_are_the_same(bench: Bench, model: str) -> None:
    name = name_for(model)
    made = [
        bench.make(model, prompt=prompt, **SIZE).pixels().tobytes()
        for prompt in (
            f"a ball {name}",
            f"a ball {name.upper()}",
            f"a ball embedding:{name}",
            f"a ball embedding:{name}.safetensors",
            f"a ball ({name}:1)",
            f"a ball (embedding:{name}:1.0)",
            f"a ball {{{name}|{name}}}",
        )
    ]
    assert len(set(made)) == 1


@pytest.mark.parametrize("model", MODELS)
def test_weights_long_prompts_and_regions_have_them_too(bench: Bench, model: str) -> None:
    name = name_for(model)
    long = "a ball and " * 20
    asked = [f"a {name}", f"a ({name}:1.4)", f"{long} a ball", f"{long} {name}", f"a BREAK {name}"]
    made = [bench.make(model, prompt=prompt, **SIZE).pixels().tobytes() for prompt in asked]
    mask = np.full((64, 64), 255, np.uint8)
    for prompt in ("a ball", f"a {name}"):
        region = {"mask": mask, "prompt": prompt}
        there = bench.make(model, prompt="a ball", regions=[region], **SIZE)
        made.append(there.pixels().tobytes())
    assert made[-1] == made[0], "a region that is everywhere is the prompt of the whole"
    assert len(set(made)) == len(made) - 1


def test_vectors_of_one_embedding_are_not_parted(bench: Bench) -> None:
    """Where no room is left for all of them a new chunk begins, unless no chunk has so much."""
    model = "sd15"
    tokenizer, encoder = part(bench, model, "tokenizer"), part(bench, model, "text_encoder")
    reader = Reader(
        encoder, tokenizer, LAST, {"it": torch.zeros(3, WIDTH), "long": torch.zeros(100, WIDTH)}
    )
    places = []
    for prompt in ("a" * 72 + " it", "a" * 73 + " it", "long b"):
        found = chunks(reader, parse_weights(prompt))
        places.append([sum(token.vector is not None for token in chunk.tokens) for chunk in found])
    assert places == [[3], [0, 3], [75, 25]]


def test_one_of_another_width_is_a_word_and_told_of(bench: Bench) -> None:
    made = bench.make("sdxl", prompt="a ball shiny-1", **SIZE)
    (told,) = made.facts["notices"]
    assert told["code"] == "embedding_unused"
    assert told["params"]["name"] == "Shiny-1"
    assert made.images[0].facts["notices"] == [told]
    flow = bench.make("flux", prompt="a ball shiny-1", **SIZE)
    assert "CLIP" in flow.facts["notices"][0]["message"]


def test_a_changed_file_is_read_again(bench: Bench, embeddings: Path) -> None:
    first = bench.make(prompt="a ball single", **SIZE).pixels()
    file = embeddings / "single.safetensors"
    save_file({"<one>": torch.full((WIDTH,), 3.0)}, file)
    os.utime(file, (1, 1))
    second = bench.make(prompt="a ball single", **SIZE).pixels()
    assert (first != second).any()


def test_a_file_that_breaks_meanwhile_fails_in_words(bench: Bench, embeddings: Path) -> None:
    job = bench.job(prompt="a ball single", **SIZE)
    (embeddings / "single.safetensors").write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(JobFailed, match="single cannot be read") as failed:
        bench.run(job)
    assert failed.value.code == "embedding_unusable"


def test_they_travel_to_the_engine_and_back(bench: Bench) -> None:
    job = bench.job("sdxl", prompt="a ball shiny-xl shiny-1", **SIZE)
    assert [(one.name, bool(one.problem)) for one in job.extras.embeddings] == [
        ("shiny-1", True),
        ("shiny-xl", False),
    ]
    assert job_from_json(job_to_json(job)).extras == job.extras


@pytest.mark.parametrize("model", MODELS)
def test_row_08_an_embedding_that_came_with_a_lora_is_read_where_it_is_at_work(
    bench: Bench, data_dir: Path, embeddings: Path, vectors: dict[str, torch.Tensor], model: str
) -> None:
    """The job failed: “cannot be used with this model”."""
    ends = {"sd15": ["string_to_param.*"], "sdxl": ["clip_l", "clip_g"]}[model]
    own = {"string_to_param.*": vectors["emb_params"]} | vectors
    lora = load_file(data_dir / "loras" / f"{model}-1.safetensors")
    bundle = {f"bundle_emb.水墨.{end}": own[end].clone() for end in ends}
    file = data_dir / "loras" / f"{model}-bundle.safetensors"
    save_file(lora | bundle, file)
    try:
        asked = SIZE | {"prompt": "a lake, 水墨"}
        made = bench.make(model, **asked, loras=[{"id": file.stem, "weight": 1.0}])
        assert "notices" not in made.facts
        alone = bench.make(model, **asked, loras=[{"id": f"{model}-1", "weight": 1.0}])
        assert made.pixels().tobytes() != alone.pixels().tobytes()  # without it, it is a word
        asked["prompt"] = f"a lake, {name_for(model)}"
        same = bench.make(model, **asked, loras=[{"id": f"{model}-1", "weight": 1.0}])
        assert made.pixels().tobytes() == same.pixels().tobytes()
    finally:
        file.unlink()
