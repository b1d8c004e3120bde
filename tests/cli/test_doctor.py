"""The doctor: what it finds wrong, and that it says the remedy."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.cli.shell import Shell
from tests.models.folders import write_model

from pentimento import __version__
from pentimento.cli import checks
from pentimento.cli.checks import Finding, State


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GIMP configuration folder with the plug-in, registered."""
    folder = tmp_path / "GIMP" / "3.0"
    plug_in = folder / "plug-ins" / "pentimento"
    plug_in.mkdir(parents=True)
    main = plug_in / "pentimento.py"
    main.write_text("#!/usr/bin/env python3\n")
    main.chmod(0o755)
    (plug_in / "client.py").write_text("")
    register(folder, int(main.stat().st_mtime))
    monkeypatch.setenv("GIMP3_DIRECTORY", str(folder))
    return folder


def register(config: Path, written: int, procedures: int = 2) -> None:
    rows = [
        '(plug-in-def "${gimp_dir}/plug-ins/other/other.py" 5',
        '    (proc-def "plug-in-other" 1))',
        f'(plug-in-def "${{gimp_dir}}/plug-ins/pentimento/pentimento.py" {written}',
        *('    (proc-def "plug-in-pentimento-x" 1)' for _ in range(procedures)),
    ]
    (config / "pluginrc").write_text("\n".join(rows))


def only_plug_in() -> Finding:
    (finding,) = checks.plug_ins()
    return finding


def test_a_registered_plug_in_is_ok(config: Path) -> None:
    assert only_plug_in().state is State.OK
    assert "2 procedures" in only_plug_in().text


def test_a_missing_plug_in_is_found(config: Path) -> None:
    (config / "plug-ins" / "pentimento" / "pentimento.py").unlink()
    assert only_plug_in().state is State.FAILED
    assert "install.sh" in only_plug_in().hint


def test_a_plug_in_that_may_not_run_is_found(config: Path) -> None:
    (config / "plug-ins" / "pentimento" / "pentimento.py").chmod(0o644)
    assert only_plug_in().state is State.FAILED
    assert "chmod +x" in only_plug_in().hint


def test_another_version_is_found(config: Path) -> None:
    version = config / "plug-ins" / "pentimento" / "VERSION"
    version.write_text("9.9.9\n")
    assert only_plug_in().state is State.FAILED
    assert "9.9.9" in only_plug_in().text
    version.write_text(f"{__version__}\n")
    assert only_plug_in().state is State.OK


def test_a_plug_in_that_registered_nothing_is_found(config: Path) -> None:
    main = config / "plug-ins" / "pentimento" / "pentimento.py"
    register(config, int(main.stat().st_mtime), procedures=0)
    assert only_plug_in().state is State.FAILED


def test_a_stale_registration_is_found(config: Path) -> None:
    later = (config / "pluginrc").stat().st_mtime + 100
    os.utime(config / "plug-ins" / "pentimento" / "client.py", (later, later))
    assert only_plug_in().state is State.WARNING
    assert "touch" in only_plug_in().hint


def test_a_token_that_others_can_read_is_found(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o600)
    assert checks.secrets(tmp_path).state is State.OK
    token.chmod(0o644)
    assert checks.secrets(tmp_path).state is State.FAILED


def test_a_data_folder_that_is_none_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert checks.data_folder(tmp_path / "file" / "data").state is State.FAILED


def test_a_server_that_has_ended_is_not_called_a_stranger(tmp_path: Path) -> None:
    server = {"url": "http://127.0.0.1:9", "token": "t", "pid": 1, "version": "0"}
    (tmp_path / "server.json").write_text(json.dumps(server))
    assert checks.server(tmp_path).state is State.WARNING


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "mine")
    (folder / "vae" / "config.json").unlink()
    findings = {finding.name: finding for finding in checks.models(tmp_path)}
    assert findings["Model mine"].state is State.WARNING
    assert "vae/config.json is missing" in findings["Model mine"].text


def test_a_base_without_its_denoiser_is_no_damage(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "models" / "mine")
    next((folder / "unet").glob("*.safetensors")).unlink()
    findings = {finding.name: finding for finding in checks.models(tmp_path)}
    assert findings["Model mine"].state is State.OK
    assert "can be the base" in findings["Model mine"].text


def test_the_whole_check_as_json(shell: Shell, config: Path) -> None:
    shell.extra["GIMP3_DIRECTORY"] = str(config)
    done = shell("doctor", "--json")
    found = json.loads(done.stdout)
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert done.returncode == 0, done.stdout
    assert found["ok"]
    for name in ("Python", "Packages", "Data folder", "Disk", "Token", "Model starter"):
        assert states[name] in ("ok", "warning"), name
    assert states["torch"] in ("ok", "warning")
    assert states["Server"] == "warning"


def test_a_failed_check_is_exit_code_1_with_the_remedy(shell: Shell, config: Path) -> None:
    (config / "plug-ins" / "pentimento" / "pentimento.py").unlink()
    shell.extra["GIMP3_DIRECTORY"] = str(config)
    done = shell("doctor")
    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "install.sh" in done.stdout
