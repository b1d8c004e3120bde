"""Model folders with whatever may lie in folders: rows S1, R5, R6 and R15 of the found faults."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
from tests.models import weight_files
from tests.server.front import Front
from tests.support import awkward, folders

KINDS = {  # folder of the data folder -> list of GET /v1/models
    "models": "models",
    "loras": "loras",
    "controlnets": "controlnets",
    "vaes": "vaes",
    "embeddings": "embeddings",
    "upscalers": "upscalers",
}
OUTSIDE = {"checkpoints": "models", "loras": "loras", "vae": "vaes", "controlnet": "controlnets"}
CALLS = ("/v1/models", "/v1/capabilities", "/v1/status", "/v1/styles", "/v1/models/folders")


def fill(folder: Path, ending: str = ".safetensors") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (build, _) in folders.ODD.items():
        build(folder / (name + ending))


LAYER = "lora_unet_{part}_attentions_0_transformer_blocks_0_{layer}_to_{to}.lora_{way}.weight"
LAYERS = {
    LAYER.format(part=part, layer=layer, to=to, way=way): (
        (4, 768 if layer == "attn2" and to in "kv" else 320) if way == "down" else (320, 4)
    )
    for part in ("down_blocks_0", "down_blocks_1", "up_blocks_2", "up_blocks_3", "mid_block")
    for layer in ("attn1", "attn2")
    for to in ("q", "k", "v", "out_0")
    for way in ("down", "up")
}


def lora(path: Path) -> None:
    weight_files.write(path, LAYERS)


@pytest.fixture
def odd(tmp_path, launch):
    """A server whose every folder of models has everything odd in it, its own and those of another
    program; and one good LoRA."""
    data, other = tmp_path / "data", tmp_path / "ComfyUI 我的"
    data.mkdir()
    for kind in KINDS:
        fill(data / kind)
        folders.link_to_its_own_folder(data / kind / "round and round")
    for kind in ("wildcards", "styles"):
        fill(data / kind, ".txt" if kind == "wildcards" else ".json")
    for kind in OUTSIDE:
        fill(other / "models" / kind)
    lora(data / "loras" / "good.safetensors")
    front = launch(data=data)
    added = {"folders": [{"path": str(other), "kind": "comfyui"}]}
    assert front.call("PUT", "/v1/models/folders", added).status == 200
    return front


def test_r5_nothing_blocks_and_each_thing_is_told_as_what_it_is(odd):
    for call in CALLS:
        assert odd.call("GET", call).status == 200, call
    told = odd.call("GET", "/v1/models").json
    for kind in set(KINDS.values()):
        problems = [item["problem"] for item in told[kind] if not item["ok"]]
        sources = 2 if kind in OUTSIDE.values() else 1
        for name, (_, words) in folders.ODD.items():
            said = [problem for problem in problems if words in problem]
            if name == "device":  # where links have to stay inside, that is what is said
                said += [problem for problem in problems if "link to a place outside" in problem]
            assert said, (kind, name, problems)
            assert len(said) >= sources or words.startswith("is not"), (kind, name, said)
    good = next(item for item in told["loras"] if item["id"] == "good")
    assert good["ok"], good
    assert odd.finished(odd.start({"prompt": "猫", "steps": 1}))["status"] == "succeeded"
    words = odd.call("POST", "/v1/jobs", {"prompt": "__pipe__", "steps": 1})
    assert (words.status, words.code) == (400, "bad_request")
    assert "named pipe" in words.json["error"]["message"]


def test_r5_such_a_server_still_ends_when_it_is_told_to(odd):
    odd.call("GET", "/v1/models")
    assert odd.stop(signal.SIGTERM)[0] == 0


def test_r5_settings_that_are_a_pipe_do_not_keep_it_from_answering(tmp_path, launch):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("folders.json", "backends.json", "keys.json"):
        folders.pipe(data / name)
    front = launch(data=data)
    for call in ("/v1/models", "/v1/status"):
        assert front.call("GET", call).status == 200


SHORT = [name for name, raw in awkward.NAME_BYTES.items() if len(raw) < 200]


@pytest.mark.parametrize("case", SHORT)
def test_s1_a_lora_of_any_name_is_listed_beside_the_others(tmp_path, launch, case):
    data = tmp_path / "data"
    for kind in (*KINDS, "wildcards"):
        (data / kind).mkdir(parents=True)
    lora(data / "loras" / "good.safetensors")
    (data / "wildcards" / awkward.name(case, ".txt")).write_text("猫\n")
    for kind in KINDS:
        (data / kind / awkward.name(case, ".safetensors")).touch()
    good = data / "loras" / "good.safetensors"
    shutil.copy(good, data / "loras" / awkward.name(case, ".safetensors"))
    front = launch(data=data)
    for call in CALLS:
        assert front.call("GET", call).status == 200
    usable = [item for item in front.call("GET", "/v1/models").json["loras"] if item["ok"]]
    usable = [item for item in usable if item["id"] not in ("blueprint", "quick")]  # come along
    hidden = awkward.NAME_BYTES[case].startswith(b".") and case != "dots"
    assert len(usable) == 2 or (hidden and usable), usable


def test_s1_a_data_folder_of_a_name_that_is_no_text(tmp_path):
    data = tmp_path / awkward.name("not_utf8")
    front = Front(data, {"disk_reserve": 0})
    assert front.call("GET", "/v1/status").status == 200
    assert front.finished(front.start({"prompt": "猫", "steps": 1}))["status"] == "succeeded"
    code, errors = front.stop()
    assert code == 0
    assert "Traceback" not in errors


@pytest.fixture
def shut_in(tmp_path):
    """Folders that may be listed and not entered, entered and not listed, and neither."""
    data = tmp_path / "data"
    for kind in (*KINDS, "wildcards", "styles", "annotators", "ip_adapters"):
        for name, mode in (("listed only", 0o444), ("entered only", 0o111), ("neither", 0)):
            folder = data / kind / name
            folder.mkdir(parents=True)
            (folder / "config.json").write_text("{}")
            (folder / "model_index.json").write_text("{}")
            folder.chmod(mode)
        folders.shut(data / kind / "unreadable.safetensors")
    lora(data / "loras" / "good.safetensors")
    folders.let_in(data)
    for kind in data.iterdir():
        kind.chmod(0o755)
    (data / "loras" / "good.safetensors").chmod(0o644)
    return data


def test_r6_folders_that_may_not_be_entered_are_told_and_the_rest_works(shut_in):
    from pentimento.api.listing import everything
    from pentimento.jobs.styles import Styles
    from pentimento.models.library.folders import Folders, checked
    from pentimento.models.library.registry import Registry

    with folders.without_rights():
        told = everything(Registry(shut_in)).model_dump()
        found = list(Folders(shut_in).places())
        drawn = list(Registry(shut_in).annotators.drawable())
        styles = Styles(shut_in).list()
        added = checked(shut_in / "models")
    assert found == []
    assert drawn
    assert styles
    assert added.kind
    good = next(item for item in told["loras"] if item["id"] == "good")
    assert good["ok"], good
    for kind in KINDS.values():
        problems = [item["problem"] for item in told[kind] if "unreadable" in item["id"]]
        assert problems, kind
        assert "Permission denied" in problems[0]
    shut_ones = {item["title"] for item in told["models"] if not item["ok"]}
    assert {"listed only", "neither"} <= shut_ones


def test_r6_an_added_folder_with_shut_places_in_it(shut_in):
    from pentimento.api.listing import everything
    from pentimento.models.library.folders import Folders
    from pentimento.models.library.places import Added, places
    from pentimento.models.library.registry import Registry

    data = shut_in.parent / "own"
    data.mkdir()
    Folders(data).keep([Added(shut_in, "plain"), Added(shut_in / "loras", "comfyui")])
    folders.let_in(data)
    (data / "folders.json").chmod(0o644)
    with folders.without_rights():
        told = everything(Registry(data)).model_dump()
        found = [place.path.name for place in places(Added(shut_in, "plain"))]
    assert {"listed only", "neither", "good.safetensors"} <= set(found)
    assert [item for item in told["loras"] if item["ok"]]


def test_r6_a_put_that_fails_has_stored_nothing(launch, tmp_path):
    front = launch()
    good = tmp_path / "good"
    good.mkdir()
    before = front.call("PUT", "/v1/models/folders", {"folders": [{"path": str(good)}]}).json
    loop = folders.loop(tmp_path / "loop")
    for path in ("/" + "n" * 300, str(tmp_path / "gone"), "relative", str(loop)):
        wrong = {"folders": [{"path": str(good)}, {"path": path}]}
        answer = front.call("PUT", "/v1/models/folders", wrong)
        assert (answer.status, answer.code) == (400, "bad_request"), path
        assert front.call("GET", "/v1/models/folders").json == before


def test_r6_a_folder_that_vanishes_while_it_is_read(launch, tmp_path):
    other = tmp_path / "other"
    front = launch()
    gone = threading.Event()

    def come_and_go():
        while not gone.is_set():
            for number in range(30):
                (other / "loras" / str(number)).mkdir(parents=True, exist_ok=True)
                lora(other / "loras" / str(number) / "a.safetensors")
            shutil.rmtree(other, ignore_errors=True)

    other.mkdir()
    added = {"folders": [{"path": str(other), "kind": "plain"}]}
    assert front.call("PUT", "/v1/models/folders", added).status == 200
    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(30):
            for call in ("/v1/models", "/v1/models/folders"):
                assert front.call("GET", call).status == 200
    finally:
        gone.set()
        thread.join()


MANY = int(os.environ.get("PENTIMENTO_MANY_LORAS", "1500"))


def test_r15_parallel_listings_of_many_loras_share_one_reading(launch, tmp_path):
    data = tmp_path / "data"
    (data / "loras").mkdir(parents=True)
    lora(data / "loras" / "0.safetensors")
    content = (data / "loras" / "0.safetensors").read_bytes()
    for number in range(1, MANY):
        (data / "loras" / f"{number} 画风.safetensors").write_bytes(content)
    alone = launch(data=data)
    count = len(alone.call("GET", "/v1/models").json["loras"])
    assert count >= MANY
    once = processor_seconds(alone.process.pid)
    alone.stop()
    front = launch(data=data)
    answers: list[int] = []

    def ask():
        answer = front.call("GET", "/v1/models")
        answers.append(len(answer.json["loras"]) if answer.status == 200 else answer.status)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared = processor_seconds(front.process.pid)
    print(json.dumps({"loras": MANY, "one caller": once, "eight at once": shared}))
    assert answers == [count] * 8
    assert shared < 2 * once


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
