#!/usr/bin/env python3
"""Makes docs/images/selection-in-gimp.jpg with a real GIMP, a real server and the starter model:

    python docs/make_selection.py [SUITE] [--large]     sid (GIMP 3.2) or trixie (GIMP 3.0)

What a lasso fills without words, what takes a tower away, a new sky, and the whole photograph
refined. `--large` refines a picture of 6000 x 4000 px in tiles instead, which takes many minutes,
and takes a picture of GIMP's window with it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from shooting import IMAGES, REDRAW_SECONDS
from tests.gui.gui import HOST, roots
from tests.gui.session import CLOSE_ALL, Session
from tests.gui.steps import RUN

PHOTO = REPO / "examples" / "photo.jpg"
CANVAS = (312, 209, 952, 636)  # of GIMP's window: where the photograph is seen
OPEN = """
from gi.repository import Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({path}))
{more}
display = Gimp.Display.new(image)
Gimp.Selection.none(image)
"""
ENLARGE = "image.scale(6000, 4000)"
LASSO = """
image.select_polygon(Gimp.ChannelOps.REPLACE, {points!r})
image.set_selected_layers(image.get_layers()[-1:])
"""
SEEN = """
Gimp.Selection.none(image)
Gimp.displays_flush()
"""
SKY = (0, 0, 640, 0, 640, 360, 350, 360, 342, 180, 334, 130, 321, 120, 308, 130, 300, 360, 0, 360)
TOWER = (436, 114, 460, 114, 484, 426, 430, 426)
PATCH = (60, 90, 130, 60, 200, 95, 215, 170, 140, 220, 70, 180)


@dataclass(frozen=True)
class Scene:
    name: str
    action: str
    lasso: tuple[float, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


EDGE = {"auto-edge": True, "random-seed": False, "seed": 7}
SCENES = (
    Scene("a lasso, no words", "regenerate-selection", PATCH, EDGE),
    Scene("without the tower", "regenerate-selection", TOWER, EDGE | {"intent": "remove"}),
    Scene(
        "another sky",
        "regenerate-selection",
        SKY,
        EDGE | {"intent": "replace-background", "prompt": "a sunset sky"},
    ),
    Scene(
        "refined at 0.3",
        "img2img",
        options={"strength": 0.3, "random-seed": False, "seed": 7},
    ),
)


def run(session: Session, scene: Scene, seconds: float = 300) -> None:
    if scene.lasso:
        session.gui.python(LASSO.format(points=list(scene.lasso)))
    drawables = "image.get_layers()[-1:]"
    asked = RUN.format(action=scene.action, drawables=drawables, options=scene.options)
    told = session.gui.python(asked, seconds)
    assert told.startswith("success"), told
    job = session.server.ask("/v1/jobs/" + session.jobs()[0]["id"])
    facts = job["images"][0]["facts"]
    names = ("strength", "start_noise", "steps_run", "generation", "tiles", "passes", "seconds")
    kept = {name: facts.get(name) for name in (*names, "seam", "band_color_error")}
    print(f"{scene.name}: {json.dumps(kept)}", flush=True)
    session.gui.python(SEEN)


def opened(session: Session, more: str = "") -> None:
    session.gui.python(CLOSE_ALL)
    session.gui.python(OPEN.format(path=json.dumps(f"{HOST}{PHOTO}"), more=more), 120)
    session.gui.window("{}x{}".format(*session.read("[image.get_width(), image.get_height()]")))
    session.gui.place("– GIMP", 0, 0, 1390, 760)


def canvas(session: Session, file: Path) -> Image.Image:
    time.sleep(REDRAW_SECONDS)
    session.gui.shot(file, "– GIMP")
    return Image.open(file).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", nargs="?", default="sid")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--to", type=Path, default=IMAGES)
    asked = parser.parse_args()
    asked.to.mkdir(parents=True, exist_ok=True)
    with (
        Session(roots()[asked.suite], docks=True) as session,
        tempfile.TemporaryDirectory() as name,
    ):
        shot = Path(name) / "shot.png"
        if asked.large:
            opened(session, ENLARGE)
            options = {"strength": 0.2, "steps": 5, "random-seed": False, "seed": 7}
            run(session, Scene("6000 x 4000", "img2img", options=options), 3000)
            canvas(session, shot).save(asked.to / "selection-large.jpg", quality=88)
            return
        shots = []
        for scene in SCENES:
            opened(session)
            run(session, scene)
            whole = canvas(session, shot)
            shots.append(whole.crop(CANVAS))
    width, height = shots[0].size
    sheet = Image.new("RGB", (2 * width + 4, 2 * height + 4), "white")
    for number, picture in enumerate(shots):
        sheet.paste(picture, (number % 2 * (width + 4), number // 2 * (height + 4)))
    sheet.save(asked.to / "selection-in-gimp.jpg", quality=88)


if __name__ == "__main__":
    main()
