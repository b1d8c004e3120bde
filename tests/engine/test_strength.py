"""The promises about strength with every sampler: it always works, and 1.0 is text to image.

That it is exact with every family is in test_family_matrix.py, at which levels the steps run in
test_sampling.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.bench import Bench, photo

from pentimento.schema.job import SAMPLERS


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("model", ["sd15", "starter"])
def test_every_sampler_runs_at_low_middle_and_full_strength_and_repeats_itself(
    bench: Bench, model: str, sampler: str
) -> None:
    asked = {"mode": "img2img", "source": photo(), "sampler": sampler, "steps": 3}
    results = [bench.make(model, **asked, strength=strength) for strength in (0.05, 0.5, 1.0)]
    noise = [result.images[0].facts["start_noise"] for result in results]
    assert noise == sorted(set(noise))
    pictures = [result.pixels() for result in results]
    assert len({picture.tobytes() for picture in pictures}) == 3
    again = bench.make(model, **asked, strength=0.5)
    assert again.pixels().tobytes() == pictures[1].tobytes()
    invented = bench.make(model, width=64, height=64, sampler=sampler, steps=3)
    np.testing.assert_array_equal(pictures[2][..., :3], invented.pixels()[..., :3])
