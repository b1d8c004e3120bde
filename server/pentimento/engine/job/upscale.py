"""The run of a job of the mode `upscale`: plain, by a network, and with detail painted over it."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from pentimento.core import files
from pentimento.core.geometry import Size
from pentimento.engine.cancel import stoppable
from pentimento.engine.job.composed import ComposedJob, keep_profile
from pentimento.engine.upscale import loading
from pentimento.engine.upscale.loading import Loaded
from pentimento.imaging import decode, pixels
from pentimento.imaging.enlarge import Enlargement, Learned
from pentimento.models.library.parts.upscaler import PLACE
from pentimento.schema.job import AUTO, PLAIN, BlobRef, Mode, PixelFormat
from pentimento.schema.task import Event, Loading, PixelFile, Result, Step

ENLARGED = "2" * 64  # blob of the enlarged picture, for the job that paints detail
FAITHFUL_PX = 6.0  # of the source: shapes from this size on are kept by faithfulness
BAND = 512  # rows
PART_ON_CARD = 512  # px of the source along a side of a part; a processor takes fewer at a time


class Upscaling(ComposedJob):
    """Enlarges the source of one job."""

    def run(self) -> dict[str, Any]:
        started = time.monotonic()
        own = self._source()
        source = own.picture
        request = self._job.task.request
        assert request.source is not None
        assert request.scale is not None
        file = self._job.task.inputs[request.source.blob]
        self.size = Size(source.shape[1], source.shape[0]).scaled(request.scale)
        network = self._network(request.scale)
        learned = self._learned(network, request.scale) if network else None
        enlargement = Enlargement(source, self.size, learned)
        path = self._job.task.output_dir / "0.raw"
        path.parent.mkdir(parents=True, exist_ok=True)
        format = file.format or pixels.smallest_format(
            source.dtype, lambda: pixels.is_opaque(source)
        )
        keep_profile(own, path)
        self._write(path, enlargement, format)
        made = PixelFile(path, self.size.width, self.size.height, format)
        facts = {
            "upscaler": request.upscaler if network else PLAIN,
            "architecture": network.kind if network else "Lanczos",
            "tiles": enlargement.parts,
            "seconds": round(time.monotonic() - started, 3),
        }
        about = {"upscaler": facts["upscaler"], "loaded": list(self._shared.components.loads)}
        if request.detail:
            about |= self._refine(made, facts)
            facts["seconds"] = round(time.monotonic() - started, 3)
        self._emit(Result(0, made, int(request.seed or 0), facts))
        return about

    def _refine(self, enlarged: PixelFile, facts: dict[str, Any]) -> dict[str, Any]:
        """Paints detail over the enlarged picture, in its file; facts of the job. What is large in
        it stays as the picture has it, as far as faithfulness says."""
        request = self._job.task.request
        folder = self._job.task.output_dir / ".refined"
        fields = {
            "mode": Mode.IMG2IMG,
            "source": BlobRef(blob=ENLARGED),
            "scale": None,
            "upscaler": AUTO,
            "detail": 0.0,
        }
        task = replace(
            self._job.task,
            request=request.model_copy(update=fields),
            inputs=self._job.task.inputs | {ENLARGED: enlarged},
            output_dir=folder,
        )
        made: list[Result] = []

        def pass_on(event: Event) -> None:
            if isinstance(event, Result):
                made.append(event)
            else:
                self._emit(event)

        try:
            job = replace(self._job, task=task)
            about = self._generate(job, pass_on)
            kept = FAITHFUL_PX * float(request.scale or 1)
            self._keep_large(enlarged, made[0].file, request.faithfulness, kept)
        except BaseException:
            enlarged.path.unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        names = ("strength", "steps_run", "passes", "detail_given_back")
        facts |= {name: made[0].facts[name] for name in names if name in made[0].facts}
        return about

    def _keep_large(
        self, enlarged: PixelFile, painted: PixelFile, faithfulness: float, sigma: float
    ) -> None:
        """The painted picture in the file of the enlarged one, with so much of the latter's colours
        and shapes above `sigma` px."""
        assert enlarged.format is not None
        before, after = decode.read(enlarged), decode.read(painted)
        result, around = np.empty_like(before), math.ceil(3 * sigma)
        for top in range(0, len(before), BAND):
            first, last = max(top - around, 0), min(top + BAND + around, len(before))
            new = pixels.to_float(after[first:last]).copy()
            difference = pixels.to_float(before[first:last]) - new
            new += faithfulness * cv2.GaussianBlur(difference, (0, 0), sigma)
            rows = slice(top - first, min(top + BAND, len(before)) - first)
            result[top : top + BAND] = pixels.to_depth(new[rows], before.dtype)
        if before.shape[2] == 4:
            result[..., 3] = before[..., 3]
        pixels.store(result, enlarged.format, enlarged.path)

    def _network(self, scale: float) -> Loaded | None:
        """In memory since an earlier job, else from its file; None where arithmetic is asked."""
        path = self._job.addons.get(PLACE)
        if path is None:
            return None
        components = self._shared.components
        stat = path.stat()
        key = ("upscaler", str(path), stat.st_mtime_ns, stat.st_size, _suits(path, scale))
        found: Loaded = components.get(
            key, f"upscaler {path.stem}", lambda: loading.load(path, scale)
        )
        components.bring(found)
        return found

    def _learned(self, loaded: Loaded, scale: float) -> Learned:
        """As often as it takes to be large enough."""
        times = 1
        while loaded.scale > 1 and loaded.scale**times < scale:
            times += 1
        device = self._shared.device
        part = PART_ON_CARD if not device.is_cpu else 256
        # A network has to see so much around a part, and again of what it made around that.
        margin = loaded.margin if times == 1 else loaded.margin * 2

        def network(seen: np.ndarray) -> np.ndarray:
            picture = torch.from_numpy(seen).permute(2, 0, 1)[None].to(device.where)
            with torch.inference_mode(), stoppable([loaded], self._stop):
                for _ in range(times):
                    picture = loaded(picture.clamp(0, 1))
            return picture[0].permute(1, 2, 0).float().cpu().numpy()

        return Learned(network, loaded.scale**times, margin, loaded.multiple, part // times)

    def _write(self, path: Path, enlargement: Enlargement, format: PixelFormat) -> None:
        """Band by band: the whole result is never in memory."""

        def done(number: int) -> None:
            self._stop.check()
            if self._job.task.request.detail:  # the steps are those of the painting then
                self._emit(Loading("Enlarging", number / enlargement.parts))
            else:
                self._emit(Step(number, enlargement.parts))

        with files.whole(path, lasting=True) as stream:
            for band in enlargement.bands(done):
                stream.write(pixels.convert(band, format).data)


def _suits(path: Path, scale: float) -> float:
    """What of the scale decides which file is read: nothing where there is one."""
    return scale if path.is_dir() else 0.0
