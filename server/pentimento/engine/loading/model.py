"""A model as one job sees it: its parts from the cache, on the device when they are needed."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pentimento.core.errors import JobFailed
from pentimento.core.geometry import Size
from pentimento.engine.architectures import FAMILIES
from pentimento.engine.architectures.base import Embeddings
from pentimento.engine.cancel import StopFlag
from pentimento.engine.conditioning import controlnet, prompt_weighting, textual_inversion
from pentimento.engine.conditioning import lora as loras
from pentimento.engine.conditioning.prompt_weighting import Unread
from pentimento.engine.conditioning.textual_inversion import Inserted
from pentimento.engine.job.preview import LatentRgb, TinyVae, Viewer
from pentimento.engine.loading import control_files, vaes
from pentimento.engine.loading.put_together import PutTogether
from pentimento.engine.loading.sources import (
    DenoiserFile,
    ModelFile,
    ModelFolder,
    folder_identity,
    read_module,
)
from pentimento.engine.loading.weights import UNUSED
from pentimento.engine.memory import device as hardware
from pentimento.engine.memory import offload
from pentimento.engine.memory.device import Device
from pentimento.engine.memory.encoded import EncodedSources
from pentimento.engine.memory.placement import Components, PromptCache
from pentimento.engine.sampling import latents, samplers
from pentimento.engine.sampling.flow import FlowTraining
from pentimento.engine.sampling.samplers import Levels, Solver, Training
from pentimento.engine_ipc.messages import Extras, ModelSpec, VaeFile
from pentimento.models.library.checkpoint import CONFIGS
from pentimento.models.library.model import latent_scale
from pentimento.models.library.parts.ip_adapter import ENCODER
from pentimento.models.tables.architectures import EDITS
from pentimento.models.weights import check, leftovers
from pentimento.schema.plan import Notice
from pentimento.schema.task import Emit, Loading
from pentimento.schema.wording import notice

log = logging.getLogger("pentimento.engine")

FINE_PREVIEWS = "PENTIMENTO_FINE_PREVIEWS"  # environment: a tiny VAE on the processor as well


@dataclass(frozen=True, slots=True)
class Shared:
    """What outlives a job."""

    device: Device
    components: Components
    prompts: PromptCache
    sources: EncodedSources


def suited(shared: Shared, spec: ModelSpec) -> Shared:
    """With the number type in which this model is computed on the device."""
    denoiser = FAMILIES[spec.family].denoiser
    weights = opened(spec).size(denoiser, torch.float32)
    return replace(shared, device=shared.device.suited(weights))


class LoadedModel:
    """Reads configurations at once, weights when a part is asked for."""

    def __init__(
        self,
        shared: Shared,
        spec: ModelSpec,
        emit: Emit,
        stop: StopFlag,
        extras: Extras | None = None,
    ) -> None:
        self._shared, self._spec, self._emit, self._stop = shared, spec, emit, stop
        self._extras = extras or Extras()
        self._seen: tuple[np.ndarray, ...] = ()
        self._folder = opened(spec)
        self.family = FAMILIES[spec.family]
        noise = spec.scheduler or self._folder.config("scheduler", "scheduler_config.json")
        self.training: Training | FlowTraining = (
            FlowTraining(noise, self.family.shift) if self.family.flow else Training.of(noise)
        )
        vae_config = self._folder.config("vae")
        self.factor = latents.factor(vae_config)
        self._own_vae_config = vae_config
        self.channels = latents.channels(vae_config)
        self._loras: tuple[tuple[str, float], ...] | None = None  # at work; None: not known yet
        self.lora_notices: list[Notice] = []  # of those at work
        self.file_notices: list[Notice] = []  # of what was read so far
        if isinstance(self._folder, ModelFile):
            self.note(spec.path, leftovers.of_names(check.shapes(spec.path)).unknown)
        self._token = 2 * latent_scale(vae_config)  # px

    def note(self, path: Path, unused: Sequence[str]) -> None:
        """Tells, once, that some weights of a file have no place in the model."""
        if unused:
            files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
            parts = (self.family.denoiser, "vae", *self.family.encoders, ENCODER)
            own = path.name if path.is_dir() else path.stem
            told = notice(
                "weights_unused",
                name=f"{path.parent.name}/{own}" if path.is_dir() and own in parts else own,
                unused=len(unused),
                total=len(set().union(*(check.shapes(file) for file in files))),
                example=unused[0],
            )
            if told not in self.file_notices:
                self.file_notices.append(told)

    @property
    def dtype(self) -> torch.dtype:
        return self._shared.device.dtype

    @property
    def low_memory(self) -> bool:
        """Whether this is a second try after a full memory."""
        return self._shared.components.low_memory

    def fingerprint(self) -> str:
        key = (
            "fingerprint",
            self._folder.identity("."),
            self._folder.identity(self.family.denoiser),
        )
        found: str = self._shared.components.known(key, self._folder.fingerprint)
        return found

    def levels(self, sampler: Solver, steps: int, strength: float, size: Size) -> Levels:
        """The steps that run at this strength for a picture of `size` px."""
        if isinstance(self.training, FlowTraining):
            tokens = size.pixels // self._token**2
            return self.training.levels(
                steps, strength, tokens, self._extras.spacing, sampler.spacing
            )
        return samplers.levels(self.training, sampler, steps, strength, self._extras.spacing)

    def guided(self, guidance: float) -> bool:
        """Whether the negative prompt counts. Latent consistency models of their own take the
        guidance as a number and read the prompt once."""
        embedded = self._folder.config(self.family.denoiser).get("time_cond_proj_dim")
        return guidance > 1 and embedded is None

    def controlnets(self, folders: Sequence[Path]) -> dict[Path, nn.Module]:
        """On the device, together with the denoiser that they work with."""
        found = {folder: self._controlnet(folder) for folder in folders}
        if found:
            self._shared.components.bring(self._part(self.family.denoiser), *found.values())
        return found

    def _controlnet(self, folder: Path) -> nn.Module:
        dtype = self._shared.device.dtype
        single = folder.is_file()
        unet = self._part(self.family.denoiser) if single else None

        def load() -> Any:
            self._emit(Loading(f"Loading the ControlNet {folder.name}"))
            if single:
                return control_files.read(folder, unet, dtype)
            return read_module(controlnet.kind_of(folder), folder, dtype)

        made_of: Hashable = folder_identity(folder)
        if unet is not None:
            own = self._key(self.family.denoiser)
            made_of = control_files.identity(folder, unet.config, own)
        key: Hashable = (made_of, dtype)
        module: nn.Module = self._shared.components.get(key, f"controlnet {folder.name}", load)
        self.note(folder, getattr(module, UNUSED, ()))
        return module

    def use_loras(self, wanted: Sequence[loras.Wanted]) -> None:
        """From here on exactly these are at work in the denoiser and the text encoders."""
        names = tuple((lora.name, lora.weight) for lora in wanted)
        if names == self._loras:
            return
        hosts = (self.family.denoiser, *self.family.encoders)
        read = [self._shared.components.peek(self._key(name)) for name in hosts]
        if not wanted and not any(loras.has_any(part) for part in read if part is not None):
            self._loras, self.lora_notices = (), []
            return  # text encoders need not be read for that
        self.lora_notices = loras.apply(self.family.lora_host(self._part), wanted)
        self._loras = names

    def look_at(self, pictures: Sequence[np.ndarray]) -> None:
        """Sets the images that subsequent prompts refer to, `(h, w, 3)` u8."""
        self._seen = tuple(pictures)

    def embeddings(self, prompt: str, negative: str, *, guided: bool) -> Embeddings:
        """On the device; from the cache when these words were read before, of the same pictures."""
        readers = (*self.family.encoders, *self.family.tokenizers)
        vectors = textual_inversion.read(self._extras.embeddings, (prompt, negative))
        key = (
            tuple(self._folder.identity(name) for name in readers),
            prompt,
            negative,
            guided,
            self._loras,
            vectors.key,
            tuple((seen.shape, hashlib.sha256(seen.tobytes()).digest()) for seen in self._seen),
        )
        kept = self._shared.prompts.get(key, lambda: self._embed(prompt, negative, guided, vectors))
        for name in self.family.encoders:
            self._note_part(name)
        device = self._shared.device.where
        return {name: tensor.to(device) for name, tensor in kept.items()}

    def unread(self, words: str) -> Unread | None:
        """What of a prompt is beyond the length that the model's tokenizers take."""
        if self.family.reads_all:
            return None
        found = (prompt_weighting.unread(self._part(name), words) for name in self.family.readers)
        return next((rest for rest in found if rest), None)

    def read(self, *, encoders: bool = False) -> None:
        """Reads what every job needs before the first step, so that steps are not interrupted;
        where not all of the model may lie in memory at one time, text encoders come first.
        `encoders`: what reads the words as well, which a job does when it needs that."""
        if self._shared.components.fits(sum(map(self._bytes, self.family.parts))):
            self._part(self.family.denoiser)
            self._part("vae")
            if encoders:
                for name in (*self.family.tokenizers, *self.family.encoders):
                    self._part(name)

    def wants_tiles(self, size: Size) -> bool:
        """Whether a picture of so many px is to be decoded in tiles, for lack of memory."""
        needed = offload.decoding_bytes(
            self._folder.config("vae"), size, self._dtype_of("vae").itemsize
        )
        weights = self._bytes(self.family.denoiser) + self._bytes("vae")
        return needed > self._shared.device.working_room(weights)

    def denoiser(self) -> nn.Module:
        return self._ready(self.family.denoiser)

    def vae(self) -> Any:
        return self._ready("vae")

    @property
    def vae_key(self) -> Hashable:
        """Which autoencoder this is, in which number type."""
        file = self._extras.vae
        if file is None:
            return self._key("vae")
        return (vaes.identity(file), self._vae_type(vaes.config_of(file, self._own_vae_config)))

    def viewer(self) -> Viewer:
        """For previews: a tiny VAE on a card or where one asks for it, else the linear map."""
        tiny = self._extras.preview_vae
        if tiny is None or (self._shared.device.is_cpu and not os.environ.get(FINE_PREVIEWS)):
            return self._latent_rgb()
        try:
            vae = self._vae(tiny, "preview vae")
        except JobFailed:
            log.exception("no previews by %s", tiny.path.name)
            return self._latent_rgb()
        self._shared.components.bring(vae)
        return TinyVae(vae, self.factor)

    def _latent_rgb(self) -> LatentRgb:
        """The map for previews; fitting it needs the VAE."""
        chosen = self._extras.vae
        vae = vaes.identity(chosen) if chosen else self._folder.identity("vae")
        key = ("latent_rgb", vae, self._folder.identity("."))
        found: LatentRgb = self._shared.components.known(
            key,
            lambda: LatentRgb.of(self._folder.data_sheet(), self.vae, self.factor),
        )
        return found

    def broken_part(self) -> Path | None:
        """The folder, or file, of a part whose weights hold values that are not numbers."""
        for name in (self.family.denoiser, "vae"):
            plain = [w for w in self._part(name).parameters() if w.is_floating_point()]
            if not all(bool(w.isfinite().all()) for w in plain):
                if name == "vae" and self._extras.vae:
                    return self._extras.vae.path
                return self._folder.place(name)
        return None

    @torch.inference_mode()
    def _embed(self, prompt: str, negative: str, guided: bool, vectors: Inserted) -> Embeddings:
        encoders = [self._part(name) for name in self.family.encoders]
        self._shared.components.bring(*encoders)
        if self._seen:
            way = EDITS[self._spec.editing]
            found = self.family.embed_seen(self._part, prompt, negative, guided, self._seen, way)
        else:
            found = self.family.embed_with(self._part, prompt, negative, guided, vectors)
        self._shared.components.unpin(*encoders)
        return found

    def _ready(self, name: str) -> Any:
        module = self._part(name)
        self._shared.components.bring(module)
        return module

    def _part(self, name: str) -> Any:
        self._stop.check()
        if name == "vae" and self._extras.vae:
            return self._vae(self._extras.vae, "vae")
        dtype = self._dtype_of(name)

        def load() -> Any:
            self._emit(Loading(f"Loading {self._spec.id}: {name.replace('_', ' ')}"))
            part = self._folder.read(name, dtype)
            packed = self._folder.quantised(name)
            convolves = name == self.family.denoiser and not self.family.flow
            if convolves and self._shared.device.is_cpu and dtype == torch.bfloat16:
                part = part.to(memory_format=torch.channels_last)  # as bf16's convolutions want it
            if name == self.family.denoiser and self._shared.device.storage == "fp8" and not packed:
                offload.keep_in_fp8(part, dtype)
            return part

        part = self._shared.components.get(self._key(name), name, load, lambda: self._bytes(name))
        self._note_part(name, getattr(part, UNUSED, ()))
        return part

    def _note_part(self, name: str, unused: Sequence[str] = ()) -> None:
        """Of a part of the model; where words were read before, those who read them are not needed
        again, and what was found then counts."""
        kept = self._shared.components.known(("unused", self._key(name)), lambda: unused)
        self.note(self._folder.place(name), kept)

    def _vae(self, file: VaeFile, name: str) -> Any:
        config = vaes.config_of(file, self._own_vae_config)
        dtype = self._vae_type(config)

        def load() -> Any:
            self._emit(Loading(f"Loading the VAE {file.path.stem}"))
            return vaes.read(file, config, dtype)

        vae = self._shared.components.get((vaes.identity(file), dtype), name, load)
        self.note(file.path, getattr(vae, UNUSED, ()))
        return vae

    def _vae_type(self, config: dict[str, Any]) -> torch.dtype:
        upcast = bool(config.get("force_upcast", False))
        dtype, cpu = str(self.dtype).removeprefix("torch."), self._shared.device.is_cpu
        name = hardware.vae_dtype(dtype, upcast, cpu=cpu)
        found: torch.dtype = getattr(torch, name)
        return found

    def _key(self, name: str) -> Hashable:
        return (self._folder.identity(name), self._dtype_of(name))

    def _dtype_of(self, name: str) -> torch.dtype:
        return self._vae_type(self._own_vae_config) if name == "vae" else self.dtype

    def _bytes(self, name: str) -> int:
        """Of a part in memory."""
        return self._folder.size(name, self._dtype_of(name))


def opened(spec: ModelSpec) -> ModelFolder | ModelFile | DenoiserFile:
    if spec.base:
        base = ModelFolder(spec.base)
        if spec.parts:
            sees = bool(spec.editing) and EDITS[spec.editing].looked_at is not None
            return PutTogether(spec.path, spec.family, base, spec.parts, sees=sees)
        return DenoiserFile(spec.path, spec.family, base)
    if spec.path.is_file():
        return ModelFile(spec.path, spec.family, CONFIGS / (spec.configs or spec.family))
    return ModelFolder(spec.path)
