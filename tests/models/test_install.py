"""Adding, removing and verifying model folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.folders import safetensors, write_model

from pentimento.core.errors import BadInput, Conflict
from pentimento.models import manage
from pentimento.models.library.registry import Registry

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def quiet(_file: str) -> None:
    pass


def test_added_model_is_whole_usable_and_without_strangers(tmp_path: Path) -> None:
    source = write_model(tmp_path / "Quelle “模型” ü")
    (source / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80pickle")
    (source / "run.py").write_text("raise SystemExit")
    registry = Registry(tmp_path / "Daten 数据")
    info = manage.add(registry, source, "mine", quiet)
    assert info.ok, info.problem
    assert (info.path / WEIGHTS).read_bytes() == (source / WEIGHTS).read_bytes()
    assert not list(info.path.rglob("*.bin"))
    assert not list(info.path.rglob("*.py"))
    assert manage.verify(info, quiet) == []
    assert [entry.name for entry in registry.folder.iterdir()] == ["mine"]


def test_a_hub_cache_of_links_is_added_as_files(tmp_path: Path) -> None:
    source = write_model(tmp_path / "Schnapp 快照")
    blob = tmp_path / "blob"
    (source / WEIGHTS).rename(blob)
    (source / WEIGHTS).symlink_to(blob)
    info = manage.add(Registry(tmp_path / "Daten 数据"), source, "mine", quiet)
    assert info.ok, info.problem
    assert not (info.path / WEIGHTS).is_symlink()


def test_a_damaged_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    source = write_model(tmp_path / "Quelle “模型” ü")
    (source / WEIGHTS).write_bytes(safetensors()[:-3])
    registry = Registry(tmp_path / "Daten 数据")
    with pytest.raises(BadInput, match="cut short"):
        manage.add(registry, source, "mine", quiet)
    assert list(registry.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "a\nb", "-x", "x" * 201])
def test_names_that_are_no_names_are_refused(tmp_path: Path, name: str) -> None:
    source = write_model(tmp_path / "so urce")
    with pytest.raises(BadInput, match="cannot be a name"):
        manage.add(Registry(tmp_path / "Daten 数据"), source, name, quiet)


def test_taken_names_are_refused(tmp_path: Path) -> None:
    source, registry = write_model(tmp_path / "Quelle “模型” ü"), Registry(tmp_path / "Daten 数据")
    manage.add(registry, source, "mine", quiet)
    for name in ("mine", "starter"):
        with pytest.raises(Conflict, match=name):
            manage.add(registry, source, name, quiet)


def test_verify_finds_a_flipped_bit_and_a_lost_file(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "Daten 数据")
    info = manage.add(registry, write_model(tmp_path / "Quelle “模型” ü"), "mine", quiet)
    flipped = bytearray((info.path / WEIGHTS).read_bytes())
    flipped[-1] ^= 1
    (info.path / WEIGHTS).unlink()
    (info.path / WEIGHTS).write_bytes(flipped)
    assert manage.verify(registry.get("mine"), quiet) == [
        f"{WEIGHTS} has changed since it was added."
    ]


def test_removing_deletes_the_copy_and_not_the_source(tmp_path: Path) -> None:
    source, registry = write_model(tmp_path / "Quelle “模型” ü"), Registry(tmp_path / "Daten 数据")
    info = manage.add(registry, source, "mine", quiet)
    manage.remove(registry, "mine")
    assert not info.path.exists()
    assert (source / WEIGHTS).is_file()


def test_a_linked_model_is_only_unlinked(tmp_path: Path) -> None:
    outside, registry = write_model(tmp_path / "Außen “外”"), Registry(tmp_path / "Daten 数据")
    registry.folder.mkdir(parents=True)
    (registry.folder / "link").symlink_to(outside)
    manage.remove(registry, "link")
    assert not (registry.folder / "link").exists()
    assert (outside / WEIGHTS).is_file()


def test_the_starter_stays(tmp_path: Path) -> None:
    starter = write_model(tmp_path / "starter")
    with pytest.raises(BadInput, match="part of the program"):
        manage.remove(Registry(tmp_path / "Daten 数据", starter=starter), "starter")
    assert (starter / WEIGHTS).is_file()
