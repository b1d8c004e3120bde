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

from growing_screenshots import growing, results
from shooting import (
    DESELECT,
    IMAGES,
    REDRAW_SECONDS,
    begin,
    beside,
    shoot,
    shoot_gimp,
    take,
)
from tests.gui.gui import HOST, roots
from tests.gui.parts import write_parts
from tests.gui.session import CLOSE_ALL, Session, wait
from tests.gui.steps import STRENGTHS, unfold
from tests.models.hub.server import serving
from tests.models.hub.test_pull import safetensors
from tests.remote.standins.horde import Horde
from tests.support.tiny_flow_models import write_flux2_klein

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
AROUND_ROCKET = """
image.select_rectangle(Gimp.ChannelOps.REPLACE, 299, 118, 50, 292)
image.set_selected_layers(image.get_layers()[:1])
"""
CUP = REPO / "examples" / "coffee.jpg"
PASTE_CUP = """
other = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({path}))
procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-cut-out")
config = procedure.create_config()
config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
config.set_property("image", other)
config.set_core_object_array("drawables", other.get_layers())
cup = procedure.run(config).index(1)
cup.remove_mask(Gimp.MaskApplyMode.APPLY)
pasted = Gimp.Layer.new_from_drawable(cup, image)
image.insert_layer(pasted, None, 0)
pasted.set_name("cup")
pasted.scale(210, 140, False)
pasted.set_offsets(60, 265)
other.delete()
image.set_selected_layers([pasted])
Gimp.displays_flush()
"""
CANVAS = (312, 209, 952, 636)  # of GIMP's window: where the photograph is seen
STAND_IN = {"title": "FLUX.2 Klein 4B", "default_steps": 4, "default_guidance": 1}
SHOWN, BESIDE = [(252, 100), (270, 200), (294, 346)], (290, 240)  # px of the dialog's picture
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


def generate(
    session: Session, title: str, prompt: str, preset: str, status: str, layers: int
) -> None:
    """Fills in a dialog, takes its picture once the status line says `status`, presses Generate and
    waits for the result."""
    gui = session.gui
    session.open_dialog(title)
    gui.set_text(title, "Prompt", prompt)
    gui.set_value(title, "Strength", STRENGTHS[preset])
    session.wait_for_status(title, status)
    if not gui.checked(title, "Keep seed"):
        gui.press(title, "Keep seed")
    gui.set_value(title, "Seed value", 7)
    take(session, title, title.lower().replace(" ", "-"))
    if title == "Regenerate Selection":
        unfold(session, title, "Edge and colors", "Grow")
        gui.widget_showing(title, "Use the selection exactly")
        take(session, title, "edges-and-colors")
    begin(session, title)
    session.wait_for_layers(layers)
    closed(session, title)


def closed(session: Session, title: str) -> None:
    """Closes a dialog whose job has ended."""
    session.wait_for_news(title, "Done")
    session.gui.press(title, "Close")
    session.gui.gone(title)


def indexed(session: Session) -> None:
    """Takes the picture of a dialog for an image with indexed colours."""
    session.gui.python(INDEXED)
    title = session.open_dialog("Image to Image")
    session.wait_for_status(title, "converts the image first")
    take(session, title, "indexed-image")
    session.gui.keys(title, "Escape")
    session.gui.gone(title)


