"""A saved image on another machine: results are made again with another server and another data
folder, with files that have other names, or say what is missing."""

from __future__ import annotations

import shutil

import pytest
from tests.gimp.companion import Companion
from tests.gimp.harness import REPO, HeadlessGimp

pytestmark = pytest.mark.gimp
STARTER = REPO / "server" / "pentimento" / "starter"
LORA = STARTER / "blueprint" / "pytorch_lora_weights.safetensors"
WITH = "with a lora"


@pytest.fixture(scope="module")
def journey(version, tmp_path_factory):
    """The answers by where the image has come to."""
    gimp = HeadlessGimp(version, tmp_path_factory.mktemp("journey"))
    here, there = (tmp_path_factory.mktemp(name) / "数据 夹" for name in ("here", "there"))
    folders = {data: data / "loras" for data in (here, there)}
    for folder in folders.values():
        folder.mkdir(parents=True, mode=0o700)
        folder.parent.chmod(0o700)

    def again(*results):
        return gimp.run("travel.py", {"do": "again", "results": results}, timeout=200)

    found = {}
    shutil.copy(LORA, folders[here] / "画风.safetensors")
    with Companion(here) as server:
        gimp.point_to(server.url, server.token)
        ids = [lora["id"] for lora in server.ask("/v1/models")["loras"]]
        (own,) = [name for name in ids if name not in ("blueprint", "quick")]
        found["made"] = gimp.run("travel.py", {"do": "make", "lora": own}, timeout=200)
        (folders[here] / "画风.safetensors").rename(folders[here] / "水墨.safetensors")
        found["renamed"] = again(WITH)
    with Companion(there) as server:
        gimp.point_to(server.url, server.token)
        found["elsewhere"] = again("plain", "steered", WITH)
        another = bytearray(LORA.read_bytes())
        another[-64:] = bytes(64)
        (folders[there] / "画风.safetensors").write_bytes(another)
        found["another of its name"] = again(WITH)
        shutil.copy(LORA, folders[there] / "brought along.safetensors")
        found["brought along"] = again(WITH)
    return found | {"id": own}


def test_the_image_has_its_results(journey):
    made = {name: answer for name, answer in journey["made"].items() if name != "output"}
    assert made == {name: ["success", ""] for name in ("plain", "steered", WITH)}


@pytest.mark.parametrize("result", ["plain", "steered"])
def test_another_server_with_the_model_makes_it_again(journey, result):
    found = journey["elsewhere"][result]
    assert found["status"] == "success", found["error"]
    assert found["request"]["prompt"] == "一只猫"


@pytest.mark.parametrize("place", ["renamed", "brought along"])
def test_a_lora_under_another_name_is_found(journey, place):
    found = journey[place][WITH]
    assert found["status"] == "success", found["error"]
    (lora,) = found["request"]["loras"]
    assert lora["weight"] == 0.8
    assert lora["id"] != journey["id"]


@pytest.mark.parametrize("place", ["elsewhere", "another of its name"])
def test_a_lora_that_is_missing_or_another_is_told_by_name(journey, place):
    found = journey[place][WITH]
    assert found["status"] == "execution-error"
    assert journey["id"] in found["error"]
    assert found["changed"] == []
