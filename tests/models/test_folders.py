"""Folders of other programs: what is found in them, where it comes from, and that all stays."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.models.folders import safetensors as tiny
from tests.models.folders import write_json, write_model
from tests.models.header_shapes import CASES, KOHYA_K, lora
from tests.models.weight_files import write

from pentimento.core.errors import BadInput, Conflict, NotFound
from pentimento.models import manage
from pentimento.models.library.folders import Folders, detect
from pentimento.models.library.registry import Registry

SD15, UPSCALER = CASES["sd15"][0], CASES["esrgan"][0]
EMBEDDING, LORA = CASES["embedding-sd15"][0], lora(KOHYA_K, 768, 640)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    files = {file: file.lstat() for file in folder.rglob("*")}
    return {str(file): (stat.st_size, stat.st_mtime_ns) for file, stat in files.items()}


def comfyui(root: Path) -> Path:
    models = root / "models"
    write(models / "checkpoints" / "sub" / "dream.safetensors", SD15)
    write(models / "loras" / "ink.safetensors", LORA, ss_tag_frequency='{"a": {"ink": 3}}')
    write(models / "embeddings" / "bad hands.safetensors", EMBEDDING)
    write(models / "upscale_models" / "4x.safetensors", UPSCALER)
    (models / "upscale_models" / "old.pth").write_bytes(b"PK\x03\x04")
    (models / "checkpoints" / "put_checkpoints_here").write_text("")
    return root


def a1111(root: Path) -> Path:
    write(root / "models" / "Stable-diffusion" / "dream.safetensors", SD15)
    write(root / "models" / "Lora" / "ink.safetensors", LORA)
    write(root / "embeddings" / "bad hands.safetensors", EMBEDDING)
    write(root / "models" / "ESRGAN" / "4x.safetensors", UPSCALER)
    return root


def invokeai(root: Path) -> Path:
    (root / "databases").mkdir(parents=True)
    (root / "databases" / "invokeai.db").write_bytes(b"")
    write(root / "models" / "0f1e" / "dream.safetensors", SD15)
    write(root / "models" / "sd-1" / "lora" / "ink.safetensors", LORA)
    write(root / "models" / "sd-1" / "embedding" / "bad hands.safetensors", EMBEDDING)
    write(root / "models" / "any" / "4x.safetensors", UPSCALER)
    return root


def plain(root: Path) -> Path:
    write(root / "dream.safetensors", SD15)
    write(root / "ink.safetensors", LORA)
    write(root / "a" / "b" / "bad hands.safetensors", EMBEDDING)
    write(root / "4x.safetensors", UPSCALER)
    return root


def registry(data: Path) -> Registry:
    return Registry(data, starter=data / "none")


def names(found: object) -> list[str]:
    return [entry.id for entry in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("make", "kind", "source"),
    [
        (comfyui, "comfyui", "ComfyUI"),
        (a1111, "a1111", "A1111"),
        (invokeai, "invokeai", "InvokeAI"),
        (plain, "plain", "mine"),
    ],
)
def test_everything_in_another_programs_folder_is_listed(
    tmp_path: Path, make: object, kind: str, source: str
) -> None:
    root = make(tmp_path / "mine")  # type: ignore[operator]
    before = snapshot(root)
    known = registry(tmp_path / "data")
    assert known.inventory.folders.add(root).kind == kind
    (info,) = known.list()
    assert info.ok, info.problem
    assert (info.id, info.family, info.precision, info.source) == ("dream", "sd15", "fp16", source)
    (found,) = (addon for addon in known.addons.list() if addon.source)
    assert (found.kind, found.id, found.family, found.source) == ("lora", "ink", "sd15", source)
    assert found.fits(info)
    (embedding,) = known.inventory.of("embedding")
    assert (embedding.id, embedding.ok, embedding.fits(info)) == ("bad-hands", True, True)
    assert "4x" in names(known.inventory.of("upscaler"))
    with pytest.raises(BadInput, match="only reads"):
        manage.remove(known, "dream")
    assert snapshot(root) == before


def test_trigger_words_and_pickles_of_another_program(tmp_path: Path) -> None:
    known = registry(tmp_path / "data")
    known.inventory.folders.add(comfyui(tmp_path / "comfy"))
    assert known.addons.get("lora", "ink").triggers == ("ink",)
    old = next(item for item in known.inventory.of("upscaler") if item.id == "old")
    assert not old.ok
    assert "old.pth is a pickle, which can run" in old.problem
    assert "convert" in old.problem


def hub(root: Path) -> Path:
    """A cache with a diffusers model and a checkpoint, each file a link to a blob."""
    for repository, make in (("models--maker--whole", write_model), ("models--x--file", one_file)):
        folder = root / "hub" / repository
        revision = folder / "snapshots" / "abc"
        make(revision)
        (folder / "blobs").mkdir()
        for number, file in enumerate(sorted(p for p in revision.rglob("*") if p.is_file())):
            blob = folder / "blobs" / str(number)
            file.rename(blob)
            file.symlink_to(blob)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("abc")
    return root


def one_file(folder: Path) -> None:
    write(folder / "dream.safetensors", SD15)


def test_links_inside_a_hub_cache_are_followed(tmp_path: Path) -> None:
    known = registry(tmp_path / "data")
    assert known.inventory.folders.add(hub(tmp_path / "cache")).kind == "huggingface"
    found = {info.title: info for info in known.list()}
    assert set(found) == {"maker/whole", "x/file/dream"}
    for info in found.values():
        assert info.ok, info.problem
        assert info.source == "HuggingFace"
    outside = write(tmp_path / "elsewhere.safetensors", SD15)
    link = tmp_path / "cache/hub/models--x--file/snapshots/abc/dream.safetensors"
    link.unlink()
    link.symlink_to(outside)
    assert [info.title for info in known.list()] == ["maker/whole"]
    (refused,) = (item for item in known.inventory.list() if not item.ok)
    assert "a link to a place outside" in refused.problem


def test_a_link_out_of_an_added_folder_is_not_followed(tmp_path: Path) -> None:
    root = comfyui(tmp_path / "comfy")
    secret = write(tmp_path / "secret.safetensors", LORA)
    (root / "models" / "loras" / "link.safetensors").symlink_to(secret)
    known = registry(tmp_path / "data")
    known.inventory.folders.add(root)
    link = known.addons.get("lora", "link")
    assert not link.ok
    assert "add that place too" in link.problem


def test_a_vae_behind_a_link_out_cannot_be_used(tmp_path: Path) -> None:
    root = comfyui(tmp_path / "comfy")
    good = write(root / "models" / "vae" / "good.safetensors", CASES["vae-4"][0])
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(good.read_bytes())
    (root / "models" / "vae" / "link.safetensors").symlink_to(outside)
    known = registry(tmp_path / "data")
    known.inventory.folders.add(root)
    assert [(vae.id, vae.ok, vae.source) for vae in known.vaes.list()] == [
        ("good", True, "ComfyUI"),
        ("link", False, "ComfyUI"),
    ]


def test_a_diffusers_controlnet_in_an_added_folder_can_be_used(tmp_path: Path) -> None:
    root = tmp_path / "ComfyUI"
    folder = root / "models" / "controlnet" / "my canny"
    (root / "models" / "checkpoints").mkdir(parents=True)
    config = {"_class_name": "ControlNetModel", "cross_attention_dim": 768}
    write_json(folder / "config.json", config | {"block_out_channels": [320]})
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(tiny())
    write(root / "models" / "controlnet" / "one.safetensors", CASES["controlnet-sd15"][0])
    known = registry(tmp_path / "data")
    known.inventory.folders.add(root)
    found = known.addons.get("controlnet", "my-canny")
    assert (found.ok, found.control, found.family) == (True, "canny", "sd15")
    by_itself = known.addons.get("controlnet", "one")
    assert (by_itself.ok, by_itself.family, by_itself.source) == (True, "sd15", "ComfyUI")


def test_a_controlnet_in_a_hub_cache_is_told_by_its_repositorys_name(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "models--maker--controlnet-depth" / "snapshots" / "0f1e"
    config = {"_class_name": "ControlNetModel", "cross_attention_dim": 2048}
    write_json(folder / "config.json", config | {"block_out_channels": [320]})
    write(folder / "diffusion_pytorch_model.safetensors", {"a": [4]})
    known = registry(tmp_path / "data")
    known.inventory.folders.add(tmp_path)
    found = known.addons.get("controlnet", "controlnet-depth")
    assert (found.ok, found.controls, found.family) == (True, ("depth",), "sdxl")
    assert (found.precision, found.title) == ("fp16", "maker/controlnet-depth")


def test_a_union_in_a_hub_cache_takes_the_maps_of_its_family(tmp_path: Path) -> None:
    name = "models--maker--Qwen-Image-ControlNet-Union"
    folder = tmp_path / "hub" / name / "snapshots" / "0f1e"
    config = {"_class_name": "QwenImageControlNetModel", "num_attention_heads": 24}
    write_json(folder / "config.json", config | {"attention_head_dim": 128})
    write(folder / "diffusion_pytorch_model.safetensors", {"a": [4]})
    known = registry(tmp_path / "data")
    known.inventory.folders.add(tmp_path)
    found = known.addons.get("controlnet", "Qwen-Image-ControlNet-Union")
    assert (found.ok, found.families, found.width) == (True, {"qwen-image"}, 768)
    assert found.controls == ("canny", "softedge", "depth", "openpose")


def test_a_folders_precision_is_its_denoisers(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "mine")
    write(folder / "unet" / "diffusion_pytorch_model.safetensors", {"a": [4]}, "BF16")
    (info,) = registry(tmp_path).list()
    assert (info.ok, info.precision) == (True, "bf16")


def test_own_models_come_first_and_keep_their_names(tmp_path: Path) -> None:
    known = registry(tmp_path / "data")
    write(tmp_path / "data" / "models" / "dream.safetensors", SD15)
    known.inventory.folders.add(plain(tmp_path / "mine"))
    ours, theirs = known.list()
    assert (ours.id, ours.source, theirs.source) == ("dream", "", "mine")
    assert re.fullmatch("dream-[0-9a-f]{8}", theirs.id)
    assert known.get("dream-2") == known.get(theirs.id)  # as earlier versions called it
    assert known.default_id == "dream"


def test_a_file_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    known = registry(tmp_path / "data")
    known.inventory.folders.add(comfyui(tmp_path / "comfy"))
    assert names(known.list()) == ["dream"]
    write(tmp_path / "comfy" / "models" / "checkpoints" / "new.safetensors", SD15)
    assert names(known.list()) == ["new", "dream"]


def test_the_list_of_folders_is_kept_and_cut(tmp_path: Path) -> None:
    known = Folders(tmp_path / "data")
    root = comfyui(tmp_path / "comfy")
    known.add(root)
    with pytest.raises(Conflict):
        known.add(root / "models" / "..")
    assert [folder.path for folder in Folders(tmp_path / "data").list()] == [root]
    known.remove(root)
    assert list(known.list()) == []
    assert root.is_dir()
    with pytest.raises(NotFound):
        known.remove(root)


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [("nowhere", "auto", "is not a folder"), ("/", "auto", "whole disk"), (".", "zip", "no kind")],
)
def test_what_is_no_folder_is_refused(tmp_path: Path, path: str, kind: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Folders(tmp_path / "data").add(tmp_path / path, kind)


def test_a_broken_list_keeps_nobody_from_their_own_models(tmp_path: Path) -> None:
    write(tmp_path / "models" / "dream.safetensors", SD15)
    for broken in ("{", "[1]", json.dumps([{"path": "/tmp", "kind": "zip"}])):
        (tmp_path / "folders.json").write_text(broken)
        assert names(registry(tmp_path).list()) == ["dream"]
        with pytest.raises(BadInput):
            Folders(tmp_path).list()


def test_a_folder_that_is_gone_has_nothing(tmp_path: Path) -> None:
    known = registry(tmp_path / "data")
    root = plain(tmp_path / "mine")
    known.inventory.folders.add(root)
    root.rename(tmp_path / "moved")
    assert list(known.list()) == []


def test_own_embeddings_and_upscalers_are_listed(tmp_path: Path) -> None:
    write(tmp_path / "embeddings" / "e.safetensors", EMBEDDING)
    write(tmp_path / "upscalers" / "u.safetensors", UPSCALER)
    (tmp_path / "embeddings" / "p.pt").write_bytes(b"PK\x03\x04")
    found = registry(tmp_path).inventory
    assert [(item.id, item.ok) for item in found.of("embedding")] == [("e", True), ("p", False)]
    assert names(found.of("upscaler")) == ["u"]


def test_models_folders_inside_a_program_are_known_too(tmp_path: Path) -> None:
    comfyui(tmp_path / "comfy")
    assert detect(tmp_path / "comfy" / "models") == "comfyui"
    known = registry(tmp_path / "data")
    known.inventory.folders.add(tmp_path / "comfy" / "models")
    assert names(known.list()) == ["dream"]
