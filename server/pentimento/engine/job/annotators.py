"""Models that see depth, people and kinds of things, and the control maps made of what they see.

They are transformers folders; pictures are prepared here, as their preprocessor_config.json says,
because transformers' own processors want torchvision for some of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import transformers
from torch import Tensor

from pentimento.core.geometry import Box, Size
from pentimento.engine.cancel import StopFlag, stoppable
from pentimento.engine.loading.model import Shared
from pentimento.engine.loading.sources import folder_identity, read_module
from pentimento.imaging import control_maps
from pentimento.models.library.parts.annotator import ROLES, place_of
from pentimento.models.library.sidecar import read_json

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, what most were made with
LEAST_SCORE = 0.5  # of a person
MOST_PEOPLE = 20
ROOM = 1.25  # around a person, as ViTPose was trained
SIDES = {"depth": 518, "segments": 512, "people": 640}  # px, where the folder does not say


class LoadedAnnotators:
    """What the annotators of one job see. `addons` has their folders."""

    def __init__(self, shared: Shared, addons: Mapping[str, Path], stop: StopFlag) -> None:
        self._shared, self._addons, self._stop = shared, addons, stop

    def map(self, kind: str, picture: np.ndarray) -> np.ndarray:
        """`(h, w, 3)` u8 of an `(h, w, 3)` u8 picture; `kind` is a key of NEEDS."""
        draw: Callable[[np.ndarray], np.ndarray] = {
            "depth": self._depth_map,
            "normal": lambda seen: control_maps.normals(self._depth(seen)),
            "openpose": self._figures,
            "seg": self._kinds,
        }[kind]
        with torch.inference_mode():
            return draw(picture)

    def _depth_map(self, picture: np.ndarray) -> np.ndarray:
        grey = np.rint(self._depth(picture) * 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)

    def _depth(self, picture: np.ndarray) -> np.ndarray:
        """`(h, w)` float32 0..1, 1 nearest."""
        model, settings = self._model("depth")
        seen = _normalised(picture, _fitting(picture, settings, "depth", model), settings)
        found = self._run(model, pixel_values=seen).predicted_depth[0].float()
        if getattr(model.config, "depth_estimation_type", "relative") == "metric":
            found = 1 / found.clamp(min=1e-3)
        near = found - found.min()
        depth = (near / near.max().clamp(min=1e-6)).cpu().numpy()
        size = (picture.shape[1], picture.shape[0])
        return np.clip(cv2.resize(depth, size, interpolation=cv2.INTER_LINEAR), 0, 1)

    def _kinds(self, picture: np.ndarray) -> np.ndarray:
        model, settings = self._model("segments")
        side = _side(settings, "segments")
        seen = _normalised(picture, Size(side, side), settings)
        scores = self._run(model, pixel_values=seen).logits.float()
        size = picture.shape[:2]
        large = torch.nn.functional.interpolate(scores, size, mode="bilinear")
        return control_maps.colored(large[0].argmax(0).cpu().numpy())

    def _figures(self, picture: np.ndarray) -> np.ndarray:
        size = Size(picture.shape[1], picture.shape[0])
        people = [self._joints(picture, box) for box in self._people(picture, size)]
        return control_maps.draw_skeleton(
            np.array(people).reshape(-1, control_maps.JOINTS, 3), size
        )

    def _people(self, picture: np.ndarray, size: Size) -> list[Box]:
        """Boxes of the people that are seen, the surest first."""
        model, settings = self._model("people")
        side = _side(settings, "people")
        plain = settings | ({} if settings.get("do_normalize") else _PLAIN)
        found = self._run(model, pixel_values=_normalised(picture, Size(side, side), plain))
        names = {str(name).lower(): int(number) for number, name in model.config.id2label.items()}
        scores = found.logits[0].float().sigmoid()[:, names.get("person", 0)]
        order = scores.argsort(descending=True)[:MOST_PEOPLE]
        boxes = found.pred_boxes[0].float()[order[scores[order] > LEAST_SCORE]].cpu().numpy()
        scaled = boxes * [size.width, size.height, size.width, size.height]
        return [
            Box(round(x - w / 2), round(y - h / 2), round(w), round(h)) for x, y, w, h in scaled
        ]

    def _joints(self, picture: np.ndarray, person: Box) -> np.ndarray:
        """`(17, 3)`: x, y in px of the picture and how sure."""
        model, settings = self._model("joints")
        height, width = _image_size(model.config.backbone_config)
        wide = max(person.width, person.height * width / height, 1) * ROOM
        scale = width / wide
        middle = (person.x + person.width / 2, person.y + person.height / 2)
        there = np.array(
            [
                [scale, 0, width / 2 - middle[0] * scale],
                [0, scale, height / 2 - middle[1] * scale],
            ]
        )
        cut = cv2.warpAffine(picture, there, (width, height), flags=cv2.INTER_LINEAR)
        experts = getattr(model.config.backbone_config, "num_experts", 1) > 1
        chosen = {"dataset_index": torch.zeros(1, dtype=torch.long)} if experts else {}
        seen = _normalised(cut, Size(width, height), settings)
        heat = self._run(model, pixel_values=seen, **chosen).heatmaps[0].float().cpu().numpy()
        joints = _peaks(heat[: control_maps.JOINTS])
        joints[:, 0] = (joints[:, 0] * width - width / 2) / scale + middle[0]
        joints[:, 1] = (joints[:, 1] * height - height / 2) / scale + middle[1]
        return joints

    def _model(self, role: str) -> tuple[Any, dict[str, Any]]:
        """The model on the device, and how pictures are prepared for it."""
        folder = self._addons[place_of(role)]
        name = str(read_json(folder / "config.json")["architectures"][0])
        assert ROLES[name] == role
        dtype = torch.float32
        key: Hashable = (folder_identity(folder), dtype)
        kind: type[Any] = getattr(transformers, name)
        model = self._shared.components.get(
            key, f"annotator {folder.name}", lambda: read_module(kind, folder, dtype)
        )
        self._shared.components.bring(model)
        file = folder / "preprocessor_config.json"
        return model, read_json(file) if file.is_file() else {}

    def _run(self, model: Any, *, pixel_values: Tensor, **others: Tensor) -> Any:
        where = self._shared.device.where
        with stoppable([model], self._stop):
            return model(
                pixel_values=pixel_values.to(where),
                **{name: value.to(where) for name, value in others.items()},
            )


_PLAIN: dict[str, Any] = {"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}


def _normalised(picture: np.ndarray, size: Size, settings: dict[str, Any]) -> Tensor:
    """`(1, 3, h, w)` float32, as a model wants to see it."""
    smaller = size.pixels < picture.shape[0] * picture.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    seen = cv2.resize(picture, (size.width, size.height), interpolation=way).astype(np.float32)
    mean = np.array(settings.get("image_mean") or MEAN, np.float32)
    spread = np.array(settings.get("image_std") or SPREAD, np.float32)
    values = (seen / 255 - mean) / spread
    return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]


def _side(settings: dict[str, Any], role: str) -> int:
    size = settings.get("size")
    found = size.get("height", size.get("shortest_edge")) if isinstance(size, dict) else size
    return found if isinstance(found, int) and 1 <= found <= 4096 else SIDES[role]


def _fitting(picture: np.ndarray, settings: dict[str, Any], role: str, model: Any) -> Size:
    """The model's own size; for models that take any shape about that, in the picture's proportions
    and in whole patches."""
    side = _side(settings, role)
    if not settings.get("keep_aspect_ratio"):
        return Size(side, side)
    backbone = getattr(model.config, "backbone_config", None) or model.config
    patch = getattr(backbone, "patch_size", None) or 32
    multiple = int(settings.get("ensure_multiple_of") or patch)
    height, width = picture.shape[:2]
    factor = side / min(height, width)
    sides = (max(1, round(side * factor / multiple)) * multiple for side in (width, height))
    return Size(*sides)


def _image_size(backbone: Any) -> tuple[int, int]:
    """Height and width that a backbone takes."""
    size = backbone.image_size
    return (int(size[0]), int(size[1])) if not isinstance(size, int) else (size, size)


def _peaks(heat: np.ndarray) -> np.ndarray:
    """`(n, 3)` of `(n, h, w)` heat: x and y 0..1 and the height of each highest point, moved a
    quarter towards its higher neighbours (A. Newell 2016)."""
    count, height, width = heat.shape
    found = np.zeros((count, 3), np.float32)
    for number, one in enumerate(heat):
        y, x = np.unravel_index(int(one.argmax()), one.shape)
        across = np.sign(one[y, min(x + 1, width - 1)] - one[y, max(x - 1, 0)]) / 4
        down = np.sign(one[min(y + 1, height - 1), x] - one[max(y - 1, 0), x]) / 4
        found[number] = (x + 0.5 + across) / width, (y + 0.5 + down) / height, one[y, x]
    return found
