"""How many bytes of pictures live at once while a job reads and finishes them.

NumPy tells `tracemalloc` of every array, so the peak is counted, not measured: the same on every
machine, whatever else it does. Models have their own memory; this is what grows with the picture.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from pentimento.core.geometry import Size, Work
from pentimento.imaging import pixels
from pentimento.imaging.canvas import Canvas
from pentimento.schema.job import PixelFormat

SIDE = 1500
SIZE, SMALL = Size(SIDE, SIDE), Size(192, 192)
FORMATS = {"u1": PixelFormat.RGBA_U8, "u2": PixelFormat.RGBA_U16, "f4": PixelFormat.RGBA_F32}


def peak(work: Callable[[], object]) -> int:
    """Bytes of arrays that lived at once, beyond those that were there before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept = work()
        most = tracemalloc.get_traced_memory()[1]
        del kept
    finally:
        tracemalloc.stop()
    return most - before


def canvas(depth: str, mask: np.ndarray | None = None) -> Canvas:
    source = np.full((SIDE, SIDE, 4), pixels.FULL[np.dtype(depth)], depth)
    source[::7, ::5, 0] = 0
    return Canvas(SIZE, Work.whole(SMALL), FORMATS[depth], source, mask, match=mask is not None)


@pytest.mark.parametrize(("depth", "times"), [("u1", 1.2), ("u2", 0.65), ("f4", 0.4)])
def test_a_source_is_made_small_one_channel_at_a_time(depth: str, times: float) -> None:
    found = canvas(depth)
    assert found.source is not None
    assert peak(found.seen) <= times * found.source.nbytes


@pytest.mark.parametrize(("depth", "times"), [("u1", 2.2), ("u2", 1.7), ("f4", 1.4)])
def test_a_result_is_enlarged_in_strips(depth: str, times: float) -> None:
    """The result itself is once the source's bytes; the floats it is made of are never all there.
    With the source that is well below four times its bytes."""
    found, made = canvas(depth), np.full((192, 192, 3), 0.3, np.float32)
    assert found.source is not None
    assert peak(lambda: found.finish(made, blend=True)) <= times * found.source.nbytes


@pytest.mark.parametrize(("start", "stop", "times"), [(700, 800, 2.5), (200, 1300, 4.5)])
def test_a_selection_costs_its_edge(start: int, stop: int, times: float) -> None:
    """Colours are compared, and the seam is measured, in a band around it."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[start:stop, start:stop] = 255
    found, made = canvas("u1", mask), np.full((192, 192, 3), 0.3, np.float32)
    assert found.source is not None
    assert peak(lambda: found.finish(made, blend=True)) <= times * found.source.nbytes
