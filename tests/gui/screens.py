"""What holds for every window on every screen and in every language, as a screen reader sees it."""

from __future__ import annotations

import gettext
import re
from contextlib import suppress
from pathlib import Path

from tests.gimp import turns
from tests.gui.gui import PLUGIN
from tests.gui.session import LAYER, wait

CASES = [  # GIMP, screen, scale, language
    ("3.2", (1024, 768), 1, "zh_CN"),
    ("3.2", (1366, 768), 1, ""),
    ("3.2", (2560, 1600), 2, "de_DE"),
    ("3.0", (1400, 900), 1, ""),
    ("3.0", (1024, 768), 1, "de_DE"),
]
ALL = [
    (version, size, scale, language)
    for version in ("3.2", "3.0")
    for size, scale in (((1024, 768), 1), ((1366, 768), 1), ((1400, 900), 1), ((2560, 1600), 2))
    for language in ("", "zh_CN", "de_DE")
]
PAIRWISE = ALL if turns.BOTH else CASES[:4]  # every size, every language, and both GIMPs
PICTURES = Path(__file__).resolve().parents[1] / "out" / "gui" / "screens"
MOST_TABS = 90
CATALOGUE = Path(__file__).resolve().parents[2] / "server/pentimento/models/catalogue.toml"
TITLES = re.findall(r'^title = "(.+)"$', CATALOGUE.read_text("utf-8"), re.MULTILINE)
# What is called so in every language: programs, services, models, methods, licences, keys, files.
NAMES = re.compile(
    "|".join(re.escape(title) for title in sorted(TITLES, key=len, reverse=True)) + "|"
    r"Stability AI|AI Horde|Black Forest Labs|OpenAI|ComfyUI|AUTOMATIC1111|\bfal\b|HuggingFace|"
    r"Replicate|GIMP|Pentimento|LoRAs?|ControlNets?|IP-Adapters?|\bVAE|FLUX\.\d Klein|Lanczos|"
    r"Euler( a)?|Karras|Exponential|Beta|Simple|DPM\+\+|SDE|DDIM|UniPC|LCM|SDXL|"
    r"Compact Photo|blueprint(:0\.8)?|\bquick\b|" + re.escape(LAYER) + "|"
    r"composite with trained algorithmic media|IPTC|XMP|RGB|PNG|JSON|HTTP\S*|USD?|CPU|GPU|"
    r"(Ctrl|Alt|Shift)(\+\w+)?|Esc|(/|https?:|~|docs/)\S+|"
    r"pentimento [a-z]+|CreativeML \S+|Apache \S+"
)
WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
COMPLAINTS = ("mnemonic", "Traceback", "Gtk-WARNING", "GLib-GObject-CRITICAL")


def name_of(case) -> str:
    version, (width, height), _scale, language = case
    return f"{version}-{width}x{height}-{language or 'en'}"


def catalogue(language):
    if not language:
        return lambda text: text
    folder = str(PLUGIN / "locale")
    return gettext.translation("pentimento", folder, [language], fallback=True).gettext


def label_of(session, label):
    """What stands in the menu, without the mark for the keyboard."""
    return session.said(label).replace("_", "")


def opened(session, name, label=None):
    """Opens a dialog by its menu entry, in whatever language; its title. `label` is the entry's
    where it is not the title with its first letter marked."""
    session.gui.menu(label_of(session, label or menu_label(name)))
    return session.gui.window(session.said(name)).partition(" – ")[0]


def unfold_everything(session, title):
    """Opens what is folded, and what is folded in that."""
    while session.gui.unfold_all(title):
        continue


def close(session, title):
    """Presses Escape in a window, which closes it."""
    session.gui.keys(re.escape(title), "Escape")
    session.gui.gone(title)


def menu_label(title):
    return "_" + title + "..."


def check(screen, title, name):
    """All that holds for a window, with everything unfolded, at its buttons, its letters and its
    words; takes a picture of it."""
    gui = screen.gui
    size = "x".join(map(str, screen.space))
    gui.shot(PICTURES / f"{screen.options['language'] or 'en'}-{size}-{name.replace('/', ' ')}.png")
    wait(lambda: buttons_inside(screen, title), f"the buttons of {name}")
    keys = [key for key, _widget in gui.letters(title)]
    assert len(keys) == len(set(keys)), (name, gui.letters(title))
    assert gui.nameless(title) == [], name
    assert gui.cut(title) == [], name
    if screen.options["language"] == "zh_CN":
        found = english(gui.words(title))
        assert not found, (name, found)


def complaints(screen):
    """What GIMP and the plug-in have said on stderr that nobody should have to read."""
    lines = screen.gui.log().splitlines()
    return [line for line in lines if any(word in line for word in COMPLAINTS)]


def english(lines):
    """Lines with a run of words that is in no name."""
    return [line for line in lines if WORDS.search(NAMES.sub("", line))]


def tab_through(gui, title):
    """The widgets that the Tab key visits, until it comes round."""
    stops = []
    for _number in range(MOST_TABS):
        stop = _focused(gui, title)
        if stop in stops[:1] and len(stops) > 1:
            break
        if stop is not None:
            stops.append(stop)
        gui.keys(title, "Tab")
    return stops


def _focused(gui, title):
    """What has the focus, once it has been scrolled to, which GTK does little by little."""
    found = []

    def seen():
        found[:] = [gui.focused(title)]
        return found[0] is None or found[0][2]

    with suppress(AssertionError):  # it stays out of sight: the test says so
        wait(seen, "the focus to be in sight")
    return found[0]


def buttons_inside(screen, title):
    width, height = screen.space
    found = screen.gui.places(title)
    return bool(found) and all(
        x >= 0 and y >= 0 and x + w <= width and y + h <= height for _name, x, y, w, h in found
    )