def how_it_was_made(session: Session) -> None:
    """Takes the picture of an image whose result tells how it was made, with the group opened and
    one of its stages to be seen."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.set_text(title, "Prompt", "a lake in autumn")
    gui.set_value(title, "Strength", STRENGTHS["Restyle"])
    unfold(session, title, "More options", "Add all stages as layers")
    gui.press(title, "Add all stages as layers")
    session.wait_for_status(title, "steps")
    before = len(session.layers())
    begin(session, title)
    session.wait_for_layers(before + 2)
    wait(lambda: "a lake" in session.read(SELECTED), "the stages")
    closed(session, title)
    gui.place("– GIMP", 0, 0, 1390, 865)
    gui.python(OPEN_STORY)
    wait(lambda: f"{session.read(COUNT)} layers" in gui.window("– GIMP"), "the title")
    time.sleep(REDRAW_SECONDS)
    shoot_gimp(session, "how-it-was-made")
    for kept in (gui.work / "gimp" / "plug-in-settings").glob("*"):
        kept.unlink()  # or the next dialogs are about stages as well
    gui.python(CLOSE_STORY)
    gui.place("– GIMP", 0, 0, 1390, 760)


def steering(session: Session) -> None:
    """Takes the picture of a dialog that is steered by the photograph's edges and a LoRA."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.set_text(title, "Prompt", "a tower at night, blueprint")
    unfold(session, title, "Control and LoRAs", "Control 1")
    gui.choose(title, "Control 1", "Edges")
    gui.choose(title, "Control layer", "Background")
    gui.set_text(title, "LoRAs", "blueprint:0.8")
    session.wait_for_status(title, "steps")
    take(session, title, "control-and-loras")
    gui.keys(title, "Escape")
    gui.gone(title)


def guides(session: Session) -> None:
    """Takes the picture of the page about references and regions."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    unfold(session, title, "Control and LoRAs", "Control 1")
    gui.press(title, "Reference and regions")
    gui.choose(title, "Reference 1", "Background")
    session.wait_for_status(title, "steps")
    take(session, title, "reference-and-regions")
    gui.keys(title, "Escape")
    gui.gone(title)


def loras_and_vae(session: Session) -> None:
    """Takes the picture of a dialog with two LoRAs, and of the same with an own VAE, on one."""
    gui, title = session.gui, session.open_dialog("Image to Image")
    gui.set_text(title, "Prompt", "a tower at night, blueprint")
    gui.set_value(title, "Strength", STRENGTHS["Restyle"])
    unfold(session, title, "Control and LoRAs", "Control 1")
    wait(lambda: len(gui.choices(title, "Add a LoRA")) == 3, "the LoRAs")
    gui.set_text(title, "LoRAs", "blueprint:0.8, ink:0.3")
    session.wait_for_status(title, "steps")
    with tempfile.TemporaryDirectory() as folder:
        shots = [Path(folder) / f"{number}.png" for number in (1, 2)]
        shoot(session, title, shots[0])
        unfold(session, title, "More options", "VAE")
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
    session.wait_for_status(title, "on this computer")
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


def cut_out(session: Session) -> None:
    """Takes the picture of an image whose subject was cut out by a box around it."""
    gui = session.gui
    gui.python(CLOSE_ALL)
    gui.python(OPEN.format(path=json.dumps(f"{HOST}{PHOTO}")))
    gui.window("{}x{}".format(*session.read("[width, height]")))
    gui.python(AROUND_ROCKET)
    gui.menu("Cut Out Subject")
    session.wait_for_layers(2)
    wait(lambda: not session.read("image.get_layers()[1].get_visible()"), "the end")
    gui.place("– GIMP", 0, 0, 1390, 760)
    gui.python("Gimp.Selection.none(image)\nGimp.displays_flush()")
    time.sleep(REDRAW_SECONDS)
    shoot_gimp(session, "cut-out")


def replacing(session: Session) -> None:
    """Takes the picture of Replace Background."""
    gui, title = session.gui, session.open_dialog("Replace Background")
    gui.set_text(title, "Background", "a beach at sunset")
    wait(lambda: gui.sensitive(title, "Replace background"), "the words to be known")
    gui.press(title, "Fit the subject's light")
    take(session, title, "replace-background")
    gui.keys(title, "Escape")
    gui.gone(title)


def harmonizing(session: Session) -> None:
    """Takes the pictures of Harmonize Layer and of what it makes of a cup that was cut out of
    another photograph: before and after."""
    gui = session.gui
    gui.python(CLOSE_ALL)
    gui.python(OPEN.format(path=json.dumps(f"{HOST}{PHOTO}")))
    gui.window("{}x{}".format(*session.read("[width, height]")))
    gui.python(PASTE_CUP.format(path=json.dumps(f"{HOST}{CUP}")))
    gui.place("– GIMP", 0, 0, 1390, 760)
    session.wait_for_layers(2)
    with tempfile.TemporaryDirectory() as folder:
        shots = [Path(folder) / name for name in ("before.png", "after.png")]
        canvas(session, shots[0])
        harmonize(session)
        canvas(session, shots[1])
        beside(shots, IMAGES / "harmonized.png")


def canvas(session: Session, file: Path) -> None:
    """Takes the picture of the image in GIMP's window."""
    time.sleep(REDRAW_SECONDS)
    session.gui.shot(file, "– GIMP")
    Image.open(file).convert("RGB").crop(CANVAS).save(file)


