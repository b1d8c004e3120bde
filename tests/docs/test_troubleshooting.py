"""docs/troubleshooting.md knows every error that the code can raise."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
# class -> which argument is the code
PLUGIN_ERRORS = dict.fromkeys(("PluginError", "NotPossible", "ServerUnreachable", "JobFailed"), 2)
SERVER_ERRORS = dict.fromkeys(
    [
        "PentimentoError",
        "BadInput",
        "TooLarge",
        "Unsupported",
        "NotAllowed",
        "NotFound",
        "Conflict",
        "Busy",
        "Unavailable",
        "JobFailed",
        "ServerError",
    ],
    0,
)


def codes(folder: str, errors: dict[str, int]) -> Iterator[str]:
    """The constant codes of all errors that are made in the Python files below `folder`."""
    for file in (REPO / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            position = errors.get(node.func.id)
            if position is None or len(node.args) <= position:
                continue
            code = node.args[position]
            if isinstance(code, ast.Constant) and code.value:
                yield code.value


def test_every_error_code_has_its_remedy():
    page = (REPO / "docs" / "troubleshooting.md").read_text()
    known = {line.split("|")[1] for line in page.splitlines() if line.startswith("| `")}
    listed = {code for cell in known for code in cell.split("`")[1::2]}
    plugin = set(codes("plugin/pentimento", PLUGIN_ERRORS))
    server = set(codes("server/pentimento", SERVER_ERRORS))
    assert len(plugin) > 15, plugin
    assert len(server) > 30, server
    assert sorted((plugin | server) - listed) == []


def test_every_code_of_the_protocol_has_its_remedy():
    protocol = (REPO / "docs" / "protocol.md").read_text()
    section = protocol.split("## Errors")[1].split("## Calls")[0]
    table = [line.split("|")[2] for line in section.splitlines() if line.startswith("| 4")]
    named = {code for cell in table for code in cell.split("`")[1::2] if code.isidentifier()}
    page = (REPO / "docs" / "troubleshooting.md").read_text()
    assert len(named) > 15
    assert [code for code in sorted(named) if f"`{code}`" not in page] == []
