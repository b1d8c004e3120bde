"""install.sh in a home of its own: the plug-in goes into every GIMP 3, and goes again without a
trace. The server's part is run by the demo and by a user's installation, not here: it downloads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
PLUGIN = REPO / "plugin" / "pentimento"
FOLDERS = (
    ".config/GIMP/3.0",
    ".config/GIMP/3.2",
    ".var/app/org.gimp.GIMP/config/GIMP/3.0",
    "snap/gimp/current/.config/GIMP/3.0",
)
ELSEWHERE = "a folder with spaces/GIMP ü"


class Home:
    """A user's home with the folders of several GIMPs, other plug-ins in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in (*FOLDERS, ELSEWHERE, ".config/GIMP/2.10"):
            other = path / folder / "plug-ins" / "other"
            other.mkdir(parents=True)
            (other / "other.py").write_text("not ours")
        (path / ".config/GIMP/3.0/gimprc").write_text("(theme)")
        self.plugins = [path / name / "plug-ins/pentimento" for name in (*FOLDERS, ELSEWHERE)]

    def install(self, *arguments: str, checkout: Path = REPO) -> subprocess.CompletedProcess[str]:
        dropped = ("XDG_", "GIMP3_", "PENTIMENTO_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return subprocess.run(
            ["bash", checkout / "install.sh", *arguments],
            env={**kept, "HOME": str(self.path), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def install_plugin(self) -> subprocess.CompletedProcess[str]:
        return self.install("--no-server", "--gimp-dir", str(self.path / ELSEWHERE))

    def files(self) -> dict[str, bytes]:
        """Contents of all files, and an empty value for every folder."""
        return {
            str(path.relative_to(self.path)): path.read_bytes() if path.is_file() else b""
            for path in sorted(self.path.rglob("*"))
        }


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "my home")


def shipped() -> dict[str, bytes]:
    return {
        str(file.relative_to(PLUGIN)): file.read_bytes()
        for file in PLUGIN.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_plug_in_is_copied_whole_into_every_gimp(home):
    ended = home.install_plugin()
    assert ended.returncode == 0, ended.stderr
    for plugin in home.plugins:
        found = {str(f.relative_to(plugin)): f for f in plugin.rglob("*") if f.is_file()}
        assert {name: file.read_bytes() for name, file in found.items()} == shipped()
        assert os.access(found["pentimento.py"], os.X_OK)
        assert str(plugin) in ended.stdout


def test_a_second_run_repairs_and_makes_gimp_look_again(home):
    home.install_plugin()
    main = home.plugins[0] / "pentimento.py"
    (home.plugins[0] / "of_an_earlier_version.py").write_text("stale")
    main.write_text("damaged")
    main.chmod(0o644)
    os.utime(main, (1_000_000_000, 1_000_000_000))
    ended = home.install_plugin()
    assert ended.returncode == 0, ended.stderr
    assert not (home.plugins[0] / "of_an_earlier_version.py").exists()
    assert main.read_bytes() == (PLUGIN / "pentimento.py").read_bytes()
    assert os.access(main, os.X_OK)
    assert main.stat().st_mtime > (PLUGIN / "pentimento.py").stat().st_mtime


def test_a_checkout_without_run_bits_is_fine(home, tmp_path):
    """As unpacked from a ZIP file."""
    checkout = tmp_path / "unpacked"
    for part in ("tools", "plugin"):
        shutil.copytree(REPO / part, checkout / part, copy_function=shutil.copyfile)
    shutil.copyfile(REPO / "install.sh", checkout / "install.sh")
    ended = home.install("--no-server", checkout=checkout)
    assert ended.returncode == 0, ended.stderr
    assert os.access(home.plugins[0] / "pentimento.py", os.X_OK)


def test_twice_is_the_same_as_once(home):
    home.install_plugin()
    once = home.files()
    home.install_plugin()
    assert home.files() == once


def test_nothing_else_is_touched(home):
    before = home.files()
    home.install_plugin()
    after = home.files()
    assert {name: after.get(name) for name in before} == before
    ours = [str(plugin.relative_to(home.path)) for plugin in home.plugins]
    assert [name for name in after if name not in before and not name.startswith(tuple(ours))] == []


def test_uninstall_leaves_nothing_behind(home):
    before = home.files()
    home.install_plugin()
    home.install_plugin()
    ended = home.install("--uninstall", "--gimp-dir", str(home.path / ELSEWHERE))
    assert ended.returncode == 0, ended.stderr
    assert home.files() == before


def test_uninstall_keeps_results_and_purge_removes_them(home):
    result = home.path / f".local/share/pentimento/jobs/{'ab' * 16}/0.raw"
    result.parent.mkdir(parents=True)
    result.write_text("a picture")
    kept = home.install("--uninstall")
    assert "Kept" in kept.stdout
    assert result.exists()
    assert home.install("--uninstall", "--purge").returncode == 0
    assert not (home.path / ".local/share/pentimento").exists()


def test_purge_removes_only_what_is_ours(home):
    """R2: PENTIMENTO_DATA may name a folder that holds other things too, also where ours are."""
    data, outside = home.path / ".local/share/pentimento", home.path / "elsewhere 别处"
    job, blob = "ab" * 16, "cd" * 32
    ours = [
        *(f"jobs/{job}/{name}" for name in ("0.raw", "0.png", "10.icc", "0.webp", "mask.raw")),
        *(f"jobs/{job}/{name}" for name in ("stage-0.raw", "record.json", "record.json.7.part")),
        *(f"jobs/{'ef' * 16}/1.raw", f"blobs/{blob}", f"blobs/{job}.part", "logs/server.log.1"),
        *("logs/engine.log", "jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite.damaged-2", "token"),
        *("server.json", "server.lock", ".pentimento-data", "models/猫.safetensors"),
    ]
    theirs = [
        *("thesis.txt", "jobs.sqlite.bak", "jobs/my photos/0.raw", f"jobs/{job}/holiday.jpg"),
        *(f"jobs/{job}/0.raw.bak", f"jobs/{job}/猫 \n“x”.png", f"jobs/{job.upper()}/0.raw"),
        *("jobs/0.raw", "blobs/cat.png", f"blobs/{blob.upper()}", f"blobs/{blob}0", "blobs/-rf"),
        *(f"blobs/sub/{blob}", "logs/diary.log", f"jobs/{job}/sub/0.raw", ".hidden"),
    ]
    for name in (*ours, *theirs):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    outside.mkdir()
    (outside / "0.raw").write_text("years of work")
    (data / "jobs" / ("12" * 16)).symlink_to(outside)
    (data / "blobs" / ("34" * 32)).symlink_to(outside / "0.raw")
    ended = home.install("--uninstall", "--purge")
    assert ended.returncode == 0, ended.stderr
    left = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert left - {f"blobs/{'34' * 32}"} == set(theirs)
    assert (outside / "0.raw").read_text() == "years of work"
    assert "Kept" in ended.stdout


@pytest.mark.parametrize("name", ["jobs", "blobs", "logs", "models"])
def test_purge_follows_no_link(home, name):
    data, outside = home.path / ".local/share/pentimento", home.path / "elsewhere 别处"
    place = outside / ("ab" * 16 if name == "jobs" else "")
    place.mkdir(parents=True)
    for file in ("0.raw", "cd" * 32, "server.log"):
        (place / file).write_text("years of work")
    data.mkdir(parents=True)
    (data / name).symlink_to(outside)
    assert home.install("--uninstall", "--purge").returncode == 0
    assert len(list(place.iterdir())) == 3


def test_without_a_gimp_it_says_what_to_do(tmp_path):
    home = Home(tmp_path / "home")
    for folder in FOLDERS:
        os.rename(home.path / folder, home.path / folder.replace("/", "_"))
    ended = home.install("--no-server")
    assert ended.returncode == 0
    assert "No GIMP 3 was found" in ended.stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--torch", "tpu"], ["--gimp-dir"]])
def test_wrong_use_is_refused_before_anything_happens(home, arguments):
    before = home.files()
    ended = home.install(*arguments)
    assert ended.returncode != 0
    assert ended.stderr
    assert home.files() == before
