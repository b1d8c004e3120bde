from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "server" / "pentimento" / "starter" / "model"

PAINT = """
import sys
import torch
from diffusers import StableDiffusionPipeline
torch.set_num_threads(1)
pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
a, b = (
    pipe(
        "a red ball",
        height=64,
        width=64,
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(1),
        output_type="np",
    ).images[0]
    for _ in range(2)
)
assert a.shape == (64, 64, 3) and (a == b).all() and a.std() > 0
scheduler = pipe.scheduler.config
assert scheduler.prediction_type == "v_prediction" and scheduler.rescale_betas_zero_snr
assert scheduler.timestep_spacing == "trailing"
assert pipe.unet.config.in_channels == pipe.vae.config.latent_channels == 4
print("painted")
"""


def test_loads_and_paints_offline_as_a_standard_pipeline(tmp_path):
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", PAINT, str(MODEL)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip().endswith("painted"), done.stderr[-2000:]


def test_is_at_most_thirty_megabytes():
    assert sum(p.stat().st_size for p in MODEL.rglob("*") if p.is_file()) <= 30e6


def test_weights_are_safetensors_only():
    endings = {p.suffix for p in MODEL.rglob("*") if p.is_file()}
    assert endings <= {".json", ".safetensors", ".txt"}


def test_data_sheet_has_a_preview_map_from_four_latents_to_three_colours():
    sheet = json.loads((MODEL / "pentimento.json").read_text())
    assert [len(row) for row in sheet["latent_rgb"]["matrix"]] == [4, 4, 4]
    assert len(sheet["latent_rgb"]["bias"]) == 3


def test_no_file_names_a_path_of_the_machine_that_trained_it():
    for path in MODEL.rglob("*.json"):
        assert "_name_or_path" not in path.read_text()
