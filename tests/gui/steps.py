"""What a person does again and again in the dialogs."""

from __future__ import annotations

from tests.gui.session import wait

VIEW = ("dirty", "mask_state[2]")  # GIMP selects a mask that redo brings back
MASK_DIFFERENCE = """(lambda l, s: (lambda r: sum(a != b for a, b in zip(
    l.get_mask().get_buffer().get(Gegl.Rectangle.new(0, 0, r.width, r.height), 1.0, "Y u8", 0),
    s.get_buffer().get(r, 1.0, "Y u8", 0))))(
    Gegl.Rectangle.new(*list(l.get_offsets())[1:], l.get_width(), l.get_height()))
)(image.get_layers()[0], image.get_selection())"""  # values of the topmost layer's mask
RECORD = 'image.get_layers()[{number}].get_parasite("pentimento-job")'
TOLD = "json.loads(bytes(value & 255 for value in {found}.get_data()))"


def told(gimp, number=0):
    """What a result layer tells of its job, once it does: its mask is there by then."""
    found = RECORD.format(number=number)
    wait(lambda: gimp.read(f"{found} is not None"), 30, "the layer's record")
    return gimp.read(TOLD.format(found=found))["record"]


def fill_in(gimp, title, prompt, strength=None, steps=3):
    """Types a prompt, sets the seed 7 and few steps, and waits until the dialog says so."""
    gui = gimp.gui
    gui.set_text(title, "Prompt", prompt)
    if gui.checked(title, "Random seed"):
        gui.press(title, "Random seed")
    gui.set_value(title, "Seed value", 7)
    if strength is not None:
        gui.choose(title, "How much to change", strength)
    gui.press(title, "More options")
    gui.set_value(title, "Steps", steps)
    gimp.wait_for_status(title, f" {steps} steps")


def undo(gimp, before):
    """One Ctrl+Z gives the image back exactly."""
    gimp.gui.keys("GIMP", "ctrl+z")
    wait(lambda: len(gimp.layers()) == len(before["layers"]), 10, "undo")
    assert gimp.differences(before) == []


def undo_and_redo(gimp, before, layers_after):
    """One Ctrl+Z gives the image back exactly, Ctrl+Y the result."""
    after = gimp.snapshot()
    undo(gimp, before)
    gimp.gui.keys("GIMP", "ctrl+y")
    wait(lambda: len(gimp.layers()) == layers_after, 10, "redo")
    assert [d for d in gimp.differences(after) if not d.partition(":")[0].endswith(VIEW)] == []
