"""The pictures of a job: read, brought to the model's size and back, composited."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pentimento.core.geometry import Box, Size, Work
from pentimento.imaging import (
    bands,
    colour,
    decode,
    edit_difference,
    grain,
    masks,
    model_input,
    pixels,
    resize,
    seam,
)
from pentimento.imaging.context_box import automatic_edge
from pentimento.schema.job import Intent, JobRequest, MaskOptions, Mode, PixelFormat
from pentimento.schema.task import PixelFile, Task

if TYPE_CHECKING:
    from pentimento.imaging.profiles import Profile

Place = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True, slots=True)
class Canvas:
    """What one pass paints. `size` px are the result's, `work` says how the model gets there."""

    size: Size
    work: Work
    format: PixelFormat  # of the result
    source: np.ndarray | None = None  # (h, w, 4) in its own depth
    mask: np.ndarray | None = None  # (h, w) f32 0..255, the effective one
    fill: str = "surroundings"  # what the model sees where the source is transparent
    opaque: bool = False  # the result loses its source's transparency
    only_changes: bool = False  # of an edit: what it does not change stays the source's
    match: bool = False  # take the colour cast off, as far as the surroundings tell
    grain_seed: int | None = None  # of the grain that surroundings have more of; None: no grain
    profile: Profile | None = None  # of the source's colours and the result's; None: sRGB
    shown: np.ndarray | None = None  # the source in sRGB, where it has a profile
    window: Box | None = None  # px of the job's pictures that this is a part of; None: all of them
    whole: Size | None = None  # px that the window lies in

    @property
    def generation(self) -> Size:
        """The size at which the model works, px."""
        return self.work.size

    def seen(self, size: Size | None = None) -> np.ndarray | None:
        """The source as the model gets it: `(h, w, 3)` float32 0..1 at the generation size, or at
        another."""
        if self.source is None:
            return None
        source = self.source if self.shown is None else self.shown
        if size is not None:
            return model_input.model_rgb(source, size, self.fill)
        return self._padded(model_input.model_rgb(source, self.work.content, self.fill))

    def opaque_at_work(self) -> np.ndarray | None:
        """`(h, w)` bool: where nothing of the source is transparent, at the generation size; None
        where that is everywhere."""
        if self.source is None or pixels.is_opaque(self.source):
            return None
        size = (self.work.content.width, self.work.content.height)
        clear = (self.source[..., 3] < pixels.FULL[self.source.dtype]).astype(np.float32)
        return self._padded(cv2.resize(clear, size, interpolation=cv2.INTER_AREA) == 0)

    def seen_rows(self) -> Callable[[int, int], np.ndarray]:
        """Of `seen`, some rows at a time, so that of a large opaque source not all need be kept."""
        source = self.source if self.shown is None else self.shown
        assert source is not None, "only a source is seen"
        if self.work.content == self.work.size == self.size and pixels.is_opaque(source):
            return lambda top, bottom: model_input.model_rgb(
                source[top:bottom], Size(self.size.width, bottom - top)
            )
        seen = self.seen()
        assert seen is not None
        return lambda top, bottom: seen[top:bottom]

    def laid(self, picture: np.ndarray, fill: str) -> np.ndarray:
        """A picture `(h, w, 4)` that belongs to all of the job, as `seen` gives the source."""
        return self._padded(model_input.model_rgb(self._part_of(picture), self.work.content, fill))

    def laid_mask(self, mask: np.ndarray) -> np.ndarray:
        """A mask `(h, w)` float32 that belongs to all of the job, in the proportions of the
        generation."""
        part = self._part_of(mask)
        if self.work.content == self.work.size:
            return part
        size = (self.work.content.width, self.work.content.height)
        if (part.shape[1], part.shape[0]) != size:
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        return self._padded(part)

    def mask_at_work(self) -> np.ndarray | None:
        """The effective mask for all that the model works on: `(h, w)` float32 0..255, in the
        proportions of the generation."""
        if self.mask is None or self.work.content == self.work.size:
            return self.mask
        return self._padded(self.mask)

    def cropped(self, made: np.ndarray) -> np.ndarray:
        """What of a picture at the generation size is the picture's own."""
        content = self.work.content
        return made[: content.height, : content.width]

    def part(self, box: Box, work: Work) -> Canvas:
        """What lies in `box`, px of this canvas, to be worked on by itself."""
        rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
        inside = self.window or Box(0, 0, self.size.width, self.size.height)
        return replace(
            self,
            size=box.size,
            work=work,
            source=None if self.source is None else self.source[rows, columns],
            mask=None if self.mask is None else self.mask[rows, columns],
            shown=None if self.shown is None else self.shown[rows, columns],
            window=box.to_outer(inside),
            whole=self.whole or self.size,
        )

    def enlarged(self, made: np.ndarray) -> np.ndarray:
        """A picture at the generation size at that of the result."""
        return resize.resize(self.cropped(made), self.size)

    def window_in(self, outer: Canvas) -> Box:
        """Where in `outer`, of which this is a part, it lies; px."""
        assert self.window is not None, "it is a part"
        inside = outer.window or Box(0, 0, outer.size.width, outer.size.height)
        return self.window.to_inner(inside)

    def surroundings(self, box: Box) -> np.ndarray | None:
        """What is seen of the source in a box of its px, `(h, w, 3)` float32 0..1."""
        return self.part(box, Work.whole(box.size)).seen()

    def over(self, new: np.ndarray, source: np.ndarray | None) -> Canvas:
        """With another source: what is new where the mask is, else the source; `(h, w, 3)`."""
        rgba = np.ones((*new.shape[:2], 4), np.float32)
        rgba[..., :3] = new
        if source is not None and self.mask is not None:
            share = self.mask[..., None] / np.float32(255)
            rgba[..., :3] = source + (new - source) * share
        return replace(self, source=rgba, shown=None, profile=None)

    def of(self, seen: np.ndarray) -> Canvas:
        """With another source, as it is seen at the generation size, `(h, w, 3)` float32 0..1."""
        rgba = np.ones((*seen.shape[:2], 4), np.float32)
        rgba[..., :3] = seen
        return replace(self, source=rgba, shown=None, profile=None)

    def tile(self, box: Box) -> Canvas:
        """What one of the tiles of its work shows, whole; beyond the picture its border goes on."""
        content = self.work.content
        inside = box.intersect(Box(0, 0, content.width, content.height))
        assert inside is not None, "a tile shows some of the picture"
        return self.part(inside, Work(box.size, inside.size, box.size, 1))

    def painted_tiles(self) -> list[int]:
        """The numbers of the tiles of its work in which something is painted."""
        parts = map(self.tile, self.work.tiles)
        return [n for n, one in enumerate(parts) if one.mask is None or one.mask.any()]

    def _part_of(self, picture: np.ndarray) -> np.ndarray:
        """What of a picture of the whole job lies in the window, whatever its size."""
        if self.window is None or self.whole is None:
            return picture
        height, width = picture.shape[:2]
        box = self.window.scaled(width / self.whole.width, height / self.whole.height)
        return picture[box.y : box.bottom, box.x : box.right]

    def _padded(self, values: np.ndarray) -> np.ndarray:
        """With its borders mirrored up to the generation size."""
        below = self.work.size.height - values.shape[0]
        right = self.work.size.width - values.shape[1]
        if below == right == 0:
            return values
        return np.pad(values, ((0, below), (0, right), (0, 0))[: values.ndim], "symmetric")

    def finish(
        self, made: np.ndarray, *, blend: bool, judged: bool = True
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """The generated `(h, w, 3)` 0..1 at the result's size, in the source's depth and profile,
        and facts, among them how much the mask's edge shows if it is `judged`.

        Colours are matched and soft edges mixed in floating point; the result is rounded once.
        """
        if self.source is None:
            return self.enlarged(made), {}
        resized = resize.Resized(self.cropped(made), self.size)
        edited = self.only_changes and self.mask is None and blend
        correction = self._correction(resized)
        facts: dict[str, Any] = {}
        if correction is not None:
            facts["color_match"] = correction.facts()
        mask = self.mask
        whole = self._whole(resized) if edited or self.grain_seed is not None else None
        if whole is not None and edited:
            whole, mask, facts["changes"] = self._changes(whole)
        lacking = None if whole is None else self._lacking_grain(whole)
        result = np.empty_like(self.source)
        for place, made in self._strips(resized) if whole is None else self._bands(whole):
            source = self.source[place]
            layered = np.empty((*made.shape[:2], 4), np.float32)
            layered[..., :3] = made if correction is None else correction.apply(made)
            if lacking:
                layered[..., :3] = lacking.add(layered[..., :3])
            layered[..., 3] = 1 if self.opaque else pixels.to_float(source)[..., 3]
            if mask is None or not blend:
                result[place] = pixels.to_depth(layered, source.dtype)
            else:
                result[place] = masks.blend(source, layered, mask[place])
        if lacking:
            facts["grain_added"] = round(lacking.mean, 5)
        if self.mask is not None and judged:
            found = seam.measure(result, self.mask, None if blend else self.source)
            facts |= found.facts() if found else {}
        return result, facts

    def _strips(self, resized: resize.Resized) -> Iterator[tuple[Place, np.ndarray]]:
        """A made picture in the source's colours, some columns at a time, and where they are: of
        a large one not all is to be there as floats."""
        for columns in resized.strips():
            yield (slice(None), columns), self._in_profile(resized.columns(columns))

    def _bands(self, picture: np.ndarray) -> Iterator[tuple[Place, np.ndarray]]:
        """Of a picture that is there already, some rows at a time."""
        for rows in pixels.bands(self.size.height, self.size.width * 4):
            yield (rows, slice(None)), picture[rows]

    def _whole(self, resized: resize.Resized) -> np.ndarray:
        """A made picture in the source's colours."""
        picture = np.empty((self.size.height, self.size.width, 3), np.float32)
        for place, strip in self._strips(resized):
            picture[place] = strip
        return picture

    def _in_profile(self, made: np.ndarray) -> np.ndarray:
        if self.profile is None:
            return made
        return self.profile.from_srgb(np.clip(made, 0, 1).astype(np.float32))

    def _changes(
        self, picture: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any] | None]:
        """The picture laid on its source, the mask 0..255 of what is different there, and facts;
        the picture itself without a mask where it is another one."""
        assert self.source is not None
        source = np.nan_to_num(pixels.to_float(self.source)[..., :3])
        found = edit_difference.measure(source, np.ascontiguousarray(picture[..., :3], np.float32))
        if found is None:
            return picture, None, None
        return found.picture, found.mask * np.float32(255), found.facts()

    def _lacking_grain(self, picture: np.ndarray) -> grain.Missing | None:
        """Of what is selected, compared with the band around it."""
        if self.grain_seed is None or self.source is None or self.mask is None:
            return None
        opaque = self.source[..., 3] >= pixels.FULL[self.source.dtype]
        where = colour.surroundings(self.mask, opaque)
        near = masks.bounds(np.where(where | (self.mask > 0), 255, 0).astype(np.uint8))
        if near is None:
            return None
        rows, columns = slice(near.y, near.bottom), slice(near.x, near.right)
        around = np.clip(np.nan_to_num(pixels.to_float(self.source[rows, columns])[..., :3]), 0, 1)
        wanted = grain.measure(around, where[rows, columns])
        there = grain.measure(picture[rows, columns], self.mask[rows, columns] > 0)
        return grain.Missing(wanted, there, self.grain_seed) if wanted and there else None

    def _correction(self, made: resize.Resized) -> colour.Correction | None:
        if not self.match or self.source is None or self.mask is None:
            return None
        opaque = self.source[..., 3] >= pixels.FULL[self.source.dtype]
        where = colour.surroundings(self.mask, opaque)
        reach = resize.VECTOR  # columns on each side: more than is needed, and where strips begin
        parts = []
        for columns in made.strips():
            left, right = max(columns.start - reach, 0), min(columns.stop + reach, where.shape[1])
            here = where[:, left:right]
            near = masks.bounds(where[:, columns])
            if near is None:
                continue
            rows = slice(max(near.y - colour.REACH, 0), near.bottom + colour.REACH)
            picture = self._in_profile(made.columns(slice(left, right))[rows])
            source = pixels.to_float(self.source[rows, left:right])[..., :3]
            known = np.isfinite(source)  # a float picture may hold what is no number
            source = np.where(known, source, np.float32(0))
            own = np.zeros(picture.shape[:2], bool)
            own[:, columns.start - left : columns.stop - left] = True
            parts.append(colour.compared(picture, source, here[rows] & known.all(axis=2), own))
        return colour.fitted(parts)


