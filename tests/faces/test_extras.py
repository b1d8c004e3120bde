"""A1111's extras with upscalers that were trained, driven by the unmodified `webuiapi` package."""

from __future__ import annotations

import numpy as np
import pytest
from tests.faces.pictures import photo, pixels, result

UPSCALER = "compact-photo"


def test_the_shipped_upscaler_is_listed_and_used(front, a1111):
    assert UPSCALER in [one["name"] for one in a1111.get_upscalers()]
    small = photo(24, 20)
    made = a1111.extra_single_image(small, upscaler_1=UPSCALER, upscaling_resize=2)
    assert made.image.size == (48, 40)
    plain = a1111.extra_single_image(small, upscaler_1="Lanczos", upscaling_resize=2)
    assert not np.array_equal(pixels(made.image), pixels(plain.image))
    rgba = np.dstack([pixels(small)[..., :3], np.full((20, 24), 255, np.uint8)])
    source = front.blob(np.ascontiguousarray(rgba).tobytes(), 24, 20)
    job = front.start({"mode": "upscale", "source": source, "scale": 2, "upscaler": UPSCALER})
    direct = result(front, job)
    assert np.array_equal(pixels(made.image)[..., :3], direct[..., :3])


def test_it_can_be_asked_for_a_size(a1111):
    small = photo(24, 20)
    sizes = {"resize_mode": 1, "upscaling_resize_w": 50, "upscaling_resize_h": 70}
    made = a1111.extra_single_image(small, upscaler_1=UPSCALER, **sizes)
    assert made.image.size == (50, 70)


def test_several_pictures_come_back_in_their_order(a1111):
    small = [photo(20, 12), photo(8, 16), photo(16, 16)]
    made = a1111.extra_batch_images(small, upscaler_1=UPSCALER, upscaling_resize=2)
    assert [one.size for one in made.images] == [(40, 24), (16, 32), (32, 32)]
    plain = a1111.extra_batch_images(small, upscaler_1="Nearest", upscaling_resize=2)
    for one, source in zip(plain.images, small, strict=True):
        assert np.array_equal(pixels(one), np.kron(pixels(source), np.ones((2, 2, 1), "u1")))


def test_an_upscaler_that_is_not_there_is_refused_before_any_work(a1111):
    with pytest.raises(RuntimeError, match="upscaler"):
        a1111.extra_batch_images([photo(8, 8)], upscaler_1="R-ESRGAN 4x+")
