"""docs/architecture.md names every module and none that is gone, and no files import in circles."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest
from docs import make_architecture

REPO = Path(__file__).resolve().parents[2]
PAGE = (REPO / "docs" / "architecture.md").read_text()
ROW = re.compile(r"^\| `(\S+\.py)` \|", re.MULTILINE)
PARTS = [("server", make_architecture.SERVER), ("plug-in", make_architecture.PLUGIN)]


@pytest.mark.parametrize(("name", "folder"), PARTS, ids=[name for name, _ in PARTS])
def test_every_module_is_named_and_none_that_is_gone(name: str, folder: Path) -> None:
    _, _, rest = PAGE.partition(f"<!-- modules of the {name} -->")
    table, _, _ = rest.partition(f"<!-- end of the {name} -->")
    rooms = make_architecture.ROOMS if name == "server" else ("",)
    there = {
        file.relative_to(folder).as_posix()
        for room in rooms
        for file in make_architecture.modules(folder / room)
    }
    assert set(ROW.findall(table)) == there, "run python docs/make_architecture.py"


def test_every_room_of_the_server_is_in_the_page() -> None:
    rooms = {file.parent.name for file in make_architecture.SERVER.glob("*/__init__.py")}
    assert rooms - {"starter"} == set(make_architecture.ROOMS)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Raises CycleError with the files otherwise."""
    graph = grimp.build_graph("pentimento", cache_dir=None)
    TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    ).prepare()


def test_no_class_name_stands_for_two_ideas() -> None:
    found: dict[str, list[str]] = {}
    for file in make_architecture.SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                place = f"{file.relative_to(make_architecture.SERVER)}:{node.lineno}"
                found.setdefault(node.name, []).append(place)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_every_file_that_is_named_in_passing_is_there() -> None:
    named = set(re.findall(r"`([a-z_0-9]+/[a-z_0-9/]+\.py)`", PAGE))
    folders = (make_architecture.SERVER, make_architecture.PLUGIN, REPO)
    assert [name for name in sorted(named) if not any((f / name).is_file() for f in folders)] == []
