#!/usr/bin/env python3
"""Makes the pictures in docs/images with a real GIMP, a real server and the starter model:

    python docs/make_screenshots.py [SUITE]        trixie (GIMP 3.0) or sid (GIMP 3.2)

Needs the private GIMP root (tools/gimp-root.sh) and the server's packages.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from tests.gui.gui import HOST, roots
from tests.gui.parts import write_parts
from tests.gui.session import Session, wait
from tests.models.hub.server import serving
from tests.models.hub.test_pull import safetensors
from tests.remote.standins.horde import Horde
from tests.support.tiny_flow_models import write_flux2_klein

GAP = 16  # px between two dialogs on one picture
IMAGES = REPO / "docs" / "images"
TOP = 30  # px from the upper edge of the screen, where a dialog has room to grow
PHOTO = REPO / "examples" / "photo.jpg"
OPEN = """
from gi.repository import Gegl, Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({path}))
width, height = image.get_width(), image.get_height()
display = Gimp.Display.new(image)
Gimp.Selection.none(image)
"""
SELECT = """
image.select_ellipse(Gimp.ChannelOps.REPLACE, *[round(v) for v in (
    width * 0.55, height * 0.1, width * 0.3, height * 0.35)])
Gimp.Selection.feather(image, width / 40)
image.set_selected_layers(image.get_layers()[-1:])
Gimp.displays_flush()
"""
DESELECT = """
Gimp.Selection.none(image)
image.set_selected_layers(image.get_layers()[:1])
Gimp.displays_flush()
"""
STAND_IN = {"title": "FLUX.2 Klein 4B", "default_steps": 4, "default_guidance": 1}
REDRAW_SECONDS = 3  # until the canvas has caught up; nothing tells of it
COUNT = "sum(1 + len(i.get_children() if i.is_group() else ()) for i in image.get_layers())"
SELECTED = "image.get_selected_layers()[0].get_name()"
OPEN_STORY = """
story = next(item for item in image.get_layers() if item.is_group())
story.set_visible(True)
story.set_expanded(True)
for stage in story.get_children()[:4]:
    stage.set_visible(False)
image.set_selected_layers([story])
Gimp.displays_flush()
"""
CLOSE_STORY = """
result = image.get_layers()[image.get_item_position(story) + 1]
image.remove_layer(story)
image.remove_layer(result)
image.set_selected_layers(image.get_layers()[:1])
Gimp.displays_flush()
"""
INDEXED = """
image.flatten()
image.convert_indexed(
    Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 64, False, False, "")
"""


def take(session: Session, title: str, name: str) -> None:
    """Takes the picture of a dialog, wholly on the screen."""
    shoot(session, title, IMAGES / f"{name}.png")


def shoot(session: Session, title: str, file: Path) -> None:
    place = session.gui.geometry(title)
    session.gui.place(title, place["X"], TOP, place["WIDTH"], place["HEIGHT"])
    session.gui.shot(file, title)


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


def generate(
    session: Session, title: str, prompt: str, preset: str, status: str, layers: int
) -> None:
    """Fills in a dialog, takes its picture once the status line says `status`, presses Generate and
    waits for the result."""
    gui = session.gui
    session.open_dialog(title)
    gui.set_text(title, "Prompt", prompt)
    gui.choose(title, "How much to change", preset)
    gui.press(title, "Random seed")
    gui.set_value(title, "Seed value", 7)
    session.wait_for_status(title, status)
    gui.press(title, "More options")
    gui.widget_showing(title, "Steps")
    take(session, title, title.lower().replace(" ", "-"))
    if title == "Regenerate Selection":
        gui.press(title, "Edges and colors")
        gui.widget_showing(title, "Exact edge")
        take(session, title, "edges-and-colors")
    gui.press(title, "Generate")
    session.wait_for_layers(layers)


def indexed(session: Session) -> None:
    """Takes the picture of a dialog for an image with indexed colours."""
    session.gui.python(INDEXED)
    title = session.open_dialog("Image to Image")
    session.wait_for_status(title, "indexed colors")
    take(session, title, "indexed-image")
    session.gui.keys(title, "Escape")
    session.gui.gone(title)


def how_it_was_made(session: Session) -> None:
    """Takes the picture of an image whose result tells how it was made, with the group opened and
    one of its stages to be seen."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.set_text(title, "Prompt", "a lake in autumn")
    gui.choose(title, "How much to change", "Restyle")
    gui.press(title, "More options")
    gui.press(title, "Show how it was made")
    session.wait_for_status(title, "steps")
    before = len(session.layers())
    gui.press(title, "Generate")
    session.wait_for_layers(before + 2)
    wait(lambda: session.read(SELECTED).startswith("a lake"), 60, "the stages")
    gui.place("– GIMP", 0, 0, 1390, 865)
    gui.python(OPEN_STORY)
    wait(lambda: f"{session.read(COUNT)} layers" in gui.window("– GIMP"), 30, "the title")
    time.sleep(REDRAW_SECONDS)
    gui.shot(IMAGES / "how-it-was-made.png", "– GIMP")
    gui.python(CLOSE_STORY)
    gui.place("– GIMP", 0, 0, 1390, 760)


