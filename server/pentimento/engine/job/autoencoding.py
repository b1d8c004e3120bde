"""What the autoencoder does in a job: the source into latents, latents into pictures, and what is
lost on the way there and back."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pentimento.core.errors import JobFailed
from pentimento.core.geometry import Work
from pentimento.engine import failures
from pentimento.engine.cancel import StopFlag, stoppable
from pentimento.engine.loading.model import LoadedModel, Shared
from pentimento.engine.sampling import latents
from pentimento.imaging import colour, detail
from pentimento.imaging.canvas import Canvas
from pentimento.schema.job import Mode
from pentimento.schema.task import Task

LARGE = 16_000_000  # px of a picture of which not every bit of a float is kept while it is made


@dataclass(frozen=True, slots=True)
class Loss:
    """What the autoencoder does to the source, measured on its way there and back, all at the
    generation size. `detail` are the source and its return without drift."""

    drift: np.ndarray | None
    detail: tuple[detail.Source, np.ndarray] | None

    def restored(
        self, raw: np.ndarray, strength: float, *, stages: bool
    ) -> tuple[dict[str, np.ndarray], float]:
        """A picture without it, and the share of detail that was given back; with all its `stages`
        or, which takes less memory, the last one only."""
        made = {"decode": raw}
        if self.drift is not None:
            into = None if stages else raw
            made["drift_correction"] = colour.undo_drift(raw, self.drift, 1 - strength, into)
        share = 0.0
        if self.detail is not None:
            source, returned = self.detail
            picture = list(made.values())[-1]
            picture = picture.copy() if stages else picture
            share = detail.give_back(picture, source, returned, strength)
            made["detail_correction"] = picture
        return made, share


class Autoencoding:
    """The model's autoencoder at work for one job. `canvas` is the one with the job's own source,
    of which results are kept between jobs. `low_memory` works in tiles: less memory, faint edges
    between them; a picture that does not fit into memory otherwise is decoded so as well."""

    def __init__(
        self, shared: Shared, model: LoadedModel, task: Task, canvas: Canvas, stop: StopFlag
    ) -> None:
        self._shared, self._model, self._stop = shared, model, stop
        self._task, self._request = task, task.request
        self._source_of = canvas
        self._seen: np.ndarray | None = None  # of that one, from its encoding to its drift
        self.low_memory = False

    @contextmanager
    def vae(self) -> Iterator[Any]:
        """At work: it can be stopped, and works in tiles where memory is short."""
        vae = self._model.vae()
        with stoppable([vae], self._stop), latents.tiled(vae, wanted=self.low_memory):
            yield vae

    def encode(self, picture: np.ndarray, work: Work | None = None) -> Tensor:
        with self.vae() as vae:
            return latents.encode(vae, picture, work)

    def source(self, canvas: Canvas) -> Tensor | None:
        """Latents of the source. An edit begins without them; they are looked at only."""
        edits = self._request.mode is Mode.EDIT
        if canvas.source is None or (edits and not self._request.observe):
            return None

        def encoded() -> Tensor:
            picture = canvas.seen()
            assert picture is not None
            if canvas is self._source_of and canvas.work.size.pixels <= LARGE:
                self._seen = picture
            return self.encode(picture, canvas.work)

        return self._shared.sources.get(self._key(canvas, "latents"), encoded)

    def forget_seen(self) -> None:
        """What the source looks like is not needed any more."""
        self._seen = None

    def loss(self, canvas: Canvas, source: Tensor | None, strength: float) -> Loss | None:
        """`source` are the latents of the canvas's source. None where nothing of it remains, or
        nothing is to be corrected."""
        request = self._request
        if source is None or strength >= 1:
            return None
        if not (request.drift_correction or request.detail_correction):
            return None
        asked = (request.drift_correction, request.detail_correction)
        drifted, returned = self._shared.sources.get(
            self._key(canvas, "return", *asked), lambda: self._returned(canvas, source)
        )
        if returned is None:
            return Loss(drifted, None)
        return Loss(drifted, (canvas.seen_rows(), returned))

    def _returned(
        self, canvas: Canvas, source: Tensor
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The drift, and the source as it comes back without it, as far as they are wanted."""
        request = self._request
        returned = self.decode(source, canvas.work)
        drifted = self._drift(canvas, returned) if request.drift_correction else None
        if not request.detail_correction:
            return drifted, None
        if drifted is not None:
            returned = colour.undo_drift(returned, drifted, 1.0, returned)
        if canvas.work.size.pixels > LARGE:
            returned = returned.astype(np.float16)
        return drifted, returned

    def _drift(self, canvas: Canvas, returned: np.ndarray) -> np.ndarray:
        """What the source looks like is gone after it: of a large picture it takes 12 bytes a
        pixel, and the next thing that is made is a copy of its return."""
        seen, self._seen = self._seen, None
        if seen is None:
            seen = canvas.seen()
        assert seen is not None, "there are latents of a source"
        return colour.measure_drift(seen, returned)

    def _key(self, canvas: Canvas, *what: Hashable) -> Hashable | None:
        """What the autoencoder makes of the job's source depends on nothing else; None for all
        other pictures, which change from job to job."""
        reference = self._request.source
        if canvas is not self._source_of or reference is None:
            return None
        path = self._task.inputs[reference.blob].path
        if path.name != reference.blob:  # the server's are named after their content
            return None
        file = path.stat()
        place = (str(path), file.st_ino, file.st_size)
        tiled = self.low_memory  # in tiles the autoencoder's bits are others
        return (*what, place, canvas.fill, canvas.work, self._model.vae_key, tiled)

    def decode(self, found: Tensor, work: Work) -> np.ndarray:
        """`(h, w, 3)` float32 0..1. Raises JobFailed where it holds values that are no numbers."""
        try:
            picture = self._decoded(found, work)
        except Exception as error:
            if self.low_memory or not failures.is_out_of_memory(error):
                raise
            self.low_memory = True
        else:
            return picture
        # Out of the except block, whose trace held the tensors: the steps need not run again.
        self._shared.components.drop_unused()
        return self._decoded(found, work)

    def _decoded(self, found: Tensor, work: Work) -> np.ndarray:
        with self.vae() as vae:
            picture = latents.decode(vae, found, work)
        if not np.isfinite(picture).all():
            raise no_picture(self._model, "decoding")
        return picture


def check_finite(model: LoadedModel, found: Tensor) -> None:
    """Raises JobFailed for denoised latents that hold values that are no numbers."""
    if not torch.isfinite(found).all():
        raise no_picture(model, "denoising")


def no_picture(model: LoadedModel, stage: str) -> JobFailed:
    broken = model.broken_part()
    if broken:
        return failures.model_damaged(broken, f"{broken.name} holds values that are no numbers")
    return failures.no_picture(stage)
