"""Writes the tables of modules in architecture.md from the modules' own first sentences:

    python docs/make_architecture.py

tests/docs/test_architecture.py fails while a module is missing there, or one is named that is gone.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "architecture.md"
SERVER = REPO / "server" / "pentimento"
PLUGIN = REPO / "plugin" / "pentimento"
ROOMS = (
    *("cli", "api", "jobs", "backends", "services", "engine", "engine_ipc"),
    *("models", "imaging", "prompts", "schema", "core"),
)
SENTENCE = re.compile(r".+?\.(?=\s|$)", re.DOTALL)


def modules(folder: Path) -> list[Path]:
    """What is worth a row: every file, but for a package's that only has a docstring."""
    return sorted(
        file
        for file in folder.rglob("*.py")
        if file.name != "__init__.py" or len(ast.parse(file.read_text()).body) > 1
    )


def first_sentence(file: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split())
    found = SENTENCE.match(text)
    return (found[0].rstrip(".") if found else text).replace("|", "\\|")


def table(base: Path, folder: Path) -> str:
    rows = [
        f"| `{file.relative_to(base).as_posix()}` | {first_sentence(file)} |"
        for file in modules(folder)
    ]
    return "\n".join(["| file | what is in it |", "|---|---|", *rows])


def server() -> str:
    """The rooms from the top floor to the ground."""
    parts = []
    for room in ROOMS:
        about = first_sentence(SERVER / room / "__init__.py")
        parts.append(f"### {room}\n{about}.\n\n{table(SERVER, SERVER / room)}")
    return "\n\n".join(parts)


def filled(page: str, name: str, text: str) -> str:
    mark, end = f"<!-- modules of the {name} -->", f"<!-- end of the {name} -->"
    before, _, rest = page.partition(mark)
    _, _, after = rest.partition(end)
    return f"{before}{mark}\n{text}\n{end}{after}"


def main() -> None:
    page = filled(PAGE.read_text(), "server", server())
    PAGE.write_text(filled(page, "plug-in", table(PLUGIN, PLUGIN)))


if __name__ == "__main__":
    main()
