"""Folders of models that edit by instruction, with random weights: those of `tiny_flow_models` with
another pipeline's name, narrow VAEs (pictures are read at a megapixel), and for Qwen-Image-Edit a
text encoder that can see.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.tiny_flow_models import (
    qwen_vl,
    write_flux,
    write_flux2_dev,
    write_flux2_klein,
    write_longcat_image,
    write_qwen_image,
)
from tests.support.tiny_models import byte_letters

SHARP = 4  # times the attention's queries and keys
MARKS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|vision_start|>", "<|image_pad|>", "<|vision_end|>"),
)


def write_kontext(folder: Path) -> Path:
    import diffusers

    write_flux(folder)
    narrow = diffusers.AutoencoderKL.load_config(folder / "vae") | {
        "block_out_channels": [8] * 4,
        "norm_num_groups": 4,
    }
    diffusers.AutoencoderKL.from_config(narrow).save_pretrained(folder / "vae")
    return _renamed(folder, "FluxKontextPipeline")


def write_qwen_edit(folder: Path, pipeline: str) -> Path:
    import diffusers
    from transformers import Qwen2VLImageProcessorPil

    write_qwen_image(folder)
    narrow = diffusers.AutoencoderKLQwenImage.load_config(folder / "vae") | {"base_dim": 8}
    diffusers.AutoencoderKLQwenImage.from_config(narrow).save_pretrained(folder / "vae")
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder / "tokenizer")
    encoder = _sharpened(_seeing(tokenizer), "q_proj", "k_proj")
    encoder.save_pretrained(folder / "text_encoder")
    Qwen2VLImageProcessorPil(
        size={"shortest_edge": 56 * 56, "longest_edge": 12_845_056}
    ).save_pretrained(folder / "processor")
    return _renamed(folder, pipeline, processor=["transformers", "Qwen2VLProcessor"])


def write_longcat_edit(folder: Path) -> Path:
    """Its sheet says its true size, at which its pipeline paints whatever the picture's is."""
    import diffusers
    from transformers import Qwen2VLImageProcessorPil

    write_longcat_image(folder)
    narrow = diffusers.AutoencoderKL.load_config(folder / "vae") | {
        "block_out_channels": [8] * 4,
        "norm_num_groups": 4,
    }
    diffusers.AutoencoderKL.from_config(narrow).save_pretrained(folder / "vae")
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder / "tokenizer")
    _sharpened(_seeing(tokenizer), "q_proj", "k_proj").save_pretrained(folder / "text_encoder")
    Qwen2VLImageProcessorPil(
        size={"shortest_edge": 56 * 56, "longest_edge": 12_845_056}
    ).save_pretrained(folder / "text_processor")
    sheet = folder / "pentimento.json"
    told = json.loads(sheet.read_text()) | {"native_size": 1024, "max_pixels": 1024**2}
    sheet.write_text(json.dumps(told))
    return _renamed(
        folder, "LongCatImageEditPipeline", text_processor=["transformers", "Qwen2VLProcessor"]
    )


WRITERS: dict[str, Callable[[Path], Path]] = {
    "flux2-klein": write_flux2_klein,
    "flux2-dev": write_flux2_dev,
    "kontext": write_kontext,
    "longcat-edit": write_longcat_edit,
    "qwen-edit": partial(write_qwen_edit, pipeline="QwenImageEditPipeline"),
    "qwen-edit-plus": partial(write_qwen_edit, pipeline="QwenImageEditPlusPipeline"),
}


def write_editor(name: str, folder: Path) -> Path:
    """One of WRITERS. Its attention is made sharp: by chance it would hardly tell places apart, and
    pictures that are read at a wrong one would not show."""
    import torch
    from diffusers import AutoModel

    torch.manual_seed(0)
    WRITERS[name](folder)
    transformer = AutoModel.from_pretrained(str(folder / "transformer"))
    _sharpened(transformer, "norm_q", "norm_k", "norm_added").save_pretrained(
        folder / "transformer"
    )
    return folder


def _sharpened(network: Any, *names: str) -> Any:
    import torch

    with torch.no_grad():
        for weight, values in network.named_parameters():
            if any(name in weight for name in names):
                values.mul_(SHARP)
    return network


def _renamed(folder: Path, pipeline: str, **more: Any) -> Path:
    index = folder / "model_index.json"
    told = json.loads(index.read_text()) | {"_class_name": pipeline} | more
    index.write_text(json.dumps(told))
    return folder


def _tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    words = {letter: number for number, letter in enumerate(byte_letters())}
    words |= {mark: len(words) + number for number, mark in enumerate(MARKS)}
    return Qwen2Tokenizer(
        vocab=words, merges=[], model_max_length=8192, additional_special_tokens=list(MARKS)
    )


def _seeing(tokenizer: Any) -> Any:
    first, picture, last = tokenizer.convert_tokens_to_ids(list(MARKS[3:]))
    return qwen_vl(vision_start_token_id=first, image_token_id=picture, vision_end_token_id=last)
