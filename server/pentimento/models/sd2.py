"""Checkpoints of SD 2 in one file. Their weights do not tell whether they predict the noise (512
px) or v (768 px): metadata or a data sheet must, or the pictures would be noise.
"""

from __future__ import annotations

from pathlib import Path

from pentimento.models import headers, sheets
from pentimento.models.tensors import Damaged

KIND = "sd2"
PREDICTIONS = {"epsilon": "sd2", "v_prediction": "sd2-v"}  # -> of pentimento/configs
TOLD = {  # in metadata, by Stability's ModelSpec and kohya's scripts
    "modelspec.prediction_type": {"epsilon": "epsilon", "v": "v_prediction"},
    "modelspec.architecture": {
        "stable-diffusion-v2-512": "epsilon",
        "stable-diffusion-v2-768-v": "v_prediction",
    },
}


def configs(file: Path) -> str:
    """Raises Damaged where nothing tells."""
    said = sheets.read(file).get("prediction_type")
    metadata = headers.read(file).metadata
    hints = [words.get(metadata.get(key, "")) for key, words in TOLD.items()]
    found = said or next((hint for hint in hints if hint), None)
    if found not in PREDICTIONS:
        raise Damaged(
            "It is a checkpoint of SD 2, and nothing says what it predicts: write "
            '{"prediction_type": "v_prediction"} (768 px) or {"prediction_type": "epsilon"} (512 '
            f"px) into a file {sheets.place_of(file).name} beside it"
        )
    return PREDICTIONS[found]
