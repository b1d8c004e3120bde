"""Workflows for ComfyUI in its API format, from the nodes that every ComfyUI has.

A workflow is a dictionary of nodes by number; an input that is `[number, slot]` is another node's
output. Node and input names are those of ComfyUI 0.3 (`GET /object_info`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pentimento.schema.vocabulary import Sampler
from pentimento.services.adapter import ImageRequest

Workflow = dict[str, dict[str, Any]]
Output = list[Any]  # [number of the node, slot]

STEPS, GUIDANCE = 20, 7.0
DISTILLED = ("flux", "schnell", "turbo", "lightning", "hyper", "lcm", "klein", "z_image", "z-image")
DISTILLED_GUIDANCE = 1.0  # their guidance is in the weights; more burns the picture
SAMPLERS = {  # our names, without the spacing -> KSampler's
    Sampler.EULER: "euler",
    Sampler.EULER_A: "euler_ancestral",
    Sampler.HEUN: "heun",
    Sampler.DPM2: "dpm_2",
    "DPM++ 2M": "dpmpp_2m",
    Sampler.DPM_SDE: "dpmpp_sde",
    "DPM++ 2M SDE": "dpmpp_2m_sde",
    Sampler.DDIM: "ddim",
    Sampler.UNIPC: "uni_pc",
    Sampler.LCM: "lcm",
}
SPACINGS = {
    "Karras": "karras",
    "Exponential": "exponential",
    "Simple": "simple",
    "SGM Uniform": "sgm_uniform",
    "Beta": "beta",
}
UNION_TYPES = {  # our kinds of map -> SetUnionControlNetType's
    "canny": "canny/lineart/anime_lineart/mlsd",
    "lineart": "canny/lineart/anime_lineart/mlsd",
    "mlsd": "canny/lineart/anime_lineart/mlsd",
    "softedge": "hed/pidi/scribble/ted",
    "scribble": "hed/pidi/scribble/ted",
    "depth": "depth",
    "normal": "normal",
    "openpose": "openpose",
    "seg": "segment",
    "tile": "tile",
}


@dataclass(frozen=True, slots=True)
class GraphWeights:
    """Names of files on ComfyUI's side: a checkpoint, or a denoiser with what it is split from.
    `kind` is what the loader of the text encoders calls them."""

    checkpoint: str = ""
    denoiser: str = ""
    encoders: tuple[str, ...] = ()
    kind: str = ""
    vae: str = ""
    loras: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        return self.checkpoint or self.denoiser


@dataclass(frozen=True, slots=True)
class Split:
    """A kind of model that comes in several files: words in the denoiser's name, words in those of
    its text encoders and its VAE, and what ComfyUI calls the encoders."""

    denoiser: tuple[str, ...]
    encoders: tuple[tuple[str, ...], ...]
    kind: str
    vae: tuple[str, ...]


SPLIT = (  # the first that fits counts
    Split(("qwen",), (("qwen_2.5_vl", "qwen2.5-vl", "qwen2_5_vl"),), "qwen_image", ("qwen",)),
    Split(("z_image", "z-image", "zimage"), (("qwen_3_4b", "qwen3"),), "lumina2", ("ae.", "flux")),
    Split(("chroma",), (("t5xxl", "t5-xxl"),), "chroma", ("ae.", "flux")),
    Split(("flux",), (("clip_l", "clip-l"), ("t5xxl", "t5-xxl")), "flux", ("ae.", "flux")),
    Split(("sd3",), (("clip_l", "clip-l"), ("clip_g", "clip-g")), "sd3", ("sd3",)),
)
WIDE_LATENTS = ("flux", "sd3", "qwen", "z_image", "z-image", "zimage", "chroma")  # 16 channels
GUIDED_BY_WEIGHTS = ("flux",)  # FluxGuidance says how strictly; `cfg` stays 1
EMBEDDED_GUIDANCE = 3.5


def split_of(denoiser: str) -> Split | None:
    name = denoiser.lower()
    return next((one for one in SPLIT if any(word in name for word in one.denoiser)), None)


@dataclass(frozen=True, slots=True)
class Files:
    """Names of what lies on ComfyUI's side: uploaded pictures and the ControlNet."""

    image: str = ""
    mask: str = ""
    map: str = ""
    control_net: str = ""


@dataclass(slots=True)
class _Nodes:
    made: Workflow = field(default_factory=dict)

    def add(self, kind: str, **inputs: Any) -> str:
        number = str(len(self.made) + 1)
        self.made[number] = {"class_type": kind, "inputs": inputs}
        return number


