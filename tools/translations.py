#!/usr/bin/env python3
"""Keeps the translations in step with the texts of the plug-in and of the command `pentimento`.
Standard library only.

    tools/translations.py update    texts of the code -> pentimento.pot, new ones into every .po,
                                    and every .po -> .mo
    tools/translations.py check     ends with 1 and says what is missing, when anything is

A text is what stands in _("..."), N_("...") or ngettext("...", "...", n). Where there are several
forms, they are one string with NUL between them, as in a .mo file.

The command's texts are found without marks: whatever is said in server/pentimento/cli, f-strings as
texts with fields; cli/speech.py looks them up where they are shown. One catalogue has both. What
programs read, in cli/agents, stays English; they tell it in the person's language. So does what is
sent to the developers, in cli/benching.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PLUGIN = REPO / "plugin" / "pentimento"
COMMAND = REPO / "server" / "pentimento" / "cli"
COMMAND_LOCALE = COMMAND.parent / "locale"
OF_SERVER = (
    "dialogs/notices.py",
    "dialogs/remark_words.py",
    "server_texts.py",
    "failure_words.py",
    "start_words.py",
)
OF_COMMAND = "cli/"  # how the places of the command's texts begin
IN_ENGLISH = "agents", "benching"
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
    english = {path for name in IN_ENGLISH for path in (COMMAND / name).rglob("*.py")}
    for path in sorted(set(COMMAND.rglob("*.py")) - english):
        for text in _said_in(ast.parse(path.read_text(encoding="utf-8"))):
            files = places.setdefault(text, [])
            where = OF_COMMAND + path.relative_to(COMMAND).as_posix()
            if where not in files:
                files.append(where)
    places.pop("", None)
    return places


def _said_in(tree: ast.AST) -> Iterator[str]:
    """The sentences of a module of the command, its help among them."""
    yield from _texts_in(tree)
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                skipped.add(id(first.value))
                if isinstance(node, ast.FunctionDef) and _is_command(node):
                    yield " ".join(str(first.value.value).split())
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in ast.walk(node) if part is not node)
            text = _template(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.strip()
        else:
            continue
        if id(node) not in skipped and _is_said(text):
            yield text


def _is_command(function: ast.FunctionDef) -> bool:
    decorated = any("command" in ast.unparse(one) for one in function.decorator_list)
    return decorated or function.name == "command"


def _template(node: ast.JoinedStr) -> str:
    """An f-string as a text with fields, each named after the last word of its expression."""
    parts, used = [], []
    for part in node.values:
        if not isinstance(part, ast.FormattedValue):
            parts.append(ast.literal_eval(part).replace("{", "{{").replace("}", "}}"))
            continue
        words = re.findall(r"[a-z]+(?:_[a-z]+)*", ast.unparse(part.value).lower())
        name = words[-1] if words else "value"
        while name in used:
            name += "_b"
        used.append(name)
        parts.append("{" + name + "}")
    return "".join(parts).strip()


LEAST_LETTERS = 5  # beside the fields
SENTENCE = re.compile(r"[A-Za-z]{2,}[^A-Za-z{}]* |[ ][a-z]{2,}")
NOT_SAID = (
    "Bearer",
    "import json",
    "extra ==",
    "Application",
    "Value error",
    '"[^"]*',
    "a red ball",
)


def _is_said(text: str) -> bool:
    without = FIELDS.sub("", text)
    if FIELDS.search(text) and sum(letter.isalpha() for letter in without) < LEAST_LETTERS:
        return False  # would be found again in texts of all kinds
    plain = not text.startswith(NOT_SAID) and "\n" not in text and not text.startswith("is running")
    return plain and " " in text and bool(SENTENCE.search(without))


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


def _is_of_command(file: str) -> bool:
    return file.startswith(OF_COMMAND)


def _is_spoken(file: str) -> bool:
    """Whether the command says what is in this file: its own texts and the server's."""
    return file.startswith(OF_COMMAND) or file in OF_SERVER


def languages() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/pentimento.po"))


def update() -> None:
    places = texts_of_code()
    TEMPLATE.write_text(po_text(template_header(), {}, places), encoding="utf-8")
    for path in languages():
        header, translations = read_po(path)
        kept = {text: translations.get(text, "") for text in places}
        path.write_text(po_text(header, kept, places), encoding="utf-8")
        for file, content in _compiled(path, header, kept, places):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def _compiled(
    path: Path, header: str, translations: Texts, places: Places
) -> Iterator[tuple[Path, bytes]]:
    """The files that are shipped: the plug-in's texts beside the .po, and the command's in the
    server's package."""
    spoken = {text for text, files in places.items() if any(_is_spoken(file) for file in files)}
    drawn = {text for text, files in places.items() if not all(map(_is_of_command, files))}
    language = path.parts[-3]
    beside = path.with_suffix(".mo")
    server = COMMAND_LOCALE / language / "LC_MESSAGES" / beside.name
    for file, wanted in ((beside, drawn), (server, spoken)):
        chosen = {text: told for text, told in translations.items() if text in wanted}
        yield file, mo_bytes(header, chosen)


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
        for file, content in _compiled(path, header, translations, places):
            if not file.exists() or file.read_bytes() != content:
                found.append(f"{language}: {file.relative_to(REPO)} is not made from the .po")
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
