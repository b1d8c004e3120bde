"""Writes tools/install/constraints.txt: the versions that the tests have passed with in this .venv.

    .venv/bin/python tools/lock.py

`./install.sh --test` takes exactly these, so that CI tries what was tried before; pyproject.toml
keeps the ranges that users get. To try newer ones, remove .venv and constraints.txt, run
`./install.sh --test`, then this. Without PyTorch: tools/install/python.sh names its version, and it
comes in several builds.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = Path(__file__).parent / "install" / "constraints.txt"
ROOTS = ("pentimento[dev]", "spandrel", "pygobject-stubs", "setuptools")
ELSEWHERE = {"pentimento", "torch", "torchvision", "pygobject"}  # installed by other rules, or not
HEAD = "# Made by tools/lock.py: the versions that CI installs. No ranges, hashes or addresses.\n"


def versions() -> dict[str, str]:
    """Name -> version of all that the tests need and this environment has."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(root) for root in ROOTS]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        try:
            installed = distribution(name)
        except PackageNotFoundError:  # for another platform, or an extra that nobody asked for
            continue
        if name not in ELSEWHERE:
            found[name] = Version(installed.version).public  # without the build: "+cpu"
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in installed.requires or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)
    return found


def main() -> None:
    lines = [f"{name}=={version}\n" for name, version in sorted(versions().items())]
    LOCK.write_text(HEAD + "".join(lines))
    print(f"{LOCK}: {len(lines)} packages")


if __name__ == "__main__":
    main()
