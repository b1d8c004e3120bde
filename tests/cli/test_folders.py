"""Other programs' folders from the shell."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.shell import Shell
from tests.models.header_shapes import CASES, KOHYA_K, lora
from tests.models.weight_files import write

from pentimento.cli import checks
from pentimento.cli.checks import State


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
    (found,) = checks.added_folders(tmp_path)
    assert (found.state, "none added" in found.text) == (State.OK, True)
    entries = [{"path": str(tmp_path / name), "kind": "plain"} for name in ("here", "gone")]
    write(tmp_path / "here" / "a.safetensors", {})
    (tmp_path / "folders.json").write_text(json.dumps(entries))
    here, gone = checks.added_folders(tmp_path)
    assert (here.state, "1 files" in here.text) == (State.OK, True)
    assert (gone.state, "is not there" in gone.text) == (State.WARNING, True)
    assert gone.hint
    (tmp_path / "folders.json").write_text("{")
    (broken,) = checks.added_folders(tmp_path)
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


def test_s16_a_data_sheet_goes_with_its_file_and_every_byte_is_verified(
    shell: Shell, tmp_path: Path
) -> None:
    """`verify` answered before it had read a single file; sheets were left behind and inherited."""
    source = write(tmp_path / "墨.safetensors", lora(KOHYA_K, 768, 640))
    sheet = tmp_path / "墨.pentimento.json"
    sheet.write_text('{"default_steps": 4}', "utf-8")
    assert "Added 墨 (lora)" in shell("models", "add", str(source)).stdout
    added = shell.data / "loras" / "墨.safetensors"
    assert (added.with_name(sheet.name)).read_text("utf-8") == sheet.read_text("utf-8")
    known = next(row for row in shell("models", "verify").stdout.splitlines() if "lora-" in row)
    name = known.split(":")[0]
    assert shell("models", "verify", name).stdout == f"{name}: ok (all 3 weights are used.)\n"
    data = bytearray(added.read_bytes())
    data[-1] ^= 1
    added.unlink()  # it shares its bytes with the source
    added.write_bytes(data)
    damaged = shell("models", "verify", name)
    assert (damaged.returncode, "has changed since it was added" in damaged.stdout) == (1, True)
    assert shell("models", "remove", name, "--yes").returncode == 0
    assert list(added.parent.iterdir()) == []
    added.with_name("墨.pentimento.json").write_text('{"default_steps": 9}', "utf-8")
    sheet.unlink()
    assert shell("models", "add", str(source)).returncode == 0
    assert not added.with_name("墨.pentimento.json").exists()


def test_s16_a_checkpoint_in_one_file_is_read_to_its_end(shell: Shell, tmp_path: Path) -> None:
    source = write(tmp_path / "梦.safetensors", CASES["sd15"][0])
    assert shell("models", "add", str(source)).returncode == 0
    (added,) = (shell.data / "models").glob("*.safetensors")
    with added.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x01")
    damaged = shell("models", "verify")
    assert (damaged.returncode, "has changed since it was added" in damaged.stdout) == (1, True)


def test_verify_tells_what_of_a_file_is_not_used(shell: Shell, tmp_path: Path) -> None:
    strange = {"model.diffusion_model.odd.weight": [2, 2], "model_ema.decay": []}
    write(shell.data / "models" / "mine.safetensors", CASES["sd15"][0] | strange)
    write(shell.data / "loras" / "ink.safetensors", lora(KOHYA_K, 768, 640) | {"odd": [3]})
    told = shell("models", "verify").stdout.replace("\n", " ")
    assert "mine: unet: unet cannot be read (" in told  # of a checkpoint it has the names alone
    assert "such as model.diffusion_model.odd.weight" in told
    assert "left over from its training and not used, such as model_ema.decay" in told
    assert "1 of its 4 weights belong to no part of it and are not used, such as odd" in told
