"""Result pictures on disk: where they lie, the answer to strength 0, their forms for clients, and
the sheet of a job's stages. Pixel work: call it off the event loop."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pentimento.core.data_folder import is_file, is_folder
from pentimento.core.errors import BadInput
from pentimento.core.files import write_private
from pentimento.core.geometry import Size
from pentimento.jobs.job import JobState, Stored
from pentimento.schema.job import GRABCUT, JobRequest, MaskOptions, Mode, PixelFormat
from pentimento.schema.task import PixelFile, Result
from pentimento.schema.wording import stage_name

if TYPE_CHECKING:
    import numpy as np

    from pentimento.imaging.harmony_layers import Layers
    from pentimento.imaging.profiles import Profile


THUMBNAIL, THUMBNAIL_QUALITY = 256, 80  # px, percent
UNCHANGED = {"unchanged": True, "steps_run": 0, "start_noise": 0.0}
IN_MEMORY = 16 * 2**20  # bytes of an answer; what is larger waits on the disk to be sent
RECORD = "record.json"
ROOM, ROOM_BYTES = f"{RECORD}.0.part", 2**16  # a file that keeps space for the record
RECORD_BYTES = 16 * 2**20  # more than any record has
JOB_ID = re.compile(r"[0-9a-f]{32}")
PART = r"(\.[0-9]+)?\.part"
OURS = re.compile(
    rf"([0-9]+\.(raw|png|icc|webp)|mask\.raw|stage-[0-9]+\.raw|record\.json)({PART})?"
)


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A job as its own folder tells it."""

    state: JobState
    key: str | None
    body_hash: str


