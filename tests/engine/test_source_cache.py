"""A second job on the same picture only denoises and decodes, and gives the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.engine.bench import IMAGE, Bench, store

from pentimento.engine.memory.encoded import MOST, EncodedSources
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

SIDE = 96


def photograph(seed: int = 1) -> np.ndarray:
    """`(h, w, 4)` u8 with soft and transparent places."""
    chance = np.random.RandomState(seed)
    small = chance.randint(0, 256, (12, 12, 4)).astype(np.uint8)
    picture = np.kron(small, np.ones((8, 8, 1), np.uint8))
    picture[20:40, 20:60, 3] = 0
    return picture


class Counted:
    """How often the autoencoder of a worker encodes and decodes."""

    def __init__(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        from pentimento.engine.sampling import latents

        self.encoded = self.decoded = 0
        encode, decode = latents._encoded, latents._decoded

        def count_encoded(*args: Any) -> torch.Tensor:
            self.encoded += 1
            return encode(*args)

        def count_decoded(*args: Any) -> np.ndarray:
            self.decoded += 1
            return decode(*args)

        monkeypatch.setattr(latents, "_encoded", count_encoded)
        monkeypatch.setattr(latents, "_decoded", count_decoded)

    def since(self) -> tuple[int, int]:
        found = self.encoded, self.decoded
        self.encoded = self.decoded = 0
        return found


@pytest.fixture
def own(registry: Registry, tmp_path: Path) -> Bench:
    return Bench(Worker(), registry, tmp_path)


def blob(tmp_path: Path, picture: np.ndarray, name: str = IMAGE) -> Any:
    """One file for several jobs, as the front has it."""
    return store(picture, tmp_path / name)


def job(bench: Bench, file: Any, **wanted: Any) -> Any:
    fields = {"mode": "img2img", "strength": 0.5, "source": photograph()} | wanted
    made = bench.job(**fields)
    return replace(made, task=replace(made.task, inputs=made.task.inputs | {IMAGE: file}))


def test_second_job_neither_encodes_nor_decodes_the_source(
    own: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(own.worker, monkeypatch)
    file = blob(tmp_path, photograph())
    first = own.run(job(own, file))
    assert counted.since() == (1, 2)  # the source there and back, and the result
    again = own.run(job(own, file))
    assert counted.since() == (0, 1)
    assert np.array_equal(first.pixels(), again.pixels())
    assert first.images[0].facts["drift_corrected"] == again.images[0].facts["drift_corrected"]
    other = own.run(job(own, file, seed=8, prompt="雪 ❄️", strength=0.7))
    assert counted.since() == (0, 1)
    fresh = Bench(Worker(), own.registry, tmp_path / "fresh")
    fresh.folder.mkdir()
    expected = fresh.run(job(fresh, file, seed=8, prompt="雪 ❄️", strength=0.7))
    assert np.array_equal(other.pixels(), expected.pixels())


@pytest.mark.parametrize(
    "change",
    [
        {"transparent_fill": "white"},
        {"drift_correction": False},
        {"detail_correction": False},
        {"model": "sdxl"},
    ],
    ids=str,
)
def test_what_depends_on_more_is_made_anew(
    change: dict[str, Any], own: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = blob(tmp_path, photograph())
    own.run(job(own, file))
    counted = Counted(own.worker, monkeypatch)
    changed = own.run(job(own, file, **change))
    assert counted.since()[1] == 2
    fresh = Bench(Worker(), own.registry, tmp_path / "fresh")
    fresh.folder.mkdir()
    assert np.array_equal(changed.pixels(), fresh.run(job(fresh, file, **change)).pixels())


def test_another_picture_under_the_same_name_is_another_one(own: Bench, tmp_path: Path) -> None:
    own.run(job(own, blob(tmp_path, photograph())))
    (tmp_path / IMAGE).rename(tmp_path / "old")
    file = blob(tmp_path, photograph(2))
    changed = own.run(job(own, file))
    fresh = Bench(Worker(), own.registry, tmp_path / "fresh")
    fresh.folder.mkdir()
    assert np.array_equal(changed.pixels(), fresh.run(job(fresh, file)).pixels())


def test_only_what_is_named_after_its_content_is_kept(
    own: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = blob(tmp_path, photograph(), "pass")
    own.run(job(own, file))
    counted = Counted(own.worker, monkeypatch)
    own.run(job(own, file))
    assert counted.since() == (1, 2)


def test_status_tells_what_is_kept(own: Bench, tmp_path: Path) -> None:
    before = own.worker.condition()["memory"]["sources"]
    assert before["mb"] == 0
    assert before["limit_mb"] > 0
    own.run(job(own, blob(tmp_path, photograph())))
    assert own.worker.condition()["memory"]["sources"]["mb"] == 1


def test_budget_holds_and_the_oldest_go() -> None:
    kept = EncodedSources(32 * 1000)
    made: list[str] = []

    def make(name: str, size: int) -> Any:
        def now() -> tuple[np.ndarray, None]:
            made.append(name)
            return np.zeros(size, np.uint8), None

        return now

    for name in ("a", "b", "a", "c", "a", "b"):
        kept.get(name, make(name, 400))
    assert made == ["a", "b", "c", "b"]
    kept.get("large", make("large", 1001))
    kept.get("large", make("large", 1001))
    assert made[-2:] == ["large", "large"]
    kept.get(None, make("x", 1))
    kept.get(None, make("x", 1))
    assert made[-2:] == ["x", "x"]
    kept.clear()
    assert kept.account() == {"mb": 0, "limit_mb": 0}
    assert EncodedSources(2**50).budget == MOST
