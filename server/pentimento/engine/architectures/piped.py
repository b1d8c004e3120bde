"""Families whose diffusers pipelines are of one shape: a transformer with rectified flow, one
language model that reads the prompt, a VAE. What differs between them is a row of `PipelineRow`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diffusers import ErnieImagePipeline, Krea2Pipeline, Lumina2Pipeline, OvisImagePipeline
from torch import Tensor

from pentimento.engine.architectures.base import (
    Embeddings,
    FamilyAdapter,
    GetPart,
    Patched,
    by_prefix,
    with_factor,
)
from pentimento.models.tables.architectures import Family


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """How a pipeline is called. `absent` are its parts, `gives` names what its `encode_prompt`
    answers, in order, as its call takes it: for one prompt, or where `together` for both."""

    pipeline: type[Any]
    absent: tuple[str, ...] = ("vae", "text_encoder", "tokenizer", "transformer", "scheduler")
    gives: tuple[str, ...] = ("prompt_embeds",)
    patched: bool = False  # its steps have tokens of 2 x 2 latents, else latents
    together: bool = False  # it reads the negative prompt in another way, beside the prompt
    listed: bool = False  # what it reads are lists with an entry a picture, of any length
    guidance: str = "guidance_scale"
    unguided: float = 1.0  # the guidance at which it follows the prompt alone
    options: Mapping[str, Any] = field(default_factory=dict)  # more of each call

    def pipe(self, **parts: Any) -> Any:
        return self.pipeline(**(dict.fromkeys(self.absent) | parts))

    def read(self, pipe: Any, words: str, prefix: str, device: Any) -> Embeddings:
        """What it makes of one prompt, by the names of its call with `prefix` before them."""
        found = pipe.encode_prompt(words, device=device)
        if self.listed:
            found = (found[0],)
        found = found if isinstance(found, tuple) else (found,)
        return self._named(prefix, found)

    def read_together(self, pipe: Any, words: tuple[str, str], guided: bool, on: Any) -> Embeddings:
        """What it makes of both prompts at once, on the device `on`."""
        prompt, negative = words
        told = {"negative_prompt": negative, "do_classifier_free_guidance": guided}
        return self._named("", pipe.encode_prompt(prompt, device=on, **told))

    def _named(self, prefix: str, found: tuple[Any, ...]) -> Embeddings:
        named = zip(self.gives, found, strict=False)
        return {f"{prefix}{name}": value for name, value in named if isinstance(value, Tensor)}


class Piped(FamilyAdapter):
    def __init__(self, row: Family, form: PipelineRow) -> None:
        super().__init__(row)
        self._form = form

    def embed(self, part: GetPart, prompt: str, negative: str, guided: bool) -> Embeddings:
        encoder = part("text_encoder")
        read = {name: part(name) for name in self.tokenizers}
        pipe = self._form.pipe(text_encoder=encoder, **read)
        if self._form.together:
            return self._form.read_together(pipe, (prompt, negative), guided, encoder.device)
        found: Embeddings = {}
        for prefix, words in by_prefix(prompt, negative, guided):
            found |= self._form.read(pipe, words, prefix, encoder.device)
        return found

    def pipeline(self, denoiser: Any, scheduler: Any, factor: int) -> Any:
        return with_factor(self._form.pipe(transformer=denoiser, scheduler=scheduler), factor)

    def lora_host(self, part: GetPart) -> Any:
        return self._form.pipe(transformer=part("transformer"))

    def arguments(self, embeddings: Embeddings, guidance: float) -> dict[str, Any]:
        """Guidance 1 is the prompt alone for everyone; pipelines that add to it begin at 0."""
        read: dict[str, Any] = dict(embeddings)
        if self._form.listed:
            read = {name: [value] for name, value in read.items()}
        wanted = max(guidance, 1.0) - 1.0 + self._form.unguided
        return {**read, self._form.guidance: wanted, **self._form.options}

    def pack(self, latents: Tensor) -> Tensor:
        return PATCHES.pack(latents) if self._form.patched else latents

    def unpack(self, sample: Tensor, height: int, width: int) -> Tensor:
        return PATCHES.unpack(sample, height, width) if self._form.patched else sample


PATCHES = Patched()


class _Brought:
    """For pipelines that do not bring latents to the device and the number type of their
    transformer, as all others do."""

    def __call__(self, latents: Tensor, prompt_embeds: list[Tensor] | Tensor, **call: Any) -> Any:
        own: Any = self
        pipeline: Any = super()
        ready = latents.to(prompt_embeds[0].device, own.transformer.dtype)
        return pipeline.__call__(latents=ready, prompt_embeds=prompt_embeds, **call)


class _Ernie(_Brought, ErnieImagePipeline): ...


class _Lumina2(_Brought, Lumina2Pipeline): ...


class _Ovis(OvisImagePipeline):
    """What is no word is hidden where the words were read: an encoder that is brought block by
    block answers on the device, while it lies elsewhere itself."""

    def _get_ovis_prompt_embeds(
        self,
        prompt: Any = None,
        num_images_per_prompt: int = 1,
        max_sequence_length: int = 256,
        device: Any = None,
        dtype: Any = None,
    ) -> Tensor:
        own: Any = self
        begin = int(own.user_prompt_begin_id)  # what comes before is the same for every prompt
        read = own.tokenizer(
            own._get_messages(prompt),
            max_length=max_sequence_length + begin,
            padding="max_length",
            truncation=True,
            add_special_tokens=False,
            return_tensors="pt",
        ).to(device)
        found: Tensor = own.text_encoder(**read).last_hidden_state
        words = read.attention_mask.to(found.device)[..., None]
        return (found * words)[:, begin:].repeat_interleave(num_images_per_prompt, dim=0)


ERNIE_IMAGE = PipelineRow(_Ernie, listed=True)
KREA2 = PipelineRow(
    Krea2Pipeline, gives=("prompt_embeds", "prompt_embeds_mask"), patched=True, unguided=0.0
)
OVIS_IMAGE = PipelineRow(
    _Ovis,
    gives=("prompt_embeds", "negative_prompt_embeds"),
    together=True,
    patched=True,
    options={"negative_prompt": None},  # else an empty one
)
LUMINA2 = PipelineRow(
    _Lumina2,
    gives=(
        *("prompt_embeds", "prompt_attention_mask"),
        *("negative_prompt_embeds", "negative_prompt_attention_mask"),
    ),
    together=True,  # what its prompts begin with belongs to no negative one
)