class Results:
    """One folder a job below `folder`. Pixel work is slow: call it off the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ids(self) -> Iterator[str]:
        """Of the jobs that have a folder; what has another name is not ours."""
        if is_folder(self._folder):
            for entry in sorted(self._folder.iterdir()):
                if JOB_ID.fullmatch(entry.name) and is_folder(entry):
                    yield entry.name

    def newest(self) -> float:
        """When the youngest of the jobs' folders was changed, in seconds since 1970; 0 without."""
        dates = [0.0]
        for job_id in self.ids():
            with suppress(OSError):
                dates.append(self.of(job_id).lstat().st_mtime)
        return max(dates)

    def prepare(self, job_id: str) -> None:
        """The folder of a job that begins, with room for its record set aside: should the disk be
        full when it ends, a success can be written down nevertheless, before anything kills the
        server."""
        folder = self.of(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # then there is no room from the beginning
            (folder / ROOM).write_bytes(bytes(ROOM_BYTES))

    def keep(self, record: KeptRecord) -> None:
        """Writes the record of a job that has pictures beside them, in one piece; at its end in the
        room that was set aside."""
        state = record.state
        if state.status.final and is_file(self.of(state.id) / ROOM):
            (self.of(state.id) / ROOM).unlink()
        if not (state.images or state.stages or state.mask):
            return
        told = {
            "format": 1,
            "state": state.as_json(),
            "idempotency_key": record.key,
            "body_hash": record.body_hash,
        }
        write_private(self.of(state.id) / RECORD, json.dumps(told).encode(), lasting=True)

    def record(self, job_id: str) -> KeptRecord | None:
        """None where there is none that can be read, or no picture with it."""
        file = self.of(job_id) / RECORD
        try:
            if not is_file(file) or file.stat().st_size > RECORD_BYTES:
                return None
            told = json.loads(file.read_bytes())
            state = JobState.from_json(told["state"])
            key, body_hash = told["idempotency_key"], told["body_hash"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        pictures = [*state.images, *state.stages, *([state.mask] if state.mask else [])]
        if state.id != job_id or not all(OURS.fullmatch(picture.file) for picture in pictures):
            return None
        if not any(is_file(self.of(job_id) / picture.file) for picture in pictures):
            return None
        return KeptRecord(state, key if isinstance(key, str) else None, str(body_hash))

    def of(self, job_id: str) -> Path:
        return self._folder / job_id

    def scratch(self) -> BinaryIO:
        """A file for an answer while it is made and sent; nobody sees it, and it is gone with its
        last use, however the server ends."""
        self._folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder))  # noqa: SIM115
        return cast("BinaryIO", made)

    def file(self, job_id: str, stored: Stored) -> PixelFile:
        path = self.of(job_id) / stored.file
        return PixelFile(path, stored.width, stored.height, PixelFormat(stored.format))

    def size(self, job_id: str) -> int:
        """Bytes of a job's files; 0 when there are none."""
        return sum(file.lstat().st_size for file in self._files(job_id))

    def remove(self, job_id: str) -> None:
        """The job's own files, its record last; what else was laid there stays with its folder."""
        for file in sorted(self._files(job_id), key=lambda file: file.name == RECORD):
            with suppress(OSError):
                file.unlink()
        with suppress(OSError):
            self.of(job_id).rmdir()

    def remove_strays(self, known: Collection[str], before: float) -> None:
        """Folders of jobs nobody knows any more, without a record: those that hold nothing but
        files of ours and were last changed earlier than `before`, in seconds since 1970."""
        for job_id in self.ids():
            if job_id in known or self.record(job_id):
                continue
            folder = self.of(job_id)
            with suppress(OSError):
                entries = [folder, *folder.iterdir()]
                ours = len(entries) == len(self._files(job_id)) + 1
                if ours and max(entry.lstat().st_mtime for entry in entries) < before:
                    self.remove(job_id)

    def remove_parts(self) -> None:
        """What an earlier server did not finish writing. Only before any job runs."""
        for job_id in self.ids():
            for file in self._files(job_id):
                if file.name.endswith(".part"):
                    with suppress(OSError):
                        file.unlink()

    def _files(self, job_id: str) -> list[Path]:
        """Files of names that the server gives, in a folder of such a name; links are none."""
        folder = self.of(job_id)
        if not JOB_ID.fullmatch(job_id) or not is_folder(folder):
            return []
        return [
            entry for entry in folder.iterdir() if OURS.fullmatch(entry.name) and is_file(entry)
        ]

    def thumbnail(self, job_id: str, picture: Stored, side: int) -> bytes:
        """The picture as a WebP of at most `side` px, as it looks: colours in sRGB, alpha kept.
        That of the usual size is made once."""
        file = self.of(job_id) / f"{picture.index}.webp"
        if side == THUMBNAIL and is_file(file):
            return file.read_bytes()
        made = _small(self.file(job_id, picture), side)
        if side == THUMBNAIL:
            with suppress(OSError):  # no room: it is made again
                write_private(file, made)
        return made

    def answer(self, state: JobState, inputs: dict[str, PixelFile]) -> dict[str, Any]:
        """The results of a job that needs no engine, and its facts."""
        source, mask = state.request.source, state.request.mask
        assert source is not None
        if state.request.mode is Mode.PREPROCESS:
            self._draw_map(state, inputs)
            return {"drawn": state.request.controls[0].type}
        if state.request.mode is Mode.SELECT:
            return self._select(state, inputs)
        if state.request.mode is Mode.HARMONIZE:
            return self._harmonize(state, inputs)
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

    def _select(self, state: JobState, inputs: dict[str, PixelFile]) -> dict[str, Any]:
        from pentimento.imaging import pixels, selecting

        folder = self.of(state.id)
        folder.mkdir(parents=True, exist_ok=True)
        assert state.request.source is not None
        mask = selected(state.request, inputs)
        pixels.store(mask[..., None], PixelFormat.Y_U8, folder / "0.raw")
        size = (mask.shape[1], mask.shape[0])
        facts = {"segmenter": GRABCUT, "covered": selecting.covered(mask)}
        state.images.append(Stored(0, "0.raw", *size, PixelFormat.Y_U8.value, 0, facts))
        if state.request.cut_out:
            source, path = inputs[state.request.source.blob], folder / "1.raw"
            format = selecting.store_cut_out(source, mask, path).value
            state.images.append(Stored(1, "1.raw", *size, format, 0, {"cut_out": True}))
        return facts

    def _harmonize(self, state: JobState, inputs: dict[str, PixelFile]) -> dict[str, Any]:
        from pentimento.imaging import harmony_layers, pixels

        folder = self.of(state.id)
        folder.mkdir(parents=True, exist_ok=True)
        made = harmonized(state.request, inputs)
        format = pixels.RGBA_OF[made.edge.dtype]
        for index, name in enumerate(harmony_layers.NAMES):
            layer, file = getattr(made, name), f"{index}.raw"
            pixels.store(layer, format, folder / file)
            size = (layer.shape[1], layer.shape[0])
            state.images.append(Stored(index, file, *size, format.value, 0, {"layer": name}))
        return made.facts()

    def keep_source(self, state: JobState, source: PixelFile, mask: PixelFile | None) -> None:
        """Strength 0: every result is the source, and a PNG stays the very file that was sent."""
        folder = self.of(state.id)
        folder.mkdir(parents=True, exist_ok=True)
        first = _unchanged(source, folder)
        for index in range(state.request.count):
            for ending in ("raw", "png", "icc") if index else ():
                if (folder / f"0.{ending}").is_file():
                    _link(folder / f"0.{ending}", folder / f"{index}.{ending}")
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
    from pentimento.imaging import bands, control_maps

    assert request.source is not None
    control = request.controls[0]
    seen = bands.seen_u8(files[request.source.blob], request.transparent_fill)
    return control_maps.draw(control.type, seen, control.low, control.high)


def selected(request: JobRequest, files: dict[str, PixelFile]) -> np.ndarray:
    """The mask of a request of the mode `select` that takes no model, `(h, w)` u8."""
    from pentimento.imaging import object_selection, selecting

    return selecting.mask(request, files, object_selection.select)


def harmonized(request: JobRequest, files: dict[str, PixelFile]) -> Layers:
    """The layers of a request of the mode `harmonize`."""
    from pentimento.imaging import bands, decode, harmony_layers

    assert request.source is not None
    assert request.mask is not None
    target = decode.load(files[request.target.blob]) if request.target else None
    mask = bands.load_mask(files[request.mask.blob])
    if not mask.any():
        raise BadInput(
            "empty_mask",
            "The mask of the object is empty.",
            "Paint white where the object is.",
        )
    return harmony_layers.of(decode.load(files[request.source.blob]), mask, target)


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


