"""Where a model's parts are read from: a folder, a checkpoint, or a denoiser's file with its base.

- `ModelFolder`: diffusers' layout. Only safetensors are read and only classes named in `CLASSES`
  are built; nothing in a folder is ever executed.
- A checkpoint in one safetensors file, in the layout of Stability's own programs, read offline: its
  configuration and vocabulary come from `pentimento/configs`.
- A denoiser that is a file by itself, safetensors or GGUF, in the layout of its authors, ComfyUI or
  diffusers; all other parts are those of its base. They keep their identity, so that what is in
  memory for the base itself serves here too.

All look like a `ModelFolder`, and read only the part that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from diffusers.loaders.single_file_utils import create_diffusers_clip_model_from_ldm
from safetensors import safe_open

from pentimento.engine.failures import is_out_of_memory, model_damaged, weights_missing
from pentimento.engine.loading import accounts
from pentimento.engine.loading import weights as loose_weights
from pentimento.models.library import fingerprints
from pentimento.models.library.checkpoint import CONFIGS, FIRST
from pentimento.models.library.sidecar import INDEX, read_json
from pentimento.models.tables.architectures import FAMILIES
from pentimento.models.weights import check
from pentimento.models.weights.header import Damaged
from pentimento.models.weights.layouts import prefix_of

CLASSES: dict[str, type[Any]] = {
    "UNet2DConditionModel": diffusers.UNet2DConditionModel,
    "AutoencoderKL": diffusers.AutoencoderKL,
    "AutoencoderTiny": diffusers.AutoencoderTiny,
    "CLIPTextModel": transformers.CLIPTextModel,
    "CLIPTextModelWithProjection": transformers.CLIPTextModelWithProjection,
    "CLIPTokenizer": transformers.CLIPTokenizer,
    "CLIPTokenizerFast": transformers.CLIPTokenizer,
    "SD3Transformer2DModel": diffusers.SD3Transformer2DModel,
    "FluxTransformer2DModel": diffusers.FluxTransformer2DModel,
    "Flux2Transformer2DModel": diffusers.Flux2Transformer2DModel,
    "ZImageTransformer2DModel": diffusers.ZImageTransformer2DModel,
    "QwenImageTransformer2DModel": diffusers.QwenImageTransformer2DModel,
    "ChromaTransformer2DModel": diffusers.ChromaTransformer2DModel,
    "ErnieImageTransformer2DModel": diffusers.ErnieImageTransformer2DModel,
    "Krea2Transformer2DModel": diffusers.Krea2Transformer2DModel,
    "LongCatImageTransformer2DModel": diffusers.LongCatImageTransformer2DModel,
    "OvisImageTransformer2DModel": diffusers.OvisImageTransformer2DModel,
    "Lumina2Transformer2DModel": diffusers.Lumina2Transformer2DModel,
    "AutoencoderKLFlux2": diffusers.AutoencoderKLFlux2,
    "AutoencoderKLQwenImage": diffusers.AutoencoderKLQwenImage,
    "T5EncoderModel": transformers.T5EncoderModel,
    "T5Tokenizer": transformers.T5Tokenizer,
    "T5TokenizerFast": transformers.T5Tokenizer,
    "Qwen2Tokenizer": transformers.Qwen2Tokenizer,
    "Qwen2TokenizerFast": transformers.Qwen2Tokenizer,
    "Qwen3Model": transformers.Qwen3Model,
    "Qwen3ForCausalLM": transformers.Qwen3ForCausalLM,
    "Qwen2VLProcessor": transformers.Qwen2VLImageProcessorPil,  # its other part is the tokenizer
    "Qwen2_5_VLForConditionalGeneration": transformers.Qwen2_5_VLForConditionalGeneration,
    "Qwen3VLModel": transformers.Qwen3VLModel,
    "Mistral3Model": transformers.Mistral3Model,
    "Mistral3ForConditionalGeneration": transformers.Mistral3ForConditionalGeneration,
    "PixtralProcessor": transformers.TokenizersBackend,  # what reads words of it
    "Gemma2Model": transformers.Gemma2Model,
    "GemmaTokenizer": transformers.GemmaTokenizer,
    "GemmaTokenizerFast": transformers.GemmaTokenizer,
    "TokenizersBackend": transformers.TokenizersBackend,  # any that its tokenizer.json describes
}

# Files of these have diffusers' own names, which diffusers 0.42 reads for others only.
for _name in ("LongCatImageTransformer2DModel", "OvisImageTransformer2DModel"):
    SINGLE_FILE_LOADABLE_CLASSES.setdefault(
        _name,
        {"checkpoint_mapping_fn": lambda weights, **_: weights, "default_subfolder": "transformer"},
    )


class ModelFolder:
    """Reads `model_index.json` at once, everything else when asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index = self._json("model_index.json")

    def config(self, name: str, file: str = "config.json") -> dict[str, Any]:
        return self._json(f"{name}/{file}")

    def data_sheet(self) -> dict[str, Any]:
        """Our own pentimento.json, empty when the folder has none."""
        exists = (self.path / "pentimento.json").is_file()
        return self._json("pentimento.json") if exists else {}

    def identity(self, name: str) -> Hashable:
        """The same for two folders that share a part's files (links), new when a file changes."""
        return folder_identity(self.path / name)

    def place(self, name: str) -> Path:
        """Where a part's weights lie, for messages."""
        return self.path / name

    def quantised(self, name: str) -> bool:
        """Whether a part's weights stay packed in memory."""
        return bool(check.method_of(self.path / name))

    def fingerprint(self) -> str:
        """Which model a record was made with."""
        return fingerprints.of_folder(self.path)

    def size(self, name: str, dtype: torch.dtype) -> int:
        """Of a part in memory, in bytes, by its files' headers; 0 where they cannot be read."""
        files = list((self.path / name).glob("*.safetensors"))
        if self.quantised(name):
            return sum(file.stat().st_size for file in files)
        return sum(check.elements(file) for file in files) * dtype.itemsize

    def read(self, name: str, dtype: torch.dtype) -> Any:
        """One part as a module (on the CPU, frozen), a tokenizer or a processor; raises
        model_damaged."""
        kind = self.kind(name)
        folder = self.path / name
        if not folder.is_dir():
            raise model_damaged(folder, f"the folder {name} is missing")
        try:
            if not issubclass(kind, torch.nn.Module):
                return kind.from_pretrained(str(folder), local_files_only=True)
            return read_module(kind, folder, dtype)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise model_damaged(folder, f"{name} cannot be read ({first_line(error)})") from error

    def kind(self, name: str) -> type[Any]:
        """The class that reads a part; raises model_damaged."""
        entry = self._index.get(name)
        kind = CLASSES.get(str(entry[1])) if isinstance(entry, list) and len(entry) == 2 else None
        if kind is None:
            raise model_damaged(
                self.path / "model_index.json",
                f"model_index.json names no usable {name} (it says {entry!r})",
            )
        return kind

    def _json(self, name: str) -> dict[str, Any]:
        try:
            return read_json(self.path / name)
        except Damaged as damage:
            raise model_damaged(self.path / name, str(damage)) from damage


