"""Control maps that the engine draws: those that take a model, and jobs that want just a map."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pentimento.core.geometry import Size
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job import annotators
from pentimento.engine.loading.model import Shared
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import control_maps, decode, model_input, pixels
from pentimento.schema.job import Control, PixelFormat
from pentimento.schema.task import Emit, Loading, PixelFile, Result


def draw(
    shared: Shared,
    addons: Mapping[str, Path],
    control: Control,
    picture: np.ndarray,
    stop: StopFlag,
) -> np.ndarray:
    """The control's map, `(h, w, 3)` u8, of an `(h, w, 3)` u8 picture."""
    if control.type in control_maps.DRAWERS:
        return control_maps.draw(control.type, picture, control.low, control.high)
    see = annotators.LoadedAnnotators(shared, addons, stop)
    return control_maps.at_working_size(picture, lambda seen: see.map(control.type, seen))


class Drawing:
    """The run of a job of the mode `preprocess`."""

    def __init__(self, shared: Shared, job: EngineJob, emit: Emit, stop: StopFlag) -> None:
        self._shared, self._job, self._emit, self._stop = shared, job, emit, stop
        self.size = Size(1, 1)

    def run(self) -> dict[str, Any]:
        """Saves and emits the map; answers the facts of the job."""
        self._emit(Loading("Drawing the map"))
        started = time.monotonic()
        request, folder = self._job.task.request, self._job.task.output_dir
        assert request.source is not None
        source = decode.load(self._job.task.inputs[request.source.blob])
        self.size = Size(source.shape[1], source.shape[0])
        seen = model_input.seen_u8(source, request.transparent_fill)
        control = request.controls[0]
        drawn = draw(self._shared, self._job.addons, control, seen, self._stop)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "0.raw"
        pixels.store(drawn, PixelFormat.RGB_U8, path)
        file = PixelFile(path, self.size.width, self.size.height, PixelFormat.RGB_U8)
        seconds = round(time.monotonic() - started, 3)
        self._emit(Result(0, file, 0, {"control": control.type, "seconds": seconds}))
        return {"drawn": control.type, "loaded": list(self._shared.components.loads)}
