"""Row 02: what a model predicts reaches the sampler, whether its files or a data sheet say so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.bench import Bench

SAID = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
SHEET = {"prediction_type": "v_prediction", "zero_snr": True}


@pytest.fixture(scope="module")
def models(data_dir: Path) -> Path:
    """`v-files` says it in its scheduler's configuration, `v-sheet` beside it."""
    for name in ("v-files", "v-sheet"):
        shutil.copytree(data_dir / "models" / "sd15", data_dir / "models" / name)
    change(data_dir / "models" / "v-files" / "scheduler" / "scheduler_config.json", SAID)
    change(data_dir / "models" / "v-sheet" / "pentimento.json", SHEET)
    return data_dir


def change(file: Path, values: dict[str, Any]) -> None:
    known = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(known | values))


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M Karras", "DDIM"])
def test_row_02_a_data_sheet_counts_like_the_models_own_configuration(
    bench: Bench, models: Path, sampler: str
) -> None:
    asked = {"mode": "txt2img", "width": 64, "height": 64, "sampler": sampler}
    plain, files, sheet = (
        bench.make(model, **asked).pixels() for model in ("sd15", "v-files", "v-sheet")
    )
    assert np.array_equal(files, sheet)
    assert not np.array_equal(plain, sheet)
