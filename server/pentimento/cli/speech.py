"""What the commands say, in the person's language. The code has its texts in English, filled in;
they are looked up here, where they are shown. JSON and the log never come by here.

The catalogue is the plug-in's (plugin/pentimento/locale), as far as the commands need it;
tools/translations.py finds the texts of this folder and writes `pentimento/locale`.
"""

from __future__ import annotations

import gettext
import os
import re
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import typer

LOCALE = Path(__file__).resolve().parent.parent / "locale"
DOMAIN = "pentimento"
FIELD = re.compile(r"\{([a-z_]*)\}")
VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")  # the first one that is set says the language
UNTRANSLATED = ("C", "POSIX")


def N_(text: str) -> str:
    """Marks a text for translation that is no sentence."""
    return text


WORDS = (  # columns, states and other single words of tables and lists
    *(N_("id"), N_("what"), N_("size"), N_("suits"), N_("licence"), N_("state"), N_("for")),
    *(N_("title"), N_("price"), N_("privacy"), N_("kind"), N_("family"), N_("precision")),
    *(N_("from"), N_("picture"), N_("seconds"), N_("yes"), N_("installed"), N_("ready")),
    *(
        N_("(recommended)"),
        N_("note"),
        N_("FAIL"),
        N_("ok"),
        N_("Packages"),
        N_("Disk"),
        N_("Token"),
        N_("Server"),
    ),
    *(N_("Plug-in"), N_("Models"), N_("Waiting"), N_("Done"), N_("Cancelled."), N_("nothing")),
    *(N_("Receives: {text}"), N_("Price: {text}"), N_("Privacy: {text}"), N_("not found")),
)


def say(text: str, *, err: bool = False) -> None:
    """A line of output in the person's language."""
    typer.echo(said(text), err=err)


def said(text: str) -> str:
    """A text, of several lines perhaps, in the person's language; as it is where nobody has
    translated it."""
    catalogue = _catalogue(_file())
    if not catalogue:
        return text
    return catalogue.get(text) or "\n".join(_line(line, catalogue) for line in text.split("\n"))


def translate(command: Any) -> Any:
    """The help of a command (click) and of its options and commands, in the person's language."""
    for entry in (command, *command.params):
        if getattr(entry, "help", None):
            entry.help = said(" ".join(entry.help.split()))
    for child in getattr(command, "commands", {}).values():
        translate(child)
    return command


def _line(line: str, catalogue: dict[str, str]) -> str:
    bare = line.strip()
    known = catalogue.get(bare)
    if known is None:
        for pattern, key in _patterns(_file()):
            if found := pattern.fullmatch(bare):
                fields = {name: said(value) for name, value in found.groupdict().items()}
                known = catalogue[key].format(**fields)
                break
    if known is None and ". " in bare:  # several sentences, each a text of its own
        known = " ".join(_line(part, catalogue) for part in _sentences(bare))
    return line.replace(bare, known) if bare and known else line


def _sentences(text: str) -> list[str]:
    parts = text.split(". ")
    return [part + "." for part in parts[:-1]] + parts[-1:]


def _file() -> Path | None:
    """The catalogue of the language that the environment asks for, as gettext reads it."""
    asked = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), "C")
    if asked.partition(".")[0] in UNTRANSLATED:
        return None
    found = gettext.find(DOMAIN, str(LOCALE))
    return Path(found) if found else None


@lru_cache(maxsize=2)
def _catalogue(file: Path | None) -> dict[str, str]:
    """Text -> translation, from a .mo file (GNU gettext manual, "The Format of GNU MO Files")."""
    if file is None:
        return {}
    data = file.read_bytes()
    _magic, _revision, count, originals, translations = struct.unpack_from("<5I", data)

    def text(table: int, number: int) -> str:
        length, start = struct.unpack_from("<2I", data, table + 8 * number)
        return data[start : start + length].decode().partition("\0")[0]

    pairs = [(text(originals, n), text(translations, n)) for n in range(count)]
    return {original: translation for original, translation in pairs if original}


@lru_cache(maxsize=2)
def _patterns(file: Path | None) -> list[tuple[re.Pattern[str], str]]:
    """What the texts with fields look like once they are filled in, the longest first."""
    filled = [key for key in _catalogue(file) if FIELD.search(key)]
    filled.sort(key=lambda key: len(FIELD.sub("", key)), reverse=True)
    return [(re.compile(_pattern(key), re.DOTALL), key) for key in filled]


def _pattern(key: str) -> str:
    parts = FIELD.split(key)
    seen: set[str] = set()
    pattern = ""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += re.escape(part.replace("{{", "{").replace("}}", "}"))
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            pattern += f"(?P<{part}>.*?)"
            seen.add(part)
    return pattern
