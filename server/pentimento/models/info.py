"""What is known of a model without loading it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pentimento.imaging.schedules import EVEN, Spacing
from pentimento.jobs.record import Mode
from pentimento.models import families

PAINTING = (Mode.TXT2IMG, Mode.IMG2IMG, Mode.INPAINT)
PRIVATE = (
    "path",
    "editing",
    "role",
    "base",
    "configs",
    "latent_scale",
    "latent_channels",
    "latent_scaling",
    "vae_kind",
    "unet_width",
    "context_dim",
    "prediction_type",
    "latent_rgb",
    "scheduler",
    "spacing",
)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model folder. Sizes in px; a damaged one has `ok` False and a sentence in `problem`."""

    id: str
    title: str
    family: str  # a name of families.FAMILIES; "unknown" only where not ok
    path: Path
    role: str = "checkpoint"  # "denoiser": a file to which `base` gives all other parts; "rest":
    # a folder that has all but the denoiser's weights, and can be such a base
    base: Path | None = None
    configs: str = ""  # of a checkpoint in one file: which of pentimento/configs is its own
    native_size: int = 512  # side of the squares it was trained on
    multiple: int = 16  # sides of a generation are multiples of this
    min_size: int = 256
    max_pixels: int = 512 * 512
    default_steps: int = 20
    default_guidance: float = 7.0
    default_sampler: str = "DPM++ 2M Karras"
    licence: str = ""
    note: str = ""
    variant: str = ""  # "inpaint": was trained to fill holes; empty: the ordinary kind
    precision: str = "unknown"  # of most of its weights, where a header told
    source: str = ""  # whose folder it lies in; empty: our own
    bytes: int = 0
    default: bool = False
    ok: bool = True
    problem: str = ""
    editing: str = ""  # a name of families.EDITS where it follows instructions, else empty
    latent_scale: int = 8  # px per latent
    latent_channels: int | None = None
    latent_scaling: float | None = None  # what its VAE's latents are multiplied with
    vae_kind: str = ""  # class of its VAE
    unet_width: int = 320  # channels of the UNet's first block
    context_dim: int | None = None  # of the prompt's embeddings, as the denoiser takes them
    prediction_type: str = "epsilon"
    latent_rgb: dict[str, Any] | None = field(default=None, hash=False)  # matrix (3, c), bias (3,)
    scheduler: dict[str, Any] = field(default_factory=dict, hash=False)  # scheduler_config.json
    spacing: Spacing = EVEN  # of a model distilled to few steps

    def as_json(self) -> dict[str, Any]:
        """The entry of `GET /v1/models`: no paths, nothing that only the engine needs."""
        told = {key: value for key, value in asdict(self).items() if key not in PRIVATE}
        return told | {"modes": list(self.modes), "edit_references": self.edit_references}

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What can be painted with it."""
        return (*PAINTING, Mode.EDIT) if self.editing else PAINTING

    @property
    def edit_references(self) -> int:
        """How many pictures an edit may bring besides its source."""
        return families.EDITS[self.editing].references if self.editing else 0
