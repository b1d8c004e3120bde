"""A picture that ends before its last step: because its record says so, or because a client has
seen enough of it ("stop and keep"). The same step of the same record gives the same bits."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pentimento.engine.cancel import StopFlag
from pentimento.schema.job import JobRequest


class Enough(Exception):
    """Leaves the denoising loop with the estimate `(1, c, h, w)` of the finished picture."""

    def __init__(self, estimate: Tensor) -> None:
        super().__init__()
        self.estimate = estimate


class Ending:
    """Of one job. Steps are counted over all passes and tiles of a picture, 1 is the first."""

    def __init__(self, stop: StopFlag, request: JobRequest) -> None:
        self._stop, self._request = stop, request
        self._at: int | None = None
        self._images = 0

    @property
    def reached(self) -> bool:
        """Whether the picture at hand is not painted any further; there is no other after it."""
        return self._at is not None

    def is_due(self, done: int, steps: int, image: int) -> bool:
        """Whether picture `image` ends now, after `done` of its `steps`. What it has more to paint,
        tiles or another pass, is due at once then."""
        if self._at is None and done < steps and (self._stop.finishing or self._told(done, image)):
            self._at = done
        return self.reached

    def _told(self, done: int, image: int) -> bool:
        wanted, last = self._request.stopped_at, self._request.count - 1
        return wanted is not None and image == last and done >= wanted

    def after(self, images: int) -> bool:
        """Whether no other picture is made after so many."""
        self._images = images
        return self.reached or self._stop.finishing

    @property
    def step(self) -> dict[str, int]:
        """Where the picture at hand ended, for its facts."""
        return {} if self._at is None else {"stopped_at": self._at}

    def facts(self) -> dict[str, Any]:
        """What of the request does not hold any more: fewer pictures, and where the last ended."""
        told: dict[str, Any] = dict(self.step)
        if self._images < self._request.count:
            told["count"] = self._images
        return {"ended": told} if told else {}
