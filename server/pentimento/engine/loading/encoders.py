"""Text encoders in files of their own, safetensors (fp8 with ComfyUI's scales, too) or GGUF, read
by the configuration in a model's folder. GGUF is unpacked whole as it is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from pentimento.engine.failures import is_out_of_memory, model_damaged, weights_missing
from pentimento.engine.loading import weights as loose_weights
from pentimento.engine.loading.weights import UNUSED
from pentimento.models.library.parts.text_encoder import PACKED_GGUF
from pentimento.models.weights import check
from pentimento.models.weights import header as headers
from pentimento.models.weights.header import Damaged

Weights = dict[str, torch.Tensor]
TOKENIZERS = ("spiece_model", "tekken_model")  # packed into the file by ComfyUI
SEES = re.compile(r"(?:^|\.)(?:visual|vision_tower|multi_modal_projector)\.")  # for pictures only
IDLE = re.compile(r"(?:^|\.)(?:lm_head\.weight|position_ids|logit_scale)$")
WRAPPED = re.compile(r"^(?:(?:transformer|model|language_model|text_model)\.)+")
T5, T5_NAMES = "t5", "t5encoder"


def read(kind: type[Any], folder: Path, file: Path, dtype: torch.dtype, *, sees: bool) -> Any:
    """A frozen module on the CPU. `folder` has its configuration; `sees`: it is shown pictures, so
    that what reads them must be there. Raises model_damaged."""
    try:
        config = kind.config_class.from_pretrained(str(folder), local_files_only=True)
        with torch.device("meta"):
            wanted = list(kind(config).state_dict())
        if loose_weights.is_gguf(file):
            found = _of_gguf(config, wanted, file, dtype)
        else:
            found = _renamed(_plain(file, dtype), wanted)
        module, report = kind.from_pretrained(
            None, config=config, state_dict=found, dtype=dtype, output_loading_info=True
        )
    except Damaged as damage:
        raise model_damaged(file, str(damage)) from damage
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise model_damaged(file, f"{file.name} cannot be read ({reason[0][:200]})") from error
    missing = [name for name in report["missing_keys"] if not IDLE.search(name)]
    blind = [name for name in missing if SEES.search(name)]
    if not sees and blind:
        missing = [name for name in missing if name not in blind]
        _take_eyes(module)
    if missing or report.get("mismatched_keys"):
        raise weights_missing(file, file.stem, missing or [str(report["mismatched_keys"])])
    unused = [name for name in report["unexpected_keys"] if not IDLE.search(name)]
    setattr(module, UNUSED, tuple(sorted(unused)))
    return module.to(dtype).eval().requires_grad_(False)


def _plain(file: Path, dtype: torch.dtype) -> Weights:
    check.check_file(file)
    with safe_open(file, "pt") as stream:
        names = set(stream.keys()) - set(TOKENIZERS)
        found = {name: stream.get_tensor(name) for name in names}
    return loose_weights.without_scales(found, dtype)


def _take_eyes(module: Any) -> None:
    """What reads pictures was not in the file, and nobody asks for it."""
    for owner in list(module.modules()):
        for name in ("visual", "vision_tower", "multi_modal_projector"):
            if isinstance(getattr(owner, name, None), torch.nn.Module):
                setattr(owner, name, None)


def _renamed(found: Weights, wanted: list[str]) -> Weights:
    """As the module calls them; programs put different words before the same names."""
    names = {_bare(name): name for name in wanted}
    return {names.get(_bare(name), name): weight for name, weight in found.items()}


def _bare(name: str) -> str:
    return name if name.startswith("encoder.block.") else WRAPPED.sub("", name)


def _of_gguf(config: Any, wanted: list[str], file: Path, dtype: torch.dtype) -> Weights:
    """Unpacked, under the names that the module has for them (gguf-py's table of names)."""
    import gguf
    from diffusers.models.model_loading_utils import load_gguf_checkpoint

    named = headers.read(file).metadata.get("general.architecture", "")
    named = T5_NAMES if named == T5 else named
    numbers = {value: number for number, value in gguf.MODEL_ARCH_NAMES.items()}
    if named not in PACKED_GGUF:
        raise ValueError(f"GGUF of the architecture {named or '(none)'}")
    text = config.get_text_config()
    layers = getattr(text, "num_layers" if named == T5_NAMES else "num_hidden_layers")
    table = gguf.get_tensor_name_map(numbers[named], layers)
    packed, shapes = load_gguf_checkpoint(str(file)), check.shapes(file)
    found: Weights = {}
    for name in wanted:
        bare = name if named == T5_NAMES else "model." + _bare(name)
        there = None if SEES.search(name) else table.get_name(bare, (".weight", ".bias"))
        if there is not None and there in packed:
            plain = packed[there]
            if hasattr(plain, "quant_type"):
                plain = loose_weights.unpacked(plain, dtype)
            found[name] = plain.reshape(shapes[there]).to(dtype)
    return found