def read_module(kind: type[Any], folder: Path, dtype: torch.dtype) -> Any:
    """The weights of one folder as a frozen module on the CPU; raises model_damaged."""
    try:
        check.check_component(folder)
    except Damaged as damage:
        raise model_damaged(folder, str(damage)) from damage
    halves = all(".fp16" in file.name for file in folder.glob("*.safetensors"))
    module, report = kind.from_pretrained(
        str(folder),
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        variant="fp16" if halves else None,
        output_loading_info=True,
    )
    missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
    if missing:
        raise weights_missing(folder, folder.name, missing)
    unused = [key for key in report["unexpected_keys"] if not accounts.IDLE.match(key)]
    setattr(module, loose_weights.UNUSED, tuple(sorted(unused)))
    return module.eval().requires_grad_(False)


def folder_identity(folder: Path) -> Hashable:
    return tuple(file_identity(file) for file in sorted(folder.glob("*")))


def file_identity(file: Path) -> Hashable:
    """New when the file changes, the same for two links to one."""
    status = file.stat()
    return (file.name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


MERGES = CONFIGS / "clip_merges.txt"
PREFIXES = {  # part -> how its weights are called in the file, by family
    "sd15": {
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "cond_stage_model.",
    },
    "sdxl": {
        "unet": "model.diffusion_model.",
        "vae": "first_stage_model.",
        "text_encoder": "conditioner.embedders.0.",
        "text_encoder_2": "conditioner.embedders.1.",
    },
}
# merges of NovelAI's time call CLIP's weights so
OLD_CLIP = re.compile(r"(?<=\.transformer\.)(?=(?:embeddings|encoder|final_layer_norm)\.)")
PADDING = {"tokenizer": "<|endoftext|>", "tokenizer_2": "!"}  # SDXL's second one pads with 0


class ModelFile:
    def __init__(self, path: Path, family: str, configs: Path | None = None) -> None:
        """`configs` is laid out as a model's folder, by default the family's own one."""
        self.path = path
        self._configs = configs or CONFIGS / family
        self._prefixes = PREFIXES[family]
        self._index = read_json(self._configs / INDEX)

    def config(self, name: str, file: str = "config.json") -> dict[str, Any]:
        return read_json(self._configs / name / file)

    def data_sheet(self) -> dict[str, Any]:
        return {}

    def identity(self, name: str) -> Hashable:
        return name, file_identity(self.path)

    def fingerprint(self) -> str:
        """Which model a record was made with."""
        return fingerprints.of_file(self.path)

    def place(self, name: str) -> Path:
        return self.path

    def quantised(self, name: str) -> bool:
        return False

    def size(self, name: str, dtype: torch.dtype) -> int:
        """Of a part in memory, in bytes, by the file's header; 0 where it cannot be read."""
        return check.elements(self.path, self._prefixes.get(name, "?")) * dtype.itemsize

    def read(self, name: str, dtype: torch.dtype) -> Any:
        """One part as a module (on the CPU, frozen) or a tokenizer; raises model_damaged."""
        if name in PADDING:
            return clip_tokenizer(self._padding(name))
        try:
            check.check_file(self.path)
            module = self._module(name, dtype)
        except Damaged as damage:
            raise model_damaged(self.path, str(damage)) from damage
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            reason = f"{name} cannot be read ({first_line(error)})"
            raise model_damaged(self.path, reason) from error
        missing = [key for key, weight in module.named_parameters() if weight.is_meta]
        if missing:
            raise weights_missing(self.path, name, missing)
        return module.eval().requires_grad_(False)

    def _padding(self, name: str) -> str:
        told = self._configs / name / "tokenizer_config.json"
        return str(read_json(told)["pad_token"]) if told.is_file() else PADDING[name]

    def _module(self, name: str, dtype: torch.dtype) -> Any:
        kind = CLASSES[self._index[name][1]]
        part = self._weights(self._prefixes[name])
        if not part:
            raise ValueError(f"the file has no weights called {self._prefixes[name]}…")
        where: dict[str, Any] = {
            "config": str(self._configs),
            "subfolder": name,
            "local_files_only": True,
        }
        if name.startswith("text_encoder"):
            part = {OLD_CLIP.sub("text_model.", key): weight for key, weight in part.items()}
            encoder = create_diffusers_clip_model_from_ldm(kind, part, torch_dtype=dtype, **where)
            return encoder.to(dtype)
        if name == "unet":  # the bundled configuration is that of the ordinary variant
            where["in_channels"] = part[FIRST].shape[1]
        return kind.from_single_file(part, dtype=dtype, **where)

    def _weights(self, prefix: str) -> dict[str, torch.Tensor]:
        with safe_open(self.path, "pt") as file:
            names = file.keys()
            return {name: file.get_tensor(name) for name in names if name.startswith(prefix)}


def clip_tokenizer(padding: str) -> transformers.CLIPTokenizer:
    """CLIP's, whose vocabulary follows from its merges: the bytes, the bytes that end a word, one
    word for each merge, two marks (Radford et al. 2021)."""
    lines = MERGES.read_text("utf-8").splitlines()
    merges: list[Any] = [tuple(line.split()) for line in lines]
    letters = _byte_letters()
    words = [*letters, *(letter + "</w>" for letter in letters)]
    words += ["".join(pair) for pair in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    return transformers.CLIPTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        merges=merges,
        model_max_length=77,
        pad_token=padding,
    )


def _byte_letters() -> list[str]:
    """The printable stand-ins for the 256 bytes that byte-level BPE uses (Radford et al. 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = 256 - len(plain)
    return [chr(byte) for byte in plain] + [chr(256 + place) for place in range(others)]


class DenoiserFile:
    def __init__(self, path: Path, family: str, base: ModelFolder) -> None:
        self.path = path
        self._base = base
        self._name = FAMILIES[family].denoiser

    def config(self, name: str, file: str = "config.json") -> dict[str, Any]:
        return self._base.config(name, file)

    def kind(self, name: str) -> type[Any]:
        """The class that reads a part; raises model_damaged."""
        return self._base.kind(name)

    def data_sheet(self) -> dict[str, Any]:
        return self._base.data_sheet()

    def place(self, name: str) -> Path:
        return self.path if name == self._name else self._base.place(name)

    def identity(self, name: str) -> Hashable:
        if name == self._name:
            return name, file_identity(self.path)
        own = self._base.identity(name)
        return (own, file_identity(self.path)) if name == "." else own

    def fingerprint(self) -> str:
        """SHA-256 over that of the base and that of the file."""
        return fingerprints.joined(self._base.fingerprint(), fingerprints.of_file(self.path))

    def quantised(self, name: str) -> bool:
        return name == self._name and loose_weights.is_gguf(self.path)

    def size(self, name: str, dtype: torch.dtype) -> int:
        """Of a part in memory, in bytes; GGUF stays packed there."""
        if name != self._name:
            return self._base.size(name, dtype)
        if self.quantised(name):
            return self.path.stat().st_size
        return check.elements(self.path) * dtype.itemsize

    def read(self, name: str, dtype: torch.dtype) -> Any:
        """One part as a module (on the CPU, frozen) or a tokenizer; raises model_damaged."""
        if name != self._name:
            return self._base.read(name, dtype)
        try:
            return self._denoiser(dtype)
        except Damaged as damage:
            raise model_damaged(self.path, str(damage)) from damage
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            reason = f"{self.path.name} does not fit its base ({first_line(error)})"
            raise model_damaged(self.path, reason) from error

    def _denoiser(self, dtype: torch.dtype) -> Any:
        told = check.whole(self.path)
        kind = self.kind(self._name)
        told_of = accounts.of_denoiser(self.path, kind, self._base.config(self._name))
        if told_of.missing:
            raise ValueError(told_of.shortage)
        found = loose_weights.read(self.path, dtype)
        if (
            told.layout == "diffusers"
        ):  # with others among them all would be taken for another layout
            prefix = prefix_of(check.shapes(self.path))
            for name in told_of.unused:
                found.pop(name.removeprefix(prefix), None)
        if kind is UNet2DConditionModel and told.layout == "original":
            found = {accounts.LDM + name: weight for name, weight in found.items()}
        module = kind.from_single_file(
            found,
            config=str(self._base.path),
            subfolder=self._name,
            local_files_only=True,
            dtype=dtype,
            quantization_config=loose_weights.packing(self.path, dtype),
        )
        missing = [key for key, weight in module.named_parameters() if weight.is_meta]
        if missing:
            raise ValueError(f"it lacks {len(missing)} weights, e.g. {missing[0]}")
        loose_weights.unpack_all_but_layers(module, dtype)
        setattr(module, loose_weights.UNUSED, told_of.unused)
        return module.eval().requires_grad_(False)
