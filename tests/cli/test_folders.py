"""Other programs' folders from the shell."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import Shell
from tests.models.test_recognise import CASES, KOHYA_K, lora
from tests.models.weight_files import write

from pentimento.cli.checks import State, folders


def test_a_folder_is_added_listed_and_taken_off(shell: Shell, tmp_path: Path) -> None:
    root = tmp_path / "ComfyUI"
    checkpoint = write(root / "models" / "checkpoints" / "dream.safetensors", CASES["sd15"][0])
    write(root / "models" / "loras" / "ink.safetensors", lora(KOHYA_K, 2048, 640))
    write(root / "models" / "vae" / "soft.safetensors", CASES["vae-4"][0])
    added = shell("models", "folders", "add", str(root))
    assert "(comfyui): 3 files" in added.stdout
    listed = json.loads(shell("models", "folders", "list", "--json").stdout)
    assert listed == [{"path": str(root), "kind": "comfyui"}]
    models = {entry["id"]: entry for entry in json.loads(shell("models", "list", "--json").stdout)}
    assert (models["dream"]["source"], models["dream"]["family"]) == ("ComfyUI", "sd15")
    table = shell("models", "list").stdout
    for word in ("dream", "ink", "sdxl", "soft", "vae"):
        assert word in table
    refused = shell("models", "remove", "dream", "--yes")
    assert refused.returncode != 0
    assert "only reads" in refused.stderr
    assert checkpoint.is_file()
    again = shell("models", "folders", "add", str(root))
    assert again.returncode != 0
    shell("models", "folders", "remove", str(root))
    assert "dream" not in shell("models", "list").stdout


def test_the_doctor_says_what_became_of_folders(tmp_path: Path) -> None:
    (found,) = folders.added(tmp_path)
    assert (found.state, "none added" in found.text) == (State.OK, True)
    entries = [{"path": str(tmp_path / name), "kind": "plain"} for name in ("here", "gone")]
    write(tmp_path / "here" / "a.safetensors", {})
    (tmp_path / "folders.json").write_text(json.dumps(entries))
    here, gone = folders.added(tmp_path)
    assert (here.state, "1 files" in here.text) == (State.OK, True)
    assert (gone.state, "is not there" in gone.text) == (State.WARNING, True)
    assert gone.hint
    (tmp_path / "folders.json").write_text("{")
    (broken,) = folders.added(tmp_path)
    assert (broken.state, bool(broken.hint)) == (State.FAILED, True)


def test_a_lora_is_added_by_what_it_is_and_verified(shell: Shell, tmp_path: Path) -> None:
    source = write(tmp_path / "my ink.safetensors", lora(KOHYA_K, 768, 640))
    assert "Added my-ink (lora) to loras" in shell("models", "add", str(source)).stdout
    added = shell.data / "loras" / "my-ink.safetensors"
    assert added.read_bytes() == source.read_bytes()
    assert shell("models", "add", str(source)).returncode != 0
    assert "my-ink: ok" in shell("models", "verify").stdout
    added.unlink()
    added.write_bytes(source.read_bytes()[:-1])
    damaged = shell("models", "verify")
    assert damaged.returncode == 1
    assert "cut short" in damaged.stdout
    pickle = tmp_path / "old.safetensors"
    pickle.write_bytes(b"PK\x03\x04")
    refused = shell("models", "add", str(pickle))
    assert refused.returncode != 0
    assert "is a pickle" in refused.stderr
