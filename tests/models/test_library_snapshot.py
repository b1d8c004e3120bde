"""The library's snapshots: what is opened, what is seen at once, and what stays in a request."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.models.folders import write_json, write_model
from tests.models.header_shapes import CASES, KOHYA_K, lora
from tests.models.weight_files import safetensors, write

from pentimento.api import listing
from pentimento.core.errors import NotFound
from pentimento.jobs.plan import make_plan
from pentimento.models.library import disk
from pentimento.models.library.folders import Folders
from pentimento.models.library.registry import Registry
from pentimento.schema.plan import PlanRequest

LORA, EMBEDDING = lora(KOHYA_K, 768, 640), CASES["embedding-sd15"][0]
SD15 = CASES["sd15"][0]
RECT = {"x": 0, "y": 0, "width": 512, "height": 512}
NAMES = ("风格 一", "naïve 'style'", "שלום עולם", "🎨 paint", "two  blanks.v1")
_opened: list[str] = []


def _note(event: str, args: tuple[object, ...]) -> None:
    if event == "open" and not isinstance(args[0], int):
        _opened.append(str(args[0]))


@pytest.fixture(scope="session", autouse=True)
def listening() -> None:
    sys.addaudithook(_note)  # stays for the life of the process


@contextmanager
def opened_files() -> Iterator[list[str]]:
    _opened.clear()
    found: list[str] = []
    yield found
    found += _opened


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """ComfyUI's folder beside a data folder, with what lies in both."""
    data, models = tmp_path / "data 数据", tmp_path / "Comfy 'UI' 🎨" / "models"
    write_model(data / "models" / "mine", unet={"cross_attention_dim": 768})
    for name in NAMES:
        write(models / "loras" / f"{name}.safetensors", LORA)
    write(models / "checkpoints" / "dream.safetensors", SD15)
    write(models / "embeddings" / "bad hands.safetensors", EMBEDDING)
    write(data / "loras" / "own.safetensors", LORA)
    Folders(data).add(models.parent)
    return models


@pytest.fixture
def registry(foreign: Path, tmp_path: Path, settled: Callable[[], None]) -> Registry:
    registry = Registry(tmp_path / "data 数据")
    settled()
    everything(registry)
    return registry


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on all that is on the disk counts as old enough to be believed."""
    return lambda: monkeypatch.setattr(disk, "is_young", lambda stamp: False)


def everything(registry: Registry) -> dict[str, Any]:
    return listing.everything(registry).model_dump()


def request(**more: object) -> PlanRequest:
    fields = {"mode": "inpaint", "model": "mine", "canvas": RECT, "selection": RECT}
    return PlanRequest.model_validate(fields | more)


def titles(registry: Registry, kind: str = "loras") -> list[str]:
    return [entry["title"] for entry in everything(registry)[kind]]


def test_a_plan_after_the_first_look_opens_nothing(registry: Registry) -> None:
    name = everything(registry)["loras"][-1]["id"]
    plans = [request(), request(loras=[{"id": name}]), request(prompt=f"a house <lora:{name}>")]
    with opened_files() as files:
        for wanted in plans:
            make_plan(wanted, registry)
    assert files == []


def test_the_first_list_opens_each_lora_once(foreign: Path, tmp_path: Path) -> None:
    """More of them than whole headers are kept of: whatever is told of a file is told by one
    reading."""
    for number in range(30):
        write(foreign / "loras" / f"风格 {number} 🎨.safetensors", LORA)
    registry = Registry(tmp_path / "data 数据")
    with opened_files() as files:
        listed = everything(registry)["loras"]
    loras = [name for name in files if name.startswith(str(foreign / "loras"))]
    assert len(loras) == len(set(loras)) == 30 + len(NAMES)
    assert {name.removeprefix(f"{foreign}/loras/") for name in loras} <= {
        f"{one['title']}.safetensors" for one in listed
    }


def test_the_list_opens_nothing_the_second_time(registry: Registry) -> None:
    with opened_files() as files:
        again = everything(registry)
    assert files == []
    assert len(again["loras"]) == len(NAMES) + 3  # own, and the starter's two


def test_only_what_is_new_is_read(registry: Registry, foreign: Path) -> None:
    new = write(foreign / "loras" / "новый 新.safetensors", LORA)
    with opened_files() as files:
        assert "новый 新" in titles(registry)
    assert set(files) == {str(new)}


def test_what_comes_and_goes_is_seen_by_the_next_plan(registry: Registry, foreign: Path) -> None:
    wanted = request(loras=[{"id": "later"}])
    with pytest.raises(NotFound):
        make_plan(wanted, registry)
    file = write(foreign / "loras" / "deeper" / "later.safetensors", LORA)
    assert make_plan(wanted, registry).loras[0].id == "later"
    file.unlink()
    with pytest.raises(NotFound):
        make_plan(wanted, registry)


def test_what_takes_another_files_place_is_read_anew(registry: Registry, foreign: Path) -> None:
    file = foreign / "loras" / f"{NAMES[0]}.safetensors"
    entry = next(e for e in everything(registry)["loras"] if e["title"] == NAMES[0])
    data = file.read_bytes()
    file.write_bytes(b"\0" * len(data))  # in place: no name changes, and no size
    found = registry.snapshot().addons.get("lora", entry["id"])
    assert not found.ok
    assert next(e for e in everything(registry)["loras"] if e["title"] == NAMES[0])["ok"] is False
    file.write_bytes(data)
    assert registry.snapshot().addons.get("lora", entry["id"]).ok


def test_what_becomes_something_else_changes_its_list(registry: Registry, foreign: Path) -> None:
    file = foreign / "loras" / f"{NAMES[0]}.safetensors"
    write(file, EMBEDDING)
    told = everything(registry)
    assert NAMES[0] not in [entry["title"] for entry in told["loras"]]
    assert NAMES[0] in [entry["title"] for entry in told["embeddings"]]


def test_a_file_on_its_way_is_looked_at_until_it_is_whole(
    registry: Registry, foreign: Path
) -> None:
    file = foreign / "loras" / "large.safetensors"
    whole = safetensors(LORA)
    file.write_bytes(whole[:100])
    assert not registry.snapshot().addons.get("lora", "large").ok
    write(file, LORA)
    (found,) = [a for a in registry.snapshot().addons.of("lora") if a.id == "large"]
    assert found.ok  # also in a list that nobody looked through anew


def test_a_second_change_within_one_tick_of_the_clock_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk whose times are too coarse to tell two changes apart."""
    tick = time.time_ns()
    monkeypatch.setattr(disk, "_stamp", lambda found: (tick, found.st_ino, found.st_size, 0, 0))
    folder = tmp_path / "loras"
    first = write(folder / "first.safetensors", LORA)
    registry = Registry(tmp_path)
    assert "first" in titles(registry)
    (folder / "other.safetensors").write_bytes(first.read_bytes())
    assert "other" in titles(registry)
    first.write_bytes(bytes(first.stat().st_size))
    assert {e["title"]: e["ok"] for e in everything(registry)["loras"]}["first"] is False


