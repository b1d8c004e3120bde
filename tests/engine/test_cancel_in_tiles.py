"""A job in tiles that is cancelled begins no further piece of work: counted, not timed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from diffusers import FluxTransformer2DModel, UNet2DConditionModel
from tests.engine.bench import Bench
from tests.engine.test_tiles import SMALL, scene

from pentimento.core.errors import Cancelled
from pentimento.engine.cancel import StopFlag
from pentimento.engine.sampling import latents

TILES = 12


class Pieces:
    """All tiles that are encoded, denoised and decoded, in their order. Somebody cancels while
    number `last` is at work, as the thread that reads messages does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, denoiser: type, last: int) -> None:
        self.stop, self.last = StopFlag(), last
        self.begun: list[str] = []
        self.ended = 0
        self._watch(monkeypatch, latents, "_encoded", "encoded")
        self._watch(monkeypatch, latents, "_decoded", "decoded")
        self._watch(monkeypatch, denoiser, "forward", "denoised")

    def _watch(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, kind: str) -> None:
        work = getattr(owner, name)

        def counted(*positional: Any, **named: Any) -> Any:
            self.begun.append(kind)
            if len(self.begun) == self.last:
                self.stop.set()
            done = work(*positional, **named)
            self.ended += 1
            return done

        monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize(
    ("model", "kind", "last"),
    [
        ("starter", "encoded", 2),
        ("starter", "decoded", TILES + 3),  # what the autoencoder loses is measured first
        ("starter", "denoised", 2 * TILES + 1),
        ("starter", "denoised", 4 * TILES + 5),  # in the second step
        ("starter", "decoded", 5 * TILES + 1),
        ("flux", "denoised", 4),
    ],
)
def test_no_tile_is_begun_after_the_cancel(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, model: str, kind: str, last: int
) -> None:
    denoiser = FluxTransformer2DModel if model == "flux" else UNet2DConditionModel
    pieces = Pieces(monkeypatch, denoiser, last)
    job = bench.job(model, mode="img2img", source=scene(), strength=0.4, steps=5, guidance=1.0)
    assert job.model is not None
    job = replace(job, model=replace(job.model, whole_pixels=SMALL))
    with pytest.raises(Cancelled):
        bench.run(job, stop=pieces.stop)
    assert pieces.begun[last - 1 :] == [kind]
    assert pieces.ended == last - 1, "that one does not run to its end either"
