#!/usr/bin/env python3
"""Keeps the plug-in's translations in step with its texts. Standard library only.

    tools/translations.py update    texts of the code -> pentimento.pot, new ones into every .po,
                                    and every .po -> .mo
    tools/translations.py check     ends with 1 and says what is missing, when anything is

A text is what stands in _("..."), N_("...") or ngettext("...", "...", n). Where there are several
forms, they are one string with NUL between them, as in a .mo file.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[1] / "plugin" / "pentimento"
LOCALE = PLUGIN / "locale"
TEMPLATE = LOCALE / "pentimento.pot"
MARKS = ("_", "N_")
FIELDS = re.compile(r"\{[a-z_]*\}")

Texts = dict[str, str]  # text -> translation
Places = dict[str, list[str]]  # text -> files that show it


def texts_of_code() -> Places:
    places: Places = {}
    for path in sorted(PLUGIN.rglob("*.py")):
        for text in _texts_in(ast.parse(path.read_text(encoding="utf-8"))):
            files = places.setdefault(text, [])
            if path.relative_to(PLUGIN).as_posix() not in files:
                files.append(path.relative_to(PLUGIN).as_posix())
    places.pop("", None)
    return places


def _texts_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        wanted = node.args[:1] if name in MARKS else node.args[:2] if name == "ngettext" else []
        forms = [argument.value for argument in wanted if isinstance(argument, ast.Constant)]
        if forms:
            yield "\0".join(forms)


def read_po(path: Path) -> tuple[str, Texts]:
    """The header (translation of the empty text) and the translations of a .po file."""
    found: Texts = {}
    kind, parts = "", {"msgid": "", "msgstr": ""}
    for line in [*path.read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        match = re.match(r'(?:(msgid|msgstr)(_plural|\[\d+\])? )?(".*")$', line)
        if not match:
            continue
        if match[1] == "msgid" and not match[2]:
            if kind:
                found[parts["msgid"]] = parts["msgstr"]
            parts = {"msgid": "", "msgstr": ""}
        kind = match[1] or kind
        if match[2] not in (None, "[0]"):
            parts[kind] += "\0"
        parts[kind] += ast.literal_eval(match[3])
    return found.pop("", ""), found


def po_text(header: str, translations: Texts, places: Places) -> str:
    blocks = [_entry("", header)]
    for text in sorted(places, key=lambda text: (places[text][0], text)):
        where = "".join(f"#: {file}\n" for file in places[text])
        kind = "#, python-brace-format\n" if FIELDS.search(text) else ""
        blocks.append(where + kind + _entry(text, translations.get(text, "")))
    return "\n".join(blocks)


def _entry(text: str, translation: str) -> str:
    one, *many = text.split("\0")
    if not many:
        return f"msgid {_quoted(text)}\nmsgstr {_quoted(translation)}\n"
    forms = [
        f"msgstr[{number}] {_quoted(form)}\n" for number, form in enumerate(translation.split("\0"))
    ]
    return f"msgid {_quoted(one)}\nmsgid_plural {_quoted(many[0])}\n" + "".join(forms)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    lines = escaped.split("\n")
    pieces = [line + "\\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    if len(pieces) <= 1:
        return f'"{"".join(pieces)}"'
    return "\n".join(['""', *(f'"{piece}"' for piece in pieces)])


def mo_bytes(header: str, translations: Texts) -> bytes:
    """The binary form that gettext reads (GNU gettext manual, "The Format of GNU MO Files")."""
    pairs = sorted(
        (text.encode(), translation.encode())
        for text, translation in {"": header, **translations}.items()
        if translation
    )
    count = len(pairs)
    start = 28 + 16 * count
    tables: list[list[int]] = [[], []]
    blob = b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += [len(pair[column]), start + len(blob)]
            blob += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, start)
    return head + struct.pack(f"<{4 * count}I", *tables[0], *tables[1]) + blob


def languages() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/pentimento.po"))


def update() -> None:
    places = texts_of_code()
    TEMPLATE.write_text(po_text(template_header(), {}, places), encoding="utf-8")
    for path in languages():
        header, translations = read_po(path)
        kept = {text: translations.get(text, "") for text in places}
        path.write_text(po_text(header, kept, places), encoding="utf-8")
        path.with_suffix(".mo").write_bytes(mo_bytes(header, kept))


def template_header() -> str:
    return "Project-Id-Version: pentimento\nContent-Type: text/plain; charset=UTF-8\n"


def problems() -> list[str]:
    """What `update` or a translator still has to do, as sentences; empty when nothing."""
    places = texts_of_code()
    found = []
    if not TEMPLATE.exists() or set(read_po(TEMPLATE)[1]) != set(places):
        found.append("pentimento.pot is not up to date: run tools/translations.py update")
    for path in languages():
        language = path.parts[-3]
        header, translations = read_po(path)
        found += [f"{language} lacks: {text}" for text in places if not translations.get(text)]
        found += [
            f"{language} has other fields in: {text}"
            for text, translation in translations.items()
            if translation and set(FIELDS.findall(text)) != set(FIELDS.findall(translation))
        ]
        compiled = path.with_suffix(".mo")
        if not compiled.exists() or compiled.read_bytes() != mo_bytes(header, translations):
            found.append(f"{language}: the .mo is not made from the .po")
    return found


def main(argv: list[str]) -> int:
    if argv == ["update"]:
        update()
    elif argv != ["check"]:
        print(__doc__)
        return 2
    found = problems()
    print("\n".join(found) or "all texts are translated")
    return 1 if found and argv == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