def test_a_data_sheet_counts_when_it_comes_and_when_it_goes(
    registry: Registry, foreign: Path
) -> None:
    file = foreign / "loras" / f"{NAMES[0]}.safetensors"
    write(file, LORA)
    sheet = file.with_name(f"{NAMES[0]}.pentimento.json")

    def suggested() -> Any:
        return next(e for e in everything(registry)["loras"] if e["title"] == NAMES[0])["suggests"]

    assert suggested() is None
    write_json(sheet, {"default_sampler": "LCM", "default_steps": 5})
    assert suggested()["steps"] == 5
    sheet.unlink()
    assert suggested() is None


def test_a_models_own_files_count(registry: Registry, tmp_path: Path) -> None:
    config = tmp_path / "data 数据" / "models" / "mine" / "vae" / "config.json"
    text = config.read_text()
    config.write_text("{")
    assert not registry.snapshot().get("mine").ok
    config.write_text(text)
    assert registry.snapshot().get("mine").ok


def test_within_a_snapshot_nothing_changes(registry: Registry, foreign: Path) -> None:
    snapshot = registry.snapshot(whole=True)
    before = snapshot.addons.of("lora")
    write(foreign / "loras" / "new.safetensors", LORA)
    (foreign / "loras" / f"{NAMES[0]}.safetensors").unlink()
    assert snapshot.addons.of("lora") == before
    assert snapshot.snapshot() is snapshot
    now = registry.snapshot(whole=True).addons.of("lora")
    assert {addon.title for addon in now} ^ {addon.title for addon in before} == {"new", NAMES[0]}


def test_ids_stay_when_namesakes_come_and_go(registry: Registry, foreign: Path) -> None:
    def ids() -> dict[str, str]:
        return {entry["title"]: entry["id"] for entry in everything(registry)["loras"]}

    one = write(foreign / "loras" / "海 style.safetensors", LORA)
    first = ids()["海 style"]
    other = write(foreign / "loras" / "山 style.safetensors", LORA)
    both = ids()
    assert both["海 style"] == first
    one.unlink()
    assert ids()["山 style"] == both["山 style"] != first
    other.unlink()
    write(one, LORA)
    assert ids()["海 style"] == first


def test_those_who_ask_at_once_share_the_first_look(foreign: Path, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "data 数据")
    barrier, told = threading.Barrier(4), []

    def ask() -> None:
        barrier.wait()
        told.append(len(registry.snapshot(whole=True).inventory.outside()))

    with opened_files() as files:
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == [len(NAMES) + 2] * 4
    of_loras = [file for file in files if "/loras/" in file]
    assert len(of_loras) == len(set(of_loras)) == len(NAMES)


def test_how_far_a_first_look_is_can_be_asked_meanwhile(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pentimento.models.library import inventory

    registry = Registry(tmp_path / "data 数据")
    seen = []
    monkeypatch.setattr(inventory, "TOLD_EVERY", 1)
    read = inventory.recognise
    monkeypatch.setattr(
        inventory, "recognise", lambda file: (seen.append(registry.disk.reading), read(file))[1]
    )
    everything(registry)
    assert [told.done for told in seen if told] == list(range(len(NAMES) + 2))
    assert registry.disk.reading is None


def test_a_clock_that_was_set_back_hides_nothing(registry: Registry, foreign: Path) -> None:
    future = time.time() + 10**6
    os.utime(foreign / "loras", (future, future))
    write(foreign / "loras" / "new.safetensors", LORA)
    os.utime(foreign / "loras", (future, future))
    assert "new" in titles(registry)
