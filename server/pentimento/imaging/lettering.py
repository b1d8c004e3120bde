"""Words on pictures, in whatever writing: the letters that come along, and for those that they lack
a font of the machine. Where none has a letter either, its number stands for it, never an empty box.

- `write(pen, place, text, size, ink, room)`: one line, shortened where it would be too wide
- `width_of(text, size) -> float` px
"""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from PIL import ImageDraw, ImageFont

ASK_SECONDS = 10
BLOCK = 128  # letters; writings begin at multiples of it
LACKING = "\uffff"  # is drawn as every letter that a font lacks
UNSEEN = "\u200d\ufe0e\ufe0f"  # steer how others are drawn; nothing to be seen by themselves
MOST_CHARACTERS = 400  # of a line that are looked at; a longer one is cut off anyway
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Ink = tuple[int, int, int]


def write(
    pen: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, ink: Ink, room: float
) -> None:
    """One line with its letters on one base line, shortened where it would be wider than `room`."""
    x, y = float(place[0]), place[1] + size
    for part, font in _runs(fitted(text, size, room), size):
        pen.text((x, y), part, fill=ink, font=font, anchor="ls")
        x += font.getlength(part)


def fitted(text: str, size: int, room: float) -> str:
    """The text, or as much of its beginning as is no wider than `room` px."""
    line = " ".join(text.split())
    if len(line) <= MOST_CHARACTERS and width_of(line, size) <= room:
        return line
    fits, too_long = 0, min(len(line), MOST_CHARACTERS) + 1
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width_of(line[:middle].rstrip() + "…", size) <= room:
            fits = middle
        else:
            too_long = middle
    return line[:fits].rstrip() + "…" if fits else ""


def width_of(text: str, size: int) -> float:
    return sum(font.getlength(part) for part, font in _runs(text, size))


def _runs(text: str, size: int) -> Iterator[tuple[str, Font]]:
    """The text in pieces that one font has all letters of."""
    known = [(letter, _file_for(letter)) for letter in text if letter not in UNSEEN]
    for file, letters in groupby(known, key=lambda one: one[1]):
        part = "".join(letter for letter, _ in letters)
        if file is None:
            yield "".join(f"[{ord(letter):X}]" for letter in part), _font("", size)
        else:
            yield part, _font(file, size)


@lru_cache(maxsize=64)
def _font(file: str, size: int) -> Font:
    """The file's; the one that comes along for an empty name."""
    return ImageFont.truetype(file, size) if file else ImageFont.load_default(size)


@lru_cache(maxsize=4096)
def _file_for(letter: str) -> str | None:
    """The font file that has a letter; the one that comes along is an empty name."""
    if letter.isspace() or _has("", letter):
        return ""
    if unicodedata.category(letter) in ("Cc", "Cs", "Cn"):
        return None
    file = _asked_for(ord(letter) // BLOCK)
    return file if file and _has(file, letter) else None


def _has(file: str, letter: str) -> bool:
    try:
        font = _font(file, 16)
        drawn, lacking = font.getmask(letter), font.getmask(LACKING)
    except (OSError, UnicodeError, ValueError):  # a font of pictures of one size, or a broken one
        return False
    return (drawn.size, bytes(drawn)) != (lacking.size, bytes(lacking))


@lru_cache(maxsize=1024)
def _asked_for(block: int) -> str:
    """What the machine's fontconfig advises for letters that belong together; an empty name where
    there is none. One question for a whole writing: it starts a process."""
    program = shutil.which("fc-match")
    if program is None:
        return ""
    first = block * BLOCK
    letters = [letter for letter in map(chr, range(first, first + BLOCK)) if letter.isprintable()]
    wanted = " ".join(f"{ord(letter):x}" for letter in letters[: BLOCK // 2])
    try:
        asked = [program, "-f", "%{file}", f":charset={wanted}:scalable=true"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=ASK_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
