"""What a UNet predicts, and whether its noise ends in nothing but noise (zero terminal SNR), told
by the weights and metadata of a file: as epsilon, weights that were trained for v paint only noise.

Marks are those of NoobAI-XL and ComfyUI (`v_pred`, `ztsnr`), CosXL and Playground (`edm_…`); words
those of Stability's ModelSpec and kohya's scripts. A data sheet corrects what is found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pentimento.models.weights.header import Damaged, Header

EPSILON, V = "epsilon", "v_prediction"
KINDS = (EPSILON, V)
V_MARK, ZERO_SNR_MARK = "v_pred", "ztsnr"
MARKS = (V_MARK, ZERO_SNR_MARK)  # weights without a number
EDM = {  # first weight that shows it -> what it is
    "edm_vpred.sigma_max": "predicts v at the noise levels of EDM, as CosXL does",
    "edm_mean": "is trained with the noise levels of EDM, as Playground v2.5 is",
}
PREDICTION_KEYS = ("modelspec.prediction_type", "modelspec.predict_key")  # newer, older
WORDS = {  # in lower case, without dashes and spaces
    **dict.fromkeys(("epsilon", "eps", "epsprediction", "noise"), EPSILON),
    **dict.fromkeys(("v", "vpred", "vprediction", "velocity"), V),
}
NO_WORDS = ("", "none", "null")
ARCHITECTURES = {
    "stable-diffusion-v2-512": EPSILON,
    "stable-diffusion-v2-768-v": V,
}


@dataclass(frozen=True, slots=True)
class Told:
    """None where nothing tells."""

    kind: str | None = None
    zero_snr: bool | None = None

    def over(self, scheduler: Mapping[str, Any]) -> dict[str, Any]:
        """A scheduler's configuration with it."""
        known = dict(scheduler)
        if self.kind is not None:
            known["prediction_type"] = self.kind
        if self.zero_snr is not None:
            known["rescale_betas_zero_snr"] = self.zero_snr
        return known


def of_header(header: Header, *, corrected: bool = False) -> Told:
    """Raises Damaged for what is predicted in a way that cannot be computed, and for words that are
    not known unless they are `corrected` by a data sheet."""
    names = header.tensors
    for mark, words in EDM.items():
        if any(name == mark or name.endswith(f".{mark}") for name in names):
            raise Damaged(f"It {words}, which is not supported")
    metadata = header.metadata
    kind = V if _marked(V_MARK, names) else None
    if kind is None:
        kind = _in_words(metadata, corrected)
    if kind is None:
        kind = ARCHITECTURES.get(metadata.get("modelspec.architecture", ""))
    if kind is None and _is_true(metadata.get("ss_v_parameterization")):
        kind = V
    ends_in_noise = _marked(ZERO_SNR_MARK, names)
    ends_in_noise = ends_in_noise or _is_true(metadata.get("ss_zero_terminal_snr"))
    return Told(kind, True if ends_in_noise else None)


def _in_words(metadata: Mapping[str, str], corrected: bool) -> str | None:
    for key in PREDICTION_KEYS:
        said = metadata.get(key, "")
        word = re.sub(r"[\s_-]", "", said.lower())
        if word in WORDS:
            return WORDS[word]
        if word not in NO_WORDS and not corrected:
            raise Damaged(
                f"It says that it predicts “{said[:40]}”, which is not known: write "
                '{"prediction_type": "v_prediction"} or {"prediction_type": "epsilon"} into its '
                "data sheet"
            )
    return None


def of_sheet(sheet: Mapping[str, Any]) -> Told:
    """Raises Damaged for a wrong value."""
    kind, zero_snr = sheet.get("prediction_type"), sheet.get("zero_snr")
    if kind is not None and kind not in KINDS:
        raise Damaged(f"Its data sheet says prediction_type “{kind}”; {' and '.join(KINDS)} can be")
    if zero_snr is not None and not isinstance(zero_snr, bool):
        raise Damaged("Its data sheet has a wrong value for zero_snr; true and false can be")
    return Told(kind, zero_snr)


def _marked(mark: str, names: Collection[str]) -> bool:
    return mark in names or f"model.diffusion_model.{mark}" in names


def _is_true(word: str | None) -> bool:
    return (word or "").strip().lower() in ("true", "1")