def write_png(file: PixelFile, out: BinaryIO, texts: Mapping[str, str] | None = None) -> None:
    """The result as PNG, 8 or 16 bits a channel, with its profile if it has one."""
    from pentimento.imaging import bands

    profile = profile_of(file)
    bands.write_png(out, bands.of(file), profile.data if profile else None, texts)


def _small(file: PixelFile, side: int) -> bytes:
    import io

    import numpy as np
    from PIL import Image

    from pentimento.imaging import bands, pixels

    size = Size(file.width, file.height)
    small = bands.shrunk(_as_srgb(file), size, size.scaled(min(1.0, side / size.longest)))
    target = io.BytesIO()
    Image.fromarray(pixels.to_depth(small, np.uint8)).save(
        target, "WEBP", quality=THUMBNAIL_QUALITY
    )
    return target.getvalue()


def profile_of(file: PixelFile) -> Profile | None:
    """Of raw pixels, which lies beside them."""
    from pentimento.imaging import pixels, profiles

    beside = pixels.profile_file(file.path)
    return profiles.read(beside.read_bytes()) if beside.is_file() else None


def _as_srgb(file: PixelFile) -> Iterator[np.ndarray]:
    """`(rows, w, 4)` from the top."""
    from pentimento.imaging import bands

    yield from replace(bands.of(file), profile=profile_of(file)).srgb()


def _unchanged(source: PixelFile, folder: Path) -> Stored:
    """The source as picture 0 of the job."""
    raw, png = folder / "0.raw", None
    format = source.format
    if format:
        _link(source.path, raw)
    else:
        from pentimento.imaging import bands, file_header, pixels

        picture = bands.of(source)
        format = pixels.smallest_format(picture.dtype, picture.is_opaque)
        first = next(picture.own())
        bands.write_raw((own.picture for own in picture.own()), format, raw)
        if first.profile is not None:
            pixels.profile_file(raw).write_bytes(first.profile.data)
        told = file_header.header(source.path.read_bytes())
        if told.kind == "PNG" and not told.turned:
            png = "0.png"
            _link(source.path, folder / png)
    return Stored(0, raw.name, source.width, source.height, format.value, 0, png=png)


def _unchanged_stages(state: JobState, folder: Path) -> list[Stored]:
    """Of a job at strength 0: where it starts is where it ends. Stages are sRGB."""
    from pentimento.imaging.stages import EQUAL, NO_LEVEL

    first, mask = state.images[0], state.mask
    known: list[tuple[str, Stored, float | None]]
    known = [("source", first, EQUAL), ("result", first, EQUAL)]
    if mask:
        known[1:] = [("mask", mask, None), ("composite", first, EQUAL)]
    stages = []
    for index, (code, like, psnr) in enumerate(known):
        name = f"stage-{index}.raw"
        _keep_as_srgb(folder / like.file, like, folder / name)
        facts = NO_LEVEL | {"seconds": 0.0, "psnr": psnr}
        stages.append(replace(like, index=index, file=name, facts=facts, png=None, code=code))
    return stages


def _keep_as_srgb(source: Path, like: Stored, target: Path) -> None:
    from pentimento.imaging import bands

    format = PixelFormat(like.format)
    file = PixelFile(source, like.width, like.height, format)
    if profile_of(file) is None:
        _link(source, target)
        return
    bands.write_raw(_as_srgb(file), format, target)


def _effective_mask(mask: PixelFile, request: JobRequest, folder: Path) -> Stored:
    path = folder / "mask.raw"
    if mask.format is PixelFormat.Y_U8 and request.mask_options == MaskOptions():
        _link(mask.path, path)
    else:
        from pentimento.imaging import bands, masks, pixels

        effective = masks.effective_mask(bands.load_mask(mask), request.mask_options)
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


def stage_sheet(state: JobState, results: Results) -> bytes:
    """The contact sheet as PNG; there has to be a stage."""
    from pentimento.imaging import decode
    from pentimento.imaging import stages as contact_sheet

    frames = [
        contact_sheet.Frame(
            stage.code,
            stage_name(stage.code, stage.facts),
            stage.facts,
            partial(decode.read, results.file(state.id, stage)),
        )
        for stage in state.stages
    ]
    return contact_sheet.draw_sheet(frames, stage_title(state.request))


def stage_title(request: JobRequest) -> str:
    """What decided the picture, in one line. Without the prompt: the sheet's font is Latin only."""
    parts = [str(request.model), str(request.mode), f"strength {request.strength:g}"]
    if request.strength:
        parts += [str(request.sampler), f"{request.steps} steps", f"guidance {request.guidance:g}"]
    return " · ".join([*parts, f"seed {request.seed}"])


def webp_as_png(file: bytes) -> bytes:
    """For programs that read no WebP, such as GTK without a loader for it."""
    import io

    from PIL import Image

    made = io.BytesIO()
    with Image.open(io.BytesIO(file)) as picture:
        picture.save(made, "PNG")
    return made.getvalue()