def open_canvas(task: Task, native: int, worked_at: Callable[[Size], Work]) -> Canvas:
    """Reads what the job brings; raises BadInput for pictures that are damaged. `native` is the
    side of a picture without a size, `worked_at` says how one is worked on; px."""
    if task.request.mode is Mode.TXT2IMG:
        size = Size(task.request.width or native, task.request.height or native)
        return Canvas(size, worked_at(size), PixelFormat.RGB_U8)
    file = _input(task, "source")
    own = decode.load_own(file)
    source = own.picture
    size = Size(source.shape[1], source.shape[0])
    mask = None
    if task.request.mask:
        sent = bands.load_mask(_input(task, "mask"))
        mask = masks.soft_mask(sent, _mask_options(task.request, sent, native))
    opaque = task.request.alpha == "opaque"
    return Canvas(
        size,
        worked_at(size),
        file.format or _format_for(source, opaque=opaque and mask is None),
        source,
        mask,
        fill=task.request.transparent_fill,
        opaque=opaque,
        match=bool(task.request.color_match),
        only_changes=task.request.only_changes,
        grain_seed=int(task.request.seed or 0) if task.request.grain_match else None,
        profile=own.profile,
        shown=own.srgb() if own.profile else None,
    )


def _mask_options(request: JobRequest, mask: np.ndarray, native: int) -> MaskOptions:
    """As asked, or those that suit what is selected."""
    bounds = masks.bounds(mask)
    if not request.mask_options.auto or bounds is None:
        return request.mask_options
    behind = request.intent is Intent.REPLACE_BACKGROUND
    edge = automatic_edge(bounds.size, float(request.strength or 0), native, behind=behind)
    return MaskOptions(grow=edge.grow, feather=edge.feather)


def _input(task: Task, name: str) -> PixelFile:
    reference: Any = getattr(task.request, name)
    return task.inputs[reference.blob]


def _format_for(source: np.ndarray, *, opaque: bool) -> PixelFormat:
    """The raw format that keeps what a PNG, JPEG or WebP file held."""
    return pixels.smallest_format(source.dtype, lambda: opaque or pixels.is_opaque(source))