def steering(session: Session) -> None:
    """Takes the picture of a dialog that is steered by the photograph's edges and a LoRA."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.set_text(title, "Prompt", "a tower at night, blueprint")
    gui.press(title, "Control and LoRAs")
    gui.choose(title, "Steer by", "Edges")
    gui.choose(title, "Control layer", "Background")
    gui.set_text(title, "LoRAs", "blueprint:0.8")
    session.wait_for_status(title, "steps")
    take(session, title, "control-and-loras")
    gui.keys(title, "Escape")
    gui.gone(title)


def guides(session: Session) -> None:
    """Takes the picture of the page about references and regions."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.press(title, "Control and LoRAs")
    gui.press(title, "Reference and regions")
    gui.choose(title, "Reference layer", "Background")
    session.wait_for_status(title, "steps")
    take(session, title, "reference-and-regions")
    gui.keys(title, "Escape")
    gui.gone(title)


def loras_and_vae(session: Session) -> None:
    """Takes the picture of a dialog with two LoRAs, and of the same with an own VAE, on one."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.set_text(title, "Prompt", "a tower at night, blueprint")
    gui.choose(title, "How much to change", "Restyle")
    gui.press(title, "Control and LoRAs")
    wait(lambda: len(gui.choices(title, "Add a LoRA")) == 3, 30, "the LoRAs")
    gui.set_text(title, "LoRAs", "blueprint:0.8, ink:0.3")
    session.wait_for_status(title, "steps")
    with tempfile.TemporaryDirectory() as folder:
        shots = [Path(folder) / f"{number}.png" for number in (1, 2)]
        shoot(session, title, shots[0])
        gui.press(title, "More options")
        gui.choose(title, "VAE", "warm")
        shoot(session, title, shots[1])
        beside(shots, IMAGES / "loras-and-vae.png")
    gui.keys(title, "Escape")
    gui.gone(title)


def edit(session: Session) -> None:
    """Takes the picture of Edit by Instruction, with a tiny stand-in for the model."""
    gui, title = session.gui, "Edit by Instruction"
    folder = write_flux2_klein(session.data / "models" / "flux2-klein-4b")
    (folder / "pentimento.json").write_text(json.dumps(STAND_IN))
    gui.python(SELECT)
    session.open_dialog(title)
    session.wait_for_status(title, "Sends")
    gui.set_text(title, "Instruction", "make the sky stormy")
    gui.press(title, "References and LoRAs")
    gui.widget_showing(title, "LoRAs")
    take(session, title, "edit-by-instruction")
    gui.keys(title, "Escape")
    gui.gone(title)
    gui.python(DESELECT)
    shutil.rmtree(folder)


def map_layer(session: Session) -> None:
    """Takes the picture of Make Control Layer."""
    gui, title = session.gui, session.open_dialog("Make Control Layer")
    gui.set_value(title, "Weak edges from", 60)
    gui.set_value(title, "Strong edges from", 140)
    take(session, title, "make-control-layer")
    gui.keys(title, "Escape")
    gui.gone(title)


def show(session: Session, title: str, part: str) -> None:
    """Takes the picture of a dialog once it says `part`, and closes it."""
    gui = session.gui
    session.open_dialog(title)
    wait(lambda: part in gui.all_text(title), 30, part)
    take(session, title, title.lower())
    gui.press(title, "Close")
    gui.gone(title)


def models(session: Session) -> None:
    """Takes the picture of the model manager, with a download that was paused on its way."""
    gui, title = session.gui, "Models"
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "pytorch_lora_weights.safetensors"
        weights.write_bytes(safetensors(40_000_000))
        with serving({"latent-consistency/lcm-lora-sdv1-5": Path(folder)}) as hub:
            hub.fault("slow", times=99)
            said = {"downloads": {"endpoint": hub.endpoint}}
            (session.data / "settings.json").write_text(json.dumps(said))
            session.server.ask("/v1/models/pull", "POST", {"id": "sd15-lcm"})
            session.open_dialog(title)
            gui.widget_showing(title, "Pause LCM for SD 1.5")
            wait(
                lambda: session.server.ask("/v1/models/pulls/sd15-lcm")["done"] > 10_000_000,
                *(60, "a part of the model"),
            )
            take(session, title, "model-manager")
            session.server.ask("/v1/models/pulls/sd15-lcm", "DELETE")
            gui.press(title, "Close")
            gui.gone(title)


def services(session: Session) -> None:
    """Takes the pictures of API mode. A stand-in for a service, for nothing may be sent."""
    gui, title, set_up = session.gui, "Regenerate Selection", "Set Up AI Horde"
    service = Horde()
    service.waiting = True
    session.server.ask("/v1/backends/horde", "PUT", {"base_url": service.base_url})
    session.open_dialog("Where to Run")
    wait(lambda: "Recommended" in gui.all_text("Where to Run"), 30, "places")
    take(session, "Where to Run", "api-where-to-run")
    gui.press("Where to Run", "Close")
    gui.gone("Where to Run")
    gui.python(SELECT)
    session.open_dialog(title)
    wait(lambda: any("Horde" in text for text in gui.choices(title, "Where to run")), 30, "places")
    gui.choose(title, "Where to run", "AI Horde · needs your consent")
    gui.choose(title, "How much to change", "Restyle")
    gui.set_text(title, "Prompt", "a green door")
    session.wait_for_status(title, "steer a new picture")
    take(session, title, "api-dialog")
    gui.press(title, "Generate")
    gui.window(set_up)
    take(session, set_up, "api-consent")
    gui.press(
        set_up, "I agree that it receives the part of the picture that a job needs, and my words"
    )
    gui.press(set_up, "Save")
    service.looked.wait(60)
    service.die()
    session.wait_for_message("AI Horde", 60)
    take(session, "GIMP Message", "api-service-gone")
    gui.keys("GIMP Message", "Escape")


def main() -> None:
    suite = sys.argv[1] if len(sys.argv) > 1 else "trixie"
    with Session(roots()[suite], docks=True) as session:
        gui = session.gui
        gui.python(OPEN.format(path=json.dumps(f"{HOST}{PHOTO}")))
        gui.window("{}x{}".format(*session.read("[width, height]")))
        gui.place("– GIMP", 0, 0, 1390, 760)
        generate(
            session, "Image to Image", "a city at night, oil painting", "Touch up", "3 of 14", 2
        )
        gui.python(SELECT)
        generate(session, "Regenerate Selection", "a yellow moon, at night", "New", "· 14 steps", 3)
        gui.python(DESELECT)
        gui.shot(IMAGES / "gimp-result.png", "– GIMP")
        steering(session)
        guides(session)
        write_parts(session.data)
        loras_and_vae(session)
        edit(session)
        how_it_was_made(session)
        map_layer(session)
        show(session, "Server", "The server runs at")
        show(session, "Doctor", "All is well.")
        session.open_dialog("Text to Image")
        session.wait_for_status("Text to Image", "steps")
        take(session, "Text to Image", "text-to-image")
        gui.keys("Text to Image", "Escape")
        gui.gone("Text to Image")
        models(session)
        services(session)
        indexed(session)


if __name__ == "__main__":
    main()
