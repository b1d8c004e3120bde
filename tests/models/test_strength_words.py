"""What the words for strengths are: the same noise in every family, in their order, by number."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pentimento.core.geometry import Size, Work
from pentimento.imaging.noise_levels import EVEN, Spacing
from pentimento.models.library.registry import Registry
from pentimento.models.tables import strength_words
from pentimento.schema import wording
from pentimento.schema.job import Mode

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
FAMILIES: dict[str, tuple[dict[str, Any], str | None, int, Spacing]] = {
    "sd15": (SD15, None, 20, EVEN),
    "zero snr": (SD15 | {"rescale_betas_zero_snr": True}, None, 20, EVEN),
    "flux": ({"use_dynamic_shifting": True}, "linear", 28, EVEN),
    "sd3": ({"shift": 3.0}, "linear", 28, EVEN),
    "klein": ({"use_dynamic_shifting": True}, "empirical", 4, Spacing(4, None, 3)),
}


def of(family: str) -> dict[str, float]:
    config, rule, steps, spacing = FAMILIES[family]
    return strength_words.strengths(config, rule, 4096, steps, spacing)


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("sd15", (0.22, 0.54, 0.88)),
        ("zero snr", (0.21, 0.5, 0.81)),
        ("flux", (0.16, 0.36, 0.71)),
        ("klein", (0.06, 0.15, 0.44)),
    ],
)
def test_words_of_known_families(family: str, expected: tuple[float, ...]) -> None:
    assert tuple(of(family).values()) == pytest.approx(expected, abs=0.015)


@given(
    st.sampled_from(sorted(FAMILIES)),
    st.integers(64, 20_000),
    st.integers(1, 60),
    st.floats(0.5, 12),
)
def test_they_rise_and_lie_between_nothing_and_all(
    family: str, tokens: int, steps: int, shift: float
) -> None:
    config, rule, _, spacing = FAMILIES[family]
    words = strength_words.strengths(config | {"shift": shift}, rule, tokens, steps, spacing)
    assert list(words) == ["touch_up", "restyle", "repaint"]
    found = [0.0, *words.values(), 1.0]
    assert all(low < high for low, high in itertools.pairwise(found))


def test_a_plan_says_the_word_that_is_nearest_for_the_model() -> None:
    whole = Work.whole(Size(64, 64))

    def said(strength: float, family: str) -> str:
        passes = [(whole, 4)]
        return wording.sentence(Mode.IMG2IMG, strength, of(family), passes, 4, 1).split(":")[0]

    assert said(0.2, "sd15") == "Touch up the source at 0.2"
    assert said(0.2, "klein") == "Restyle the source at 0.2"
    assert said(0.4, "klein") == "Repaint the source at 0.4"
    assert said(1.0, "klein") == "Paint a new picture over the source"
    assert wording.sentence(Mode.IMG2IMG, 0.3, {}, [(whole, 4)], 4, 1).startswith("Repaint")


def test_the_list_tells_them(tmp_path: Path) -> None:
    told = Registry(tmp_path).get("starter").answer().strengths
    assert told == pytest.approx({"touch_up": 0.21, "restyle": 0.5, "repaint": 0.81}, abs=0.015)