def harmonize(session: Session) -> None:
    """Takes the picture of the dialog, and presses its button."""
    gui = session.gui
    title = session.open_dialog("Harmonize Layer")
    gui.choose(title, "Way", "Computed")
    take(session, title, "harmonize")
    gui.press(title, "Harmonize", "button|push button")
    gui.gone(title)
    session.wait_for_layers(5)


def selecting(session: Session) -> None:
    """Takes the picture of Select Object with a box and a place beside the object."""
    session.gui.python("image.set_selected_layers(image.get_layers()[-1:])")
    gui, title = session.gui, session.open_dialog("Select Object")
    session.wait_for_status(title, "of the source is selected")
    gui.stroke(title, "Picture", SHOWN, key="shift")
    session.wait_for_status(title, "Click where it is wrong")
    gui.stroke(title, "Picture", [BESIDE], key="ctrl")
    session.wait_for_status(title, "Click where it is wrong")
    take(session, title, "select-object")
    gui.keys(title, "Escape")
    gui.gone(title)


def show(session: Session, title: str, part: str) -> None:
    """Takes the picture of a dialog once it says `part`, and closes it."""
    gui = session.gui
    session.open_dialog(title)
    wait(lambda: part in gui.all_text(title), part)
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
    wait(lambda: "Recommended" in gui.all_text("Where to Run"), "places")
    take(session, "Where to Run", "api-where-to-run")
    gui.press("Where to Run", "Close")
    gui.gone("Where to Run")
    gui.python(SELECT)
    session.open_dialog(title)
    unfold(session, title, "More options", "Run on")
    wait(lambda: any("Horde" in text for text in gui.choices(title, "Run on")), "places")
    gui.choose(title, "Run on", "AI Horde · needs your consent")
    gui.set_value(title, "Strength", STRENGTHS["Restyle"])
    gui.set_text(title, "Prompt", "a green door")
    session.wait_for_status(title, "steer a new picture")
    take(session, title, "api-dialog")
    begin(session, title)
    gui.window(set_up)
    take(session, set_up, "api-consent")
    gui.press(set_up, "I agree to send the image area and my prompts to AI Horde")
    gui.press(set_up, "Save")
    service.looked.wait(60)
    service.die()
    session.wait_for_news(title, "AI Horde")
    take(session, title, "api-service-gone")
    gui.press(title, "Close")


def main() -> None:
    suite = sys.argv[1] if len(sys.argv) > 1 else "trixie"
    with Session(roots()[suite], docks=True) as session:
        gui = session.gui
        gui.python(OPEN.format(path=json.dumps(f"{HOST}{PHOTO}")))
        gui.window("{}x{}".format(*session.read("[width, height]")))
        gui.place("– GIMP", 0, 0, 1390, 760)
        generate(
            session,
            "Image to Image",
            "a city at night, oil painting",
            "Touch up",
            "· 3 steps",
            2,
        )
        gui.python(SELECT)
        generate(
            session, "Regenerate Selection", "a yellow moon, at night", "Replace", "· 14 steps", 3
        )
        gui.python(DESELECT)
        shoot_gimp(session, "gimp-result")
        results(session)
        how_it_was_made(session)
        steering(session)
        guides(session)
        write_parts(session.data)
        loras_and_vae(session)
        edit(session)
        map_layer(session)
        growing(session)
        selecting(session)
        replacing(session)
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
        cut_out(session)
        harmonizing(session)


if __name__ == "__main__":
    main()
