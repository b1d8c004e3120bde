"""`models verify` tells what becomes of every weight: of models, denoisers, VAEs, ControlNets and
the other parts. It was silent for all but checkpoints and LoRAs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.cli.conftest import end_server
from tests.cli.shell import Shell
from tests.support.control_files import write_control_file
from tests.support.denoiser_files import COMFYUI, write_denoiser
from tests.support.single_file import write_vae_file
from tests.support.tiny_addons import write_controlnet, write_ip_adapter, write_lora
from tests.support.tiny_annotators import write_depth
from tests.support.tiny_flow_models import write_z_image
from tests.support.tiny_models import write_sd15

ODD = "odd.重み 🎨"  # no place in any of them
MODEL, DENOISER = "小明's-sd15", "风格 mine"


def _whole(data: Path) -> dict[str, Path]:
    """Where the weights of one of each kind lie."""
    sd15, z_image = write_sd15(data / "models" / MODEL), write_z_image(data / "models" / "z-image")
    (data / "vaes").mkdir()
    net = write_controlnet(sd15, data / "controlnets" / "线稿-canny")
    return {
        "unet": next((sd15 / "unet").glob("*.safetensors")),
        "vae": next((sd15 / "vae").glob("*.safetensors")),
        "text_encoder": next((sd15 / "text_encoder").glob("*.safetensors")),
        "transformer": write_denoiser(
            z_image, data / "models" / f"{DENOISER}.safetensors", "z-image", "original", COMFYUI
        ),
        "vae file": write_vae_file(sd15 / "vae", data / "vaes" / "é vae.safetensors"),
        "controlnet": next(net.glob("*.safetensors")),
        "controlnet file": write_control_file(net, sd15, data / "controlnets" / "b.safetensors"),
        "annotator": next(
            write_depth(data / "annotators" / "深度 depth").glob("*.safetensors"),
        ),
        "adapter": next(
            write_ip_adapter(sd15, data / "ip_adapters" / "参考").glob("*.safetensors")
        ),
        "image_encoder": next(
            (data / "ip_adapters" / "参考" / "image_encoder").glob("*.safetensors")
        ),
        "lora": write_lora(sd15, data / "loras" / "墨 ink.safetensors", 3),
    }


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, dict[str, Path]]]:
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "work").mkdir()
    shell = Shell(folder / "work", folder / "小明's data")
    yield shell, _whole(shell.data)
    end_server(shell)


def rewrite(
    file: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]
) -> None:
    weights = change({name: weight.clone() for name, weight in load_file(file).items()})
    file.unlink()
    save_file(weights, file, {"format": "pt"})


def listed(out: str, what: str) -> set[str]:
    return set(re.findall(rf"^  {what}: \S+ (.*)$", out, re.MULTILINE))


def test_each_of_them_tells_the_same_weights_as_its_loader(
    shelf: tuple[Shell, dict[str, Path]],
) -> None:
    shell, files = shelf
    whole = shell("models", "verify")
    assert whole.returncode == 0, whole.stdout
    assert not whole.stderr
    assert not listed(whole.stdout, "not used")
    assert len(re.findall("weights are used", whole.stdout)) >= len(files)
    kept = {file: file.read_bytes() for file in files.values()}
    try:
        for kind, file in files.items():
            name = COMFYUI + ODD if kind == "transformer" else f"{ODD} {kind}"
            rewrite(file, lambda found, name=name: found | {name: torch.ones(3)})
        told = shell("models", "verify", "--keys")
        assert told.returncode == 0, told.stdout
        expected = {f"{ODD} {kind}" for kind in files if kind != "transformer"}
        assert listed(told.stdout, "not used") == expected | {COMFYUI + ODD}
        for file in files.values():
            names = {name for name in load_file(file) if ODD not in name}
            used = listed(told.stdout, "used")
            assert {name for name in names if name not in used and "position_ids" not in name} == (
                set()
            )
    finally:
        for file, data in kept.items():
            file.write_bytes(data)


LACKING = (
    *("unet", "vae", "transformer", "vae file", "controlnet", "controlnet file", "annotator"),
    "image_encoder",
)


def test_what_lacks_weights_is_told_with_each_of_them(shelf: tuple[Shell, dict[str, Path]]) -> None:
    shell, files = shelf
    kept = {kind: files[kind].read_bytes() for kind in LACKING}
    lost: dict[str, list[str]] = {}
    for kind in LACKING:
        loose = [name for name, weight in load_file(files[kind]).items() if weight.ndim == 1]
        lost[kind] = loose[-2:]
        rewrite(
            files[kind],
            lambda found, gone=loose[-2:]: {n: w for n, w in found.items() if n not in gone},
        )
    try:
        told = shell("models", "verify")
    finally:
        for kind, data in kept.items():
            files[kind].write_bytes(data)
    assert told.returncode == 1, told.stdout
    assert len(re.findall(r"lacks 2 weights", told.stdout)) == len(LACKING), told.stdout
    for part, count in (("unet", 2), ("vae", 4), ("controlnet", 4), ("annotator", 2)):
        assert len(re.findall(rf"^  missing: {part} ", told.stdout, re.MULTILINE)) == count, part
    for kind in ("unet", "vae", "controlnet", "annotator", "image_encoder"):  # as the file says it
        assert {*lost[kind]} <= listed(told.stdout, "missing"), kind
