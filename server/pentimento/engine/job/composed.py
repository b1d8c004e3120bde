"""The frame of a job whose picture other jobs paint: an enlargement with detail, a canvas that
grows by sections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pentimento.core.geometry import Size
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.generate import Generation
from pentimento.engine.loading.model import Shared
from pentimento.engine_ipc.messages import EngineJob
from pentimento.imaging import decode, pixels
from pentimento.schema.task import Emit, Event, Loading


class ComposedJob:
    """`run` saves and emits every picture, and answers the facts of the job."""

    def __init__(
        self, shared: Shared, job: EngineJob, emit: Emit, stop: StopFlag, *, low_memory: bool
    ) -> None:
        self._shared, self._job, self._emit, self._stop = shared, job, emit, stop
        self._low_memory = low_memory
        self.size = Size(1, 1)  # of the result, px

    def run(self) -> dict[str, Any]:
        raise NotImplementedError

    def _source(self) -> decode.Own:
        """The source, as it is read first of all."""
        self._emit(Loading("Preparing"))
        request = self._job.task.request
        assert request.source is not None
        return decode.load_own(self._job.task.inputs[request.source.blob])

    def _generate(self, job: EngineJob, hear: Callable[[Event], None]) -> dict[str, Any]:
        """Runs a job that paints a part; facts of it. `hear` gets its events, results too."""
        return Generation(self._shared, job, hear, self._stop, low_memory=self._low_memory).run()


def keep_profile(own: decode.Own, path: Path) -> None:
    """The source's profile beside a result in its colours."""
    if own.profile is not None:
        pixels.profile_file(path).write_bytes(own.profile.data)
