"""Awkward data folders, for tests: each builder makes one and gives its path.

Tests often run as root, who may do anything; `as_nobody` runs a command as somebody who may not.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = "nobody"
LETTERS = {"letter.txt": b"dear reader", "jobs/cv.pdf": b"%PDF", "blobs/photo.jpg": b"\xff\xd8"}


def foreign(place: Path) -> Path:
    """Somebody's documents, with folders that are called like ours."""
    for name, content in LETTERS.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def dangling(place: Path) -> Path:
    place.symlink_to(place.with_name("unplugged disk") / "data")
    return place


def loop(place: Path) -> Path:
    other = place.with_name(place.name + " too")
    place.symlink_to(other)
    other.symlink_to(place)
    return place


def file(place: Path) -> Path:
    place.write_text("not a folder")
    return place


def below_a_file(place: Path) -> Path:
    return file(place) / "data"


def read_only(place: Path) -> Path:
    """Which only tells something to those who are not root."""
    place.mkdir()
    place.chmod(0o555)
    return place


UNUSABLE = {builder.__name__: builder for builder in (foreign, dangling, loop, file, below_a_file)}


@contextmanager
def small_disk(place: Path, size: str = "8m") -> Iterator[Path]:
    """A disk of its own that is soon full (tmpfs); needs root."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def can_mount() -> bool:
    """Whether a `small_disk` can be made here; containers often may not."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


def fill(place: Path, leave: int = 0) -> Path:
    """A file that takes what room there is but for `leave` bytes; delete it to make room."""
    ballast = place / "ballast"
    block = b"\0" * 2**16
    try:
        with ballast.open("wb", buffering=0) as stream:
            while True:
                stream.write(block)
    except OSError:
        pass
    if leave:
        os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


def as_nobody(command: list[str]) -> list[str]:
    """The command as a user without rights; itself where that is so already."""
    if os.geteuid() != 0:
        return command
    number = str(pwd.getpwnam(NOBODY).pw_uid)
    return ["setpriv", "--reuid", number, "--regid", number, "--clear-groups", *command]


def pipe(place: Path) -> None:
    os.mkfifo(place)


def unix_socket(place: Path) -> None:
    here = os.getcwd()
    os.chdir(place.parent)  # addresses of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.fsencode(place.name))
    finally:
        os.chdir(here)


def nothing(place: Path) -> None:
    place.write_bytes(b"")


def huge(place: Path) -> None:
    """A terabyte of zeros that takes no room."""
    with place.open("wb") as stream:
        stream.truncate(2**40)


def link_to_itself(place: Path) -> None:
    place.symlink_to(place.name)


def link_to_nowhere(place: Path) -> None:
    place.symlink_to("gone.safetensors")


def link_to_a_device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def link_to_its_own_folder(place: Path) -> None:
    place.symlink_to(".")


def shut(place: Path) -> None:
    """Unreadable, except for root."""
    place.write_bytes(b"12345678{}")
    place.chmod(0)


ODD = {  # builders of what may lie under any name, and what is said of it
    "pipe": (pipe, "is a named pipe"),
    "socket": (unix_socket, "is a socket"),
    "nothing": (nothing, "is not a safetensors file"),
    "huge": (huge, "is not a safetensors file"),
    "itself": (link_to_itself, "leads in a circle"),
    "nowhere": (link_to_nowhere, "leads nowhere"),
    "device": (link_to_a_device, "is a device"),
}


@contextmanager
def without_rights() -> Iterator[None]:
    """As somebody else than root, for whom no rights count."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(pwd.getpwnam(NOBODY).pw_uid)
    try:
        yield
    finally:
        os.seteuid(before)


def let_in(folder: Path) -> None:
    """Everybody may enter the folders above a test's own."""
    for place in (folder, *folder.parents):
        if place.name.startswith("pytest-of-"):
            place.chmod(stat.S_IMODE(place.stat().st_mode) | 0o011)
            return
        place.chmod(stat.S_IMODE(place.stat().st_mode) | 0o055)


def everything(folder: Path) -> dict[str, bytes | str]:
    """Names and contents of all that lies in a folder, links by where they lead."""
    found: dict[str, bytes | str] = {}
    for place, names, files in os.walk(folder):
        for name in [*names, *files]:
            path = Path(place, name)
            mode = path.lstat().st_mode
            told = str(path.relative_to(folder))
            if stat.S_ISLNK(mode):
                found[told] = os.readlink(path)
            elif stat.S_ISREG(mode):
                found[told] = path.read_bytes()
            else:
                found[told] = oct(stat.S_IFMT(mode))
    return found
