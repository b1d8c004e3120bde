"""The folders of other programs: whether they are there, and what can be used of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pentimento.cli.checks import Finding, failed, ok, warning
from pentimento.errors import BadInput
from pentimento.models import folders
from pentimento.models.folders import Folders

NAME = "Folders of other programs"


def added(folder: Path) -> Iterator[Finding]:
    try:
        known = Folders(folder).list()
    except BadInput as problem:
        yield failed(NAME, problem.message, problem.hint)
        return
    if not known:
        yield ok(NAME, "none added; `pentimento models folders add PATH` lists their models too")
    for place in known:
        if place.path.is_dir():
            count = sum(1 for _ in folders.places(place))
            yield ok(NAME, f"{place.path} ({place.kind}): {count} files and folders of models")
        else:
            yield warning(
                NAME,
                f"{place.path} is not there",
                "Connect the disk, or `pentimento models folders remove` it.",
            )
