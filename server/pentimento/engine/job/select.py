"""Jobs of the mode `select` that a model finds the object for."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from pentimento.core.geometry import Box, Size
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.segmenters import Segmenter
from pentimento.engine.loading.model import Shared
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import matting, pixels, selecting
from pentimento.imaging.object_selection import Click, bounds_of, held, middle
from pentimento.models.library.parts.annotator import OBJECTS, place_of
from pentimento.schema.job import PixelFormat
from pentimento.schema.task import Emit, Loading, PixelFile, Result


class Selecting:
    """The run of one such job."""

    def __init__(self, shared: Shared, job: EngineJob, emit: Emit, stop: StopFlag) -> None:
        self._shared, self._job, self._emit, self._stop = shared, job, emit, stop
        self._known = False
        self.size = Size(1, 1)

    def run(self) -> dict[str, Any]:
        """Saves and emits the mask, and the object if asked for; answers the facts of the job."""
        self._emit(Loading("Selecting the object"))
        started = time.monotonic()
        request, folder = self._job.task.request, self._job.task.output_dir
        assert request.source is not None
        file = self._job.task.inputs[request.source.blob]
        self.size = Size(file.width, file.height)
        mask = selecting.mask(request, self._job.task.inputs, self._find)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "0.raw"
        pixels.store(mask[..., None], PixelFormat.Y_U8, path)
        facts = {
            "segmenter": str(request.model),
            "covered": selecting.covered(mask),
            "embedding_kept": self._known,
            "seconds": round(time.monotonic() - started, 3),
        }
        sides = (self.size.width, self.size.height)
        self._emit(Result(0, PixelFile(path, *sides, PixelFormat.Y_U8), 0, facts))
        if request.cut_out:
            path = folder / "1.raw"
            format = selecting.store_cut_out(file, mask, path)
            self._emit(Result(1, PixelFile(path, *sides, format), 0, {"cut_out": True}))
        return facts | {"loaded": list(self._shared.components.loads)}

    def _find(
        self,
        seen: np.ndarray,
        clicks: tuple[Click, ...],
        box: Box | None,
        rough: np.ndarray | None,
    ) -> np.ndarray:
        """Without any hint the middle of the picture is asked for, as a box."""
        request = self._job.task.request
        assert request.source is not None
        segmenter = Segmenter(self._shared, self._job.addons[place_of(OBJECTS)], self._stop)
        name = f"{request.source.blob} {request.transparent_fill}"
        embedding, self._known = segmenter.embedding(seen, name)
        height, width = seen.shape[:2]
        if rough is not None:
            around: Box | None = bounds_of(rough)
        else:
            around = box if box or clicks else middle(width, height)
        found = segmenter.logits(embedding, (height, width), clicks, around, rough) > 0
        if rough is not None:
            found = held(found, rough)
        return matting.soft_alpha(seen, found, matting.band_of(found.shape))
