"""Other programs' folders over HTTP: chosen, listed at once, and kept from strangers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.models.header_shapes import CASES, KOHYA_K, lora
from tests.models.weight_files import write
from tests.server.front import Front

LORA = lora(KOHYA_K, 768, 640)


def ids(front: Front, shelf: str) -> set[str]:
    return {entry["id"] for entry in front.call("GET", "/v1/models").json[shelf]}


def test_a_folder_is_added_read_and_taken_off(launch, tmp_path: Path) -> None:
    root = tmp_path / "ComfyUI"
    write(root / "models" / "checkpoints" / "dream.safetensors", CASES["sd15"][0])
    write(root / "models" / "loras" / "ink.safetensors", LORA)
    front = launch()
    assert front.call("GET", "/v1/models/folders").json == {"folders": []}
    told = front.call("PUT", "/v1/models/folders", {"folders": [{"path": str(root)}]})
    entry = {"path": str(root), "kind": "comfyui", "there": True, "found": 2}
    assert told.json == {"folders": [entry]}
    listed = front.call("GET", "/v1/models").json
    (dream,) = (model for model in listed["models"] if model["id"] == "dream")
    assert (dream["family"], dream["precision"]) == ("sd15", "fp16")
    assert (dream["source"], dream["ok"]) == ("ComfyUI", True)
    (ink,) = (found for found in listed["loras"] if found["id"] == "ink")
    assert ink["fits"] == ["dream"]
    assert str(root) not in json.dumps(listed)

    write(root / "models" / "embeddings" / "new.safetensors", CASES["embedding-sd15"][0])
    assert ids(front, "embeddings") == {"new"}
    assert "dream" in ids(front, "models")

    assert front.call("PUT", "/v1/models/folders", {"folders": []}).json == {"folders": []}
    assert "dream" not in ids(front, "models")
    assert (root / "models" / "checkpoints" / "dream.safetensors").is_file()


def test_folders_that_cannot_be_are_refused_and_nothing_changes(launch, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    front = launch()
    good = {"path": str(tmp_path / "good")}
    front.call("PUT", "/v1/models/folders", {"folders": [good]})
    for bad in ("relative", "/", str(tmp_path / "none"), "a\0b", "//host/share"):
        answer = front.call("PUT", "/v1/models/folders", {"folders": [good, {"path": bad}]})
        assert answer.status in (400, 422), bad
    for body in ({"folders": [good | {"kind": "zip"}]}, {"folders": [good] * 33}, {}):
        assert front.call("PUT", "/v1/models/folders", body).status in (400, 422)
    assert len(front.call("GET", "/v1/models/folders").json["folders"]) == 1
