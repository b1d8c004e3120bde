"""SAM 2 and 2.1 (Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos"): an object from
clicks and a box, on an embedding of the picture that is made once.

Pictures are prepared here as transformers' Sam2ImageProcessor does, which wants torchvision.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import torch
import transformers
from torch import Tensor

from pentimento.core.geometry import Box
from pentimento.engine.cancel import StopFlag, stoppable
from pentimento.engine.job.annotators import MEAN, SPREAD
from pentimento.engine.loading.model import Shared
from pentimento.engine.loading.sources import folder_identity, read_module
from pentimento.imaging.object_selection import Click

KEPT = 4  # embeddings; about 16 MB each for a picture of 1024 px
MASK_SCALE, MASK_BIAS = 20.0, -10.0  # as SAM 2 turns a binary mask into logits
LABEL = {True: 1, False: 0}

Embedding = list[Tensor]
_embeddings: OrderedDict[Hashable, Embedding] = OrderedDict()


class Segmenter:
    """One model of the role `objects` for one job."""

    def __init__(self, shared: Shared, folder: Path, stop: StopFlag) -> None:
        self._shared, self._stop = shared, stop
        self._identity = folder_identity(folder)
        components = shared.components
        self._model = components.get(
            (self._identity, torch.float32),
            f"segmenter {folder.name}",
            lambda: read_module(transformers.Sam2Model, folder, torch.float32),
        )
        components.bring(self._model)
        size = self._model.config.prompt_encoder_config.image_size
        self._side = int(size if isinstance(size, int) else size[0])

    def embedding(self, picture: np.ndarray, name: str) -> tuple[Embedding, bool]:
        """Of an `(h, w, 3)` u8 picture, kept by `name`, which must differ where pictures do; and
        whether it was there already."""
        key = (self._identity, name)
        found = _embeddings.get(key)
        if found is not None:
            _embeddings.move_to_end(key)
            return found, True
        with torch.inference_mode(), stoppable([self._model], self._stop):
            made = self._model.get_image_embeddings(self._prepared(picture))
        _embeddings[key] = made
        while len(_embeddings) > KEPT:
            _embeddings.popitem(last=False)
        return made, False

    def logits(
        self,
        embedding: Embedding,
        size: tuple[int, int],
        clicks: tuple[Click, ...],
        box: Box | None,
        rough: np.ndarray | None = None,
    ) -> np.ndarray:
        """`(h, w)` float32 of `size` (h, w), above 0 on the object. One click alone has three
        answers (a part, the thing, a group): the one that the model trusts most. `rough`: a
        selection `(h, w)` bool, told as the logits that SAM 2 itself makes of a mask."""
        height, width = size
        scale = torch.tensor([self._side / width, self._side / height])
        prompts: dict[str, Tensor] = {}
        where = self._shared.device.where
        if clicks:
            places = torch.tensor([[click.x, click.y] for click in clicks]) * scale
            labels = torch.tensor([LABEL[click.wanted] for click in clicks], dtype=torch.int32)
            prompts["input_points"] = places[None, None].to(where, torch.float32)
            prompts["input_labels"] = labels[None, None].to(where)
        if box is not None:
            corners = torch.tensor([[box.x, box.y], [box.right, box.bottom]]) * scale
            prompts["input_boxes"] = corners.reshape(1, 1, 4).to(where, torch.float32)
        if rough is not None:
            told = torch.from_numpy(rough.astype(np.float32))[None, None] * MASK_SCALE + MASK_BIAS
            prompts["input_masks"] = told.to(where)
        several = len(clicks) == 1 and box is None and rough is None
        with torch.inference_mode(), stoppable([self._model], self._stop):
            answer = self._model(
                image_embeddings=list(embedding), multimask_output=several, **prompts
            )
            best = int(answer.iou_scores[0, 0].argmax()) if several else 0
            small = answer.pred_masks[:, 0, best : best + 1].float()
            large = torch.nn.functional.interpolate(
                small, (height, width), mode="bilinear", align_corners=False
            )
        return large[0, 0].cpu().numpy()

    def _prepared(self, picture: np.ndarray) -> Tensor:
        """`(1, 3, side, side)` float32, stretched to the model's square."""
        whole = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]
        small = torch.nn.functional.interpolate(
            whole, (self._side, self._side), mode="bilinear", antialias=True
        )
        mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, SPREAD))
        return ((small.float() / 255 - mean) / spread).to(self._shared.device.where)


def forget() -> None:
    """All embeddings."""
    _embeddings.clear()
