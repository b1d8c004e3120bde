"""Result pictures on disk: where they lie, the answer to strength 0, their forms for clients."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pentimento.backends.base import PixelFile, Result
from pentimento.jobs.record import JobRequest, MaskOptions, Mode, PixelFormat
from pentimento.jobs.state import JobState, Stored

if TYPE_CHECKING:
    import numpy as np

UNCHANGED = {"unchanged": True, "steps_run": 0, "start_noise": 0.0}


class Results:
    """One folder a job below `folder`. Pixel work is slow: call it off the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, job_id: str) -> Path:
        return self._folder / job_id

    def file(self, job_id: str, stored: Stored) -> PixelFile:
        path = self.of(job_id) / stored.file
        return PixelFile(path, stored.width, stored.height, PixelFormat(stored.format))

    def size(self, job_id: str) -> int:
        """Bytes of a job's files; 0 when there are none."""
        folder = self.of(job_id)
        if not folder.is_dir():
            return 0
        return sum(file.stat().st_size for file in folder.iterdir())

    def remove(self, job_id: str) -> None:
        shutil.rmtree(self.of(job_id), ignore_errors=True)

    def remove_strays(self, known: set[str]) -> None:
        """Folders of jobs nobody knows any more."""
        if self._folder.is_dir():
            for name in {folder.name for folder in self._folder.iterdir()} - known:
                self.remove(name)

    def answer(self, state: JobState, inputs: dict[str, PixelFile]) -> dict[str, Any]:
        """The results of a job that needs no engine, and its facts."""
        source, mask = state.request.source, state.request.mask
        assert source is not None
        if state.request.mode is Mode.PREPROCESS:
            self._draw_map(state, inputs)
            return {"drawn": state.request.controls[0].type}
        self.keep_source(state, inputs[source.blob], inputs[mask.blob] if mask else None)
        return {"unchanged": True}

    def _draw_map(self, state: JobState, inputs: dict[str, PixelFile]) -> None:
        from pentimento.imaging import pixels

        folder = self.of(state.id)
        folder.mkdir(parents=True, exist_ok=True)
        made = drawn(state.request, inputs)
        pixels.store(made, PixelFormat.RGB_U8, folder / "0.raw")
        size = (made.shape[1], made.shape[0])
        facts = {"control": state.request.controls[0].type}
        state.images.append(Stored(0, "0.raw", *size, PixelFormat.RGB_U8.value, 0, facts))

    def keep_source(self, state: JobState, source: PixelFile, mask: PixelFile | None) -> None:
        """Strength 0: every result is the source, and a PNG stays the very file that was sent."""
        folder = self.of(state.id)
        folder.mkdir(parents=True, exist_ok=True)
        first = _unchanged(source, folder)
        for index in range(state.request.count):
            names = {first.file: f"{index}.raw", first.png: f"{index}.png"}
            for old, new in names.items():
                if old and index:
                    _link(folder / old, folder / new)
            state.images.append(
                Stored(
                    *(index, f"{index}.raw", first.width, first.height, first.format),
                    *((state.request.seed or 0) + index, UNCHANGED),
                    png=first.png and f"{index}.png",
                )
            )
        if mask:
            state.mask = _effective_mask(mask, state.request, folder)
        if state.request.observe:
            state.stages = _unchanged_stages(state, folder)


def drawn(request: JobRequest, files: dict[str, PixelFile]) -> np.ndarray:
    """The map of a request of the mode `preprocess` that takes no model, `(h, w, 3)` u8."""
    from pentimento.imaging import control_maps, pixels

    assert request.source is not None
    control = request.controls[0]
    seen = pixels.seen_u8(pixels.load(files[request.source.blob]), request.transparent_fill)
    return control_maps.draw(control.type, seen, control.low, control.high)


def stored(result: Result) -> Stored:
    """What a backend reports, as it is kept."""
    file = result.file
    if file.format is None:
        raise ValueError("backends write raw pixels")
    return Stored(
        *(result.index, file.path.name, file.width, file.height, file.format.value),
        *(result.seed, result.facts),
        code=result.name,
    )


def as_png(file: PixelFile) -> bytes:
    """The picture as PNG, 8 or 16 bits a channel."""
    from pentimento.imaging import pixels

    if file.format is PixelFormat.Y_U8:
        return pixels.encode_png(pixels.load_mask(file)[..., None])
    picture = pixels.load(file)
    channels = 3 if file.format is PixelFormat.RGB_U8 else 4
    return pixels.encode_png(picture[..., :channels])


def _unchanged(source: PixelFile, folder: Path) -> Stored:
    """The source as picture 0 of the job."""
    raw, png = folder / "0.raw", None
    format = source.format
    if format:
        _link(source.path, raw)
    else:
        from pentimento.imaging import pixels

        picture = pixels.load(source)
        format = _format_of(picture)
        pixels.store(picture, format, raw)
        with source.path.open("rb") as stream:
            is_png = stream.read(8) == b"\x89PNG\r\n\x1a\n"
        if is_png:
            png = "0.png"
            _link(source.path, folder / png)
    return Stored(0, raw.name, source.width, source.height, format.value, 0, png=png)


def _unchanged_stages(state: JobState, folder: Path) -> list[Stored]:
    """Of a job at strength 0: where it starts is where it ends."""
    from pentimento.imaging.stages import EQUAL, NO_LEVEL

    first, mask = state.images[0], state.mask
    known: list[tuple[str, Stored, float | None]]
    known = [("source", first, EQUAL), ("result", first, EQUAL)]
    if mask:
        known[1:] = [("mask", mask, None), ("composite", first, EQUAL)]
    stages = []
    for index, (code, like, psnr) in enumerate(known):
        name = f"stage-{index}.raw"
        _link(folder / like.file, folder / name)
        facts = NO_LEVEL | {"seconds": 0.0, "psnr": psnr}
        stages.append(replace(like, index=index, file=name, facts=facts, png=None, code=code))
    return stages


def _format_of(picture: np.ndarray) -> PixelFormat:
    """The smallest raw format that holds an `(h, w, 4)` u8 or u16 picture."""
    if picture.itemsize == 2:
        return PixelFormat.RGBA_U16
    return PixelFormat.RGB_U8 if picture[..., 3].min() == 255 else PixelFormat.RGBA_U8


def _effective_mask(mask: PixelFile, request: JobRequest, folder: Path) -> Stored:
    path = folder / "mask.raw"
    if mask.format is PixelFormat.Y_U8 and request.mask_options == MaskOptions():
        _link(mask.path, path)
    else:
        from pentimento.imaging import masks, pixels

        effective = masks.effective_mask(pixels.load_mask(mask), request.mask_options)
        pixels.store(effective[..., None], PixelFormat.Y_U8, path)
    size = (mask.width, mask.height)
    return Stored(0, path.name, *size, PixelFormat.Y_U8.value, request.seed or 0)


def _link(source: Path, target: Path) -> None:
    """The same bytes under another name, without copying them where the disk can do that."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
