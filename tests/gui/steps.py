"""What a person does again and again in the dialogs."""

from __future__ import annotations

import re

from tests.gui.session import wait

STRENGTHS = {"Touch up": 0.21, "Restyle": 0.5, "Repaint": 0.81, "Replace": 1.0}  # the starter's
VIEW = ("dirty", "mask_state[2]")  # GIMP selects a mask that redo brings back
MASK_DIFFERENCE = """(lambda l, s: (lambda r: sum(a != b for a, b in zip(
    l.get_mask().get_buffer().get(Gegl.Rectangle.new(0, 0, r.width, r.height), 1.0, "Y u8", 0),
    s.get_buffer().get(r, 1.0, "Y u8", 0))))(
    Gegl.Rectangle.new(*list(l.get_offsets())[1:], l.get_width(), l.get_height()))
)(image.get_layers()[0], image.get_selection())"""  # values of the topmost layer's mask
RECORD = 'image.get_layers()[{number}].get_parasite("pentimento-job")'
TOLD = "json.loads(bytes(value & 255 for value in {found}.get_data()))"

RUN = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-{action}")
config = procedure.create_config()
config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
config.set_property("image", image)
config.set_core_object_array("drawables", {drawables})
for name, value in {options!r}.items():
    config.set_property(name, value)
result = procedure.run(config)
print(result.index(0).value_nick, Gimp.get_pdb().get_last_error())
Gimp.displays_flush()
"""


def told(gimp, number=0):
    """What a result layer tells of its job, once it does: its mask is there by then."""
    found = RECORD.format(number=number)
    wait(lambda: gimp.read(f"{found} is not None") and gimp.at_rest(), "the layer's record")
    return gimp.read(TOLD.format(found=found))["record"]


def fill_in(gimp, title, prompt, strength=None, steps=3):
    """Types a prompt, sets the seed 7 and few steps, and waits until the dialog says so."""
    gui = gimp.gui
    gui.set_text(title, "Prompt", prompt)
    if not gui.checked(title, "Keep seed"):
        gui.press(title, "Keep seed")
    gui.set_value(title, "Seed value", 7)
    if strength is not None:
        gui.set_value(title, "Strength", STRENGTHS[strength])
    set_steps(gimp, title, steps)
    wait(lambda: 0 < planned_steps(gimp, title) <= steps, "the plan for so few steps")


def planned_steps(gimp, title) -> int:
    """How many steps the status line says will run; 0 where it says nothing of them."""
    found = re.search(r"\b(\d+) steps?\b", gimp.status_line(title))
    return int(found[1]) if found else 0


def unfold(gimp, title, part, shown):
    """Opens a part of a dialog unless it is open; `shown` is a widget in it."""
    if not gimp.gui.is_shown(title, shown):
        gimp.gui.press(title, part)
        gimp.gui.widget_showing(title, shown)


def set_steps(gimp, title, steps):
    gimp.gui.choose(title, "Quality", "Custom")
    gimp.gui.set_value(title, "Steps", steps)


def undo(gimp, before):
    """One Ctrl+Z gives the image back exactly."""
    wait(gimp.at_rest, "the action's end")
    gimp.gui.keys("GIMP", "ctrl+z")
    gimp.wait_for_no_difference(before)


def undo_and_redo(gimp, before, layers_after):
    """One Ctrl+Z gives the image back exactly, Ctrl+Y the result."""
    wait(gimp.at_rest, "the action's end")
    after = gimp.snapshot()
    undo(gimp, before)
    gimp.gui.keys("GIMP", "ctrl+y")
    gimp.wait_for_no_difference(after, *VIEW)
    assert len(gimp.layers()) == layers_after


def run(gimp, action: str, drawables: str = "[image.get_layers()[0]]", **options) -> None:
    """Calls an action as a script does; `drawables` is Python inside GIMP."""
    source = RUN.format(action=action, drawables=drawables, options=options)
    said = gimp.gui.python(source, timeout=100)
    assert said.startswith("success"), said
