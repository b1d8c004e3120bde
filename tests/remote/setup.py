"""A server and what it needs to use a service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.remote.standins.base import StandIn
from tests.server.front import Front


class Setup:
    """`front` runs from the first use on, with these options of `pentimento serve`."""

    def __init__(self, data: Path, *options: str) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        self._options = options
        self._front: Front | None = None
        self._stand_ins: list[StandIn] = []

    @property
    def front(self) -> Front:
        if self._front is None:
            self._front = Front(self.data, None, *self._options)
        return self._front

    def use(self, service: str, stand_in: StandIn, *, consent: bool = True) -> None:
        """Sets a service up as a user does, but for its address."""
        self._stand_ins.append(stand_in)
        self.set(service, base_url=stand_in.base_url)
        answer = self.front.call("PUT", f"/v1/backends/{service}/key", {"key": stand_in.key})
        assert answer.status == 200, answer.body
        if any(self.entry(service)["caps"].values()) and self._price_of(service) is None:
            self.set(service, price=0.05)
        if consent:
            self.agree(service)

    def set(self, service: str, **change: Any) -> None:
        answer = self.front.call("PUT", f"/v1/backends/{service}", change)
        assert answer.status == 200, answer.body

    def agree(self, service: str, agreed: bool = True) -> None:
        path = f"/v1/backends/{service}/consent"
        answer = self.front.call("POST", path, {"agreed": agreed})
        assert answer.status == 200, answer.body

    def _price_of(self, service: str) -> float | None:
        return self.entry(service)["price_per_picture"]

    def entry(self, service: str) -> dict[str, Any]:
        told = self.front.call("GET", "/v1/backends").json["backends"]
        return next(one for one in told if one["id"] == service)

    def run(self, request: dict[str, Any], seconds: float = 90) -> dict[str, Any]:
        return self.front.finished(self.front.start(request), seconds)

    def source(self, picture: np.ndarray) -> dict[str, str]:
        """An `(h, w, 4)` u8 picture or an `(h, w)` mask as a blob."""
        height, width = picture.shape[:2]
        kind = "rgba-u8" if picture.ndim == 3 else "y-u8"
        return self.front.blob(picture.tobytes(), width, height, kind)

    def pixels(self, job: dict[str, Any], index: int = 0) -> np.ndarray:
        """A result as `(h, w, channels)` u8."""
        image = job["images"][index]
        raw = self.front.call("GET", image["url"], headers={"Accept": "application/x-pixels"})
        channels = {"rgba-u8": 4, "rgb-u8": 3}[image["format"]]
        shape = (image["height"], image["width"], channels)
        return np.frombuffer(raw.body, np.uint8).reshape(shape)

    def close(self) -> None:
        if self._front:
            self._front.stop()
        for stand_in in self._stand_ins:
            stand_in.close()