def workflow(
    ask: ImageRequest, weights: GraphWeights, files: Files, *, keep: bool = False
) -> Workflow:
    """One picture, previewed (and so kept by ComfyUI until it ends), and saved only if `keep`.

    The mask marks where noise is added and nothing else: composition is the caller's. `strength` is
    KSampler's `denoise`, the share of the noise schedule that is run.
    """
    nodes = _Nodes()
    model, clip, vae = _loaded(nodes, weights)
    positive: Output = [nodes.add("CLIPTextEncode", text=ask.prompt, clip=clip), 0]
    negative: Output = [nodes.add("CLIPTextEncode", text=ask.negative_prompt, clip=clip), 0]
    if ask.control:
        positive, negative = _steered(nodes, ask, files, positive, negative, vae)
    guided = guidance(weights.name) if ask.guidance is None else ask.guidance
    if ask.sampler == Sampler.EULER_CFG_FREE:
        guided = DISTILLED_GUIDANCE
    if weights.denoiser and _named(weights.denoiser, GUIDED_BY_WEIGHTS):
        embedded = EMBEDDED_GUIDANCE if ask.guidance is None else ask.guidance
        positive = [nodes.add("FluxGuidance", conditioning=positive, guidance=embedded), 0]
        guided = 1.0
    sampler, scheduler = sampler_names(ask.sampler)
    sampled = nodes.add(
        "KSampler",
        model=model,
        positive=positive,
        negative=negative,
        latent_image=_latent(nodes, ask, files, vae, weights),
        seed=ask.seed or 0,
        steps=ask.steps or STEPS,
        cfg=guided,
        sampler_name=sampler,
        scheduler=scheduler,
        denoise=1.0 if ask.image is None or ask.strength is None else ask.strength,
    )
    decoded = nodes.add("VAEDecode", samples=[sampled, 0], vae=vae)
    if keep:
        nodes.add("SaveImage", images=[decoded, 0], filename_prefix="pentimento")
    else:
        nodes.add("PreviewImage", images=[decoded, 0])
    return nodes.made


def _loaded(nodes: _Nodes, weights: GraphWeights) -> tuple[Output, Output, Output]:
    """The model, its text encoders and its VAE, with the LoRAs over the first two."""
    if weights.checkpoint:
        loaded = nodes.add("CheckpointLoaderSimple", ckpt_name=weights.checkpoint)
        model, clip, vae = ([loaded, slot] for slot in range(3))
    else:
        model = [
            nodes.add("UNETLoader", unet_name=weights.denoiser, weight_dtype="default"),
            0,
        ]
        clip = [_encoders(nodes, weights), 0]
        vae = []
    if weights.vae:
        vae = [nodes.add("VAELoader", vae_name=weights.vae), 0]
    for name, weight in weights.loras:
        strengths = {"strength_model": weight, "strength_clip": weight}
        lora = nodes.add("LoraLoader", model=model, clip=clip, lora_name=name, **strengths)
        model, clip = [lora, 0], [lora, 1]
    return model, clip, vae


def _encoders(nodes: _Nodes, weights: GraphWeights) -> str:
    if len(weights.encoders) == 1:
        return nodes.add("CLIPLoader", clip_name=weights.encoders[0], type=weights.kind)
    first, second = weights.encoders
    return nodes.add("DualCLIPLoader", clip_name1=first, clip_name2=second, type=weights.kind)


def _named(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name.lower() for word in words)


def sampler_names(sampler: str | None) -> tuple[str, str]:
    """KSampler's `sampler_name` and `scheduler` for a sampler of ours."""
    name = sampler or ""
    for ending, spacing in SPACINGS.items():
        if name.endswith(" " + ending):
            return SAMPLERS.get(name.removesuffix(" " + ending), "euler"), spacing
    return SAMPLERS.get(name, "euler"), "normal"


def guidance(checkpoint: str) -> float:
    """What is usual for a checkpoint of that name."""
    return DISTILLED_GUIDANCE if _named(checkpoint, DISTILLED) else GUIDANCE


def control_net_for(kind: str, names: Sequence[str]) -> str:
    """The first ControlNet whose name says that it was made for such maps, else one for all kinds;
    empty where there is none."""
    fitting = [name for name in names if kind in name.lower()]
    union = [name for name in names if is_union(name)] if kind in UNION_TYPES else []
    return next(iter(fitting + union), "")


def is_union(name: str) -> bool:
    return "union" in name.lower() or "promax" in name.lower()


def _latent(
    nodes: _Nodes, ask: ImageRequest, files: Files, vae: Output, weights: GraphWeights
) -> Output:
    if not files.image:
        size = ask.size
        wide = weights.denoiser and _named(weights.denoiser, WIDE_LATENTS)
        kind = "EmptySD3LatentImage" if wide else "EmptyLatentImage"
        return [nodes.add(kind, width=size.width, height=size.height, batch_size=1), 0]
    source = nodes.add("LoadImage", image=files.image)
    latent: Output = [nodes.add("VAEEncode", pixels=[source, 0], vae=vae), 0]
    if not files.mask:
        return latent
    mask = nodes.add("LoadImageMask", image=files.mask, channel="red")
    return [nodes.add("SetLatentNoiseMask", samples=latent, mask=[mask, 0]), 0]


def _steered(
    nodes: _Nodes, ask: ImageRequest, files: Files, positive: Output, negative: Output, vae: Output
) -> tuple[Output, Output]:
    assert ask.control is not None
    net: Output = [nodes.add("ControlNetLoader", control_net_name=files.control_net), 0]
    if is_union(files.control_net):
        kind = UNION_TYPES.get(ask.control.type, "auto")
        net = [nodes.add("SetUnionControlNetType", control_net=net, type=kind), 0]
    drawn = nodes.add("LoadImage", image=files.map)
    applied = nodes.add(
        "ControlNetApplyAdvanced",
        positive=positive,
        negative=negative,
        control_net=net,
        image=[drawn, 0],
        strength=ask.control.weight,
        start_percent=ask.control.start,
        end_percent=ask.control.end,
        vae=vae,
    )
    return [applied, 0], [applied, 1]
