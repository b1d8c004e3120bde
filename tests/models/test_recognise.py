"""What a file is comes from its header: right or "unknown", and at once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.models.header_shapes import CASES, KOHYA_K, QWEN, TWO_CLIPS, flux, lora, under, unet, vae
from tests.models.weight_files import Shapes, write, write_gguf

from pentimento.models.weights import header as headers
from pentimento.models.weights.detect.recognise import Recognised, of_header, recognise

MOST_SECONDS = 0.020  # for one file


def quickest(file: Path) -> float:
    """Seconds of work that reading takes at its best, without what is remembered."""
    times = []
    for _ in range(8):
        start = time.thread_time()
        of_header(headers.read(file))
        times.append(time.thread_time() - start)
    return min(times)


def check(told: Recognised, expected: dict[str, Any]) -> None:
    assert {key: getattr(told, key) for key in expected} == expected


@pytest.mark.parametrize("case", CASES)
def test_a_header_says_what_the_file_is(tmp_path: Path, case: str) -> None:
    shapes, expected = CASES[case]
    file = write(tmp_path / "file.safetensors", shapes)
    check(recognise(file), expected)
    assert quickest(file) < MOST_SECONDS


@pytest.mark.parametrize(
    ("dtype", "precision"),
    [("F32", "fp32"), ("F16", "fp16"), ("BF16", "bf16"), ("F8_E4M3", "fp8")],
)
def test_precision_is_what_most_weights_have(tmp_path: Path, dtype: str, precision: str) -> None:
    assert recognise(write(tmp_path / "a.safetensors", flux(), dtype)).precision == precision


def test_nf4_is_told_by_the_names_beside_the_weights(tmp_path: Path) -> None:
    packed = flux() | {"single_blocks.0.linear1.weight.quant_state.bitsandbytes__nf4": [80]}
    assert recognise(write(tmp_path / "a.safetensors", packed, "U8")).precision == "nf4"


GGUF_CASES: dict[str, tuple[Shapes, str, dict[str, Any], dict[str, Any]]] = {
    "flux": (
        flux(256),
        "Q4_K",
        {"general.architecture": "flux"},
        {"role": "denoiser", "family": "flux", "precision": "gguf Q4_K"},
    ),
    "qwen": (
        under("", QWEN),
        "Q8_0",
        {"general.architecture": "qwen_image"},
        {"role": "denoiser", "family": "qwen-image", "precision": "gguf Q8_0"},
    ),
    "plain": (flux(64, False), "F16", {}, {"variant": "schnell", "precision": "fp16"}),
    "vocabulary": (
        {"token_embd.weight": [256, 256]},
        "Q8_0",
        {"general.architecture": "t5encoder", "tokenizer.ggml.tokens": ["word"] * 32_000},
        {"role": "text_encoder", "variant": "t5encoder"},
    ),
}


@pytest.mark.parametrize("case", GGUF_CASES)
def test_gguf_headers_are_read_too(tmp_path: Path, case: str) -> None:
    shapes, dtype, pairs, expected = GGUF_CASES[case]
    rounded = {name: [*shape[:-1], -(-shape[-1] // 256) * 256] for name, shape in shapes.items()}
    file = write_gguf(tmp_path / "a.gguf", rounded if dtype != "F16" else shapes, dtype, pairs)
    check(recognise(file), expected)
    assert quickest(file) < MOST_SECONDS


@pytest.mark.parametrize(
    ("shapes", "metadata", "family", "variant"),
    [
        (vae(4), {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}, "sdxl", ""),
        (vae(4), {"modelspec.architecture": "flux-1-dev"}, "unknown", ""),
        (flux(), {"modelspec.architecture": "Flux.1-Kontext-dev"}, "flux", "kontext"),
        (flux(384), {"modelspec.architecture": "Flux.1-Kontext-dev"}, "flux", "fill"),
        (CASES["lora-flux-or-chroma"][0], {"ss_base_model_version": "flux1"}, "flux", ""),
        (lora(KOHYA_K, 768, 640), {"ss_base_model_version": "sdxl_base_v1-0"}, "sd15", ""),
    ],
)
def test_metadata_chooses_only_where_the_weights_leave_it_open(
    tmp_path: Path, shapes: Shapes, metadata: dict[str, str], family: str, variant: str
) -> None:
    told = recognise(write(tmp_path / "a.safetensors", shapes, **metadata))
    assert (told.family, told.variant) == (family, variant)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"modelspec.trigger_phrase": "sks dog, oil"}, ("sks dog", "oil")),
        (
            {"ss_tag_frequency": json.dumps({"10_cat": {"my cat": 12, "sofa": 3}})},
            ("my cat",),
        ),
        ({"ss_tag_frequency": "{"}, ()),
        ({"ss_tag_frequency": "[1]"}, ()),
        ({"ss_tag_frequency": json.dumps({"a": {"b": "many"}})}, ()),
        ({}, ()),
    ],
)
def test_trigger_words_come_from_the_metadata(
    tmp_path: Path, metadata: dict[str, str], words: tuple[str, ...]
) -> None:
    file = write(tmp_path / "a.safetensors", lora(KOHYA_K, 768, 640), **metadata)
    assert recognise(file).triggers == words


def test_a_real_checkpoints_number_of_weights_is_read_in_time(tmp_path: Path) -> None:
    many = {f"model.diffusion_model.middle_block.{at}.weight": [4, 4] for at in range(1200)}
    file = write(tmp_path / "a.safetensors", unet(2048) | many | TWO_CLIPS)
    assert recognise(file).family == "sdxl"
    assert quickest(file) < MOST_SECONDS


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    file = write(tmp_path / "a.safetensors", {"emb_params": [4, 768]})
    assert recognise(file).role == "embedding"
    write(file, flux())
    assert recognise(file).role == "denoiser"
