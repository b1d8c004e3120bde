"""How pictures of dialogs and of GIMP are taken for docs/images; used by make_screenshots.py."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.gui.session import Session, wait

GAP = 16  # px between two dialogs on one picture
IMAGES = REPO / "docs" / "images"
TOP = 30  # px from the upper edge of the screen, where a dialog has room to grow
REDRAW_SECONDS = 3  # until the canvas has caught up; nothing tells of it
DESELECT = """
Gimp.Selection.none(image)
image.set_selected_layers(image.get_layers()[:1])
Gimp.displays_flush()
"""


def take(session: Session, title: str, name: str) -> None:
    """Takes the picture of a dialog, wholly on the screen."""
    shoot(session, title, IMAGES / f"{name}.png")


def shoot(session: Session, title: str, file: Path) -> None:
    place = session.gui.geometry(title)
    session.gui.place(title, place["X"], TOP, place["WIDTH"], place["HEIGHT"])
    session.gui.shot(file, title)


def shoot_gimp(session: Session, name: str) -> None:
    """Takes the picture of GIMP's window, in as many colors as make a small file."""
    file = IMAGES / f"{name}.png"
    session.gui.shot(file, "– GIMP")
    Image.open(file).convert("RGB").quantize(256).save(file, optimize=True)


def beside(shots: list[Path], file: Path) -> None:
    """Pictures of dialogs side by side on one."""
    pictures = [Image.open(shot).convert("RGB") for shot in shots]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    sheet.save(file)


def begin(session: Session, title: str) -> None:
    """Presses Generate once it is live: after each change it waits for the server's plan."""
    wait(lambda: session.gui.sensitive(title, "Generate"), "the button")
    session.gui.press(title, "Generate")
