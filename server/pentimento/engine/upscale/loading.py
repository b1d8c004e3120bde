"""Upscalers from files: which network the weights belong to, and the network with them in it.

The one that comes along is `compact.Compact`. The other architectures are spandrel's: its modules
are imported one by one, because the package as a whole imports torchvision for two restorers of
faces and holes that are of no use here. Swin2SR in a transformers folder is read by transformers.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pentimento.core.errors import JobFailed
from pentimento.engine import failures
from pentimento.engine.upscale.compact import Compact

ARCHITECTURES = (  # of spandrel, in the order in which they are tried
    *("ESRGAN", "SPAN", "DAT", "HAT", "SwinIR", "Swin2SR", "OmniSR", "PLKSR", "RGT", "DRCT"),
    *("ATD", "SAFMN", "MoSR", "RCAN", "FDAT"),
)
WINDOWED_MARGIN = 32  # px of the source around a part, for networks that look at windows
WRAPPINGS = ("params_ema", "params", "state_dict", "model")  # around the weights, in names


class Loaded(nn.Module):
    """A network `(n, 3, h, w)` 0..1 -> the same `scale` times as large. `margin` px around a part
    that it has to see, `multiple` of px that its windows have."""

    def __init__(
        self, net: nn.Module, scale: int, margin: int, multiple: int = 1, kind: str = "Compact"
    ) -> None:
        super().__init__()
        self.net = net.eval()
        self.scale, self.margin, self.multiple, self.kind = scale, margin, multiple, kind

    def forward(self, picture: Tensor) -> Tensor:
        """What networks add to have whole windows is cut off again."""
        height, width = picture.shape[-2:]
        made: Tensor = self.net(picture)
        return made[..., : height * self.scale, : width * self.scale]


def load(path: Path, scale: float) -> Loaded:
    """The network at `path`; of a folder with one for each scale that which suits. Raises JobFailed
    where there is none that can be used."""
    if path.is_dir():
        if (path / "config.json").is_file():
            return _of_transformers(path)
        path = _for_scale(path, scale)
    try:
        weights = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise failures.model_damaged(path, f"{path.name} cannot be read") from error
    weights = _unwrapped({name: value.float() for name, value in weights.items()})
    try:
        return _compact(weights) or _by_spandrel(weights, path)
    except JobFailed:
        raise
    except (RuntimeError, KeyError, ValueError, IndexError, TypeError, AssertionError) as error:
        raise failures.model_damaged(
            path, f"the weights in {path.name} do not make a whole network"
        ) from error


def _for_scale(folder: Path, scale: float) -> Path:
    """The file of the smallest scale that is enough, else of the largest."""
    found = sorted(
        (int(file.stem.removeprefix("x")), file) for file in folder.glob("x*.safetensors")
    )
    if not found:
        raise failures.model_damaged(folder, f"{folder.name} holds no weights")
    return next((file for own, file in found if own >= scale), found[-1][1])


def _unwrapped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    for name in WRAPPINGS:
        inside = {
            key.removeprefix(f"{name}."): value
            for key, value in weights.items()
            if key.startswith(f"{name}.")
        }
        if inside and name != "model":
            return inside
    return weights


def _compact(weights: dict[str, Tensor]) -> Loaded | None:
    """SRVGGNetCompact: kernels and the slopes of its PReLUs in turn; None for anything else."""
    names = {int(name.split(".")[1]) for name in weights if name.startswith("body.")}
    slopes = weights.get("body.1.weight")
    first, last = weights.get("body.0.weight"), weights.get(f"body.{max(names, default=0)}.weight")
    if first is None or last is None or slopes is None or slopes.ndim != 1 or first.ndim != 4:
        return None
    if last.ndim != 4 or first.shape[1] != 3:
        return None
    scale = round((last.shape[0] / 3) ** 0.5)
    net = Compact(scale, first.shape[0], (max(names) - 2) // 2)
    net.load_state_dict(weights)
    return Loaded(net, scale, net.reach)


def _by_spandrel(weights: dict[str, Tensor], path: Path) -> Loaded:
    for name in ARCHITECTURES:
        architecture = _architecture(name)
        if not architecture.detect(weights):
            continue
        found = architecture.load(weights)
        if found.input_channels != 3 or found.output_channels != 3 or found.scale < 1:
            break
        wanted = found.size_requirements
        multiple = max(int(getattr(wanted, "multiple_of", 1) or 1), 1)
        convolutional = name in ("ESRGAN", "SPAN", "SAFMN", "PLKSR")
        return Loaded(
            found.model,
            int(found.scale),
            WINDOWED_MARGIN // (2 if convolutional else 1),
            max(multiple, 1 if convolutional else WINDOWED_MARGIN),
            name,
        )
    raise JobFailed(
        "model_damaged",
        f"{path.name} is not an upscaler of a kind that can be used.",
        f"Use one of {', '.join(('Compact', *ARCHITECTURES))}.",
        details={"file": str(path)},
    )


def _architecture(name: str) -> Any:
    """spandrel's `Architecture` of this name."""
    _spandrel()
    module = importlib.import_module(f"spandrel.architectures.{name}")
    return getattr(module, f"{name}Arch")()


def _spandrel() -> None:
    """Makes `spandrel` importable part by part, without what its own `__init__` imports."""
    if "spandrel" in sys.modules:
        return
    found = importlib.util.find_spec("spandrel")
    if found is None or not found.submodule_search_locations:
        raise JobFailed(
            "unsupported",
            "Upscalers of this kind need the Python package spandrel, which is not installed.",
            "Run install.sh again, or: pip install --no-deps spandrel einops",
        )
    package = ModuleType("spandrel")
    package.__path__ = list(found.submodule_search_locations)
    package.__spec__ = found
    sys.modules["spandrel"] = package


def _of_transformers(folder: Path) -> Loaded:
    """Swin2SR, the one upscaler that transformers has."""
    from transformers import Swin2SRForImageSuperResolution

    told = json.loads((folder / "config.json").read_text("utf-8"))
    named = (told.get("architectures") or ["no class"])[0]
    if named != "Swin2SRForImageSuperResolution":
        raise failures.model_damaged(folder, f"{named} is not an upscaler that can be used")
    model = Swin2SRForImageSuperResolution.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    window = int(model.config.window_size)
    scale = int(model.config.upscale)
    multiple = -(-WINDOWED_MARGIN // window) * window
    return Loaded(_Reconstructing(model), scale, WINDOWED_MARGIN, multiple, "Swin2SR")


class _Reconstructing(nn.Module):
    """A transformers model as a network from picture to picture."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, picture: Tensor) -> Tensor:
        made: Tensor = self.model(pixel_values=picture).reconstruction
        return made
