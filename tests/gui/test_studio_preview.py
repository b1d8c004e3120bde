"""Previews on the canvas: a marked layer while a job of the panel runs, in nobody's history and in
nothing that is sent, gone with the job. One run of the panel for all of it, in each GIMP."""

from __future__ import annotations

import os
import signal

import pytest
from tests.gui.session import LAYER, RESULT_SECONDS, wait
from tests.gui.steps import TOLD
from tests.gui.test_studio import (
    CHECKSUM,
    QUESTION,
    TITLE,
    at_work,
    close_panel,
    generate,
    ready,
    undo,
)
from tests.gui.test_studio import open_panel as opened

pytestmark = pytest.mark.gui
WORDS = 'vista “前” & <b>x</b> _y 🌄\nsecond "line"'
GROUP = "Gruppe _ü & 山"
SCENE = f"""
image.select_ellipse(Gimp.ChannelOps.REPLACE, 100, 70, 120, 90)
Gimp.Selection.feather(image, 16)
group = Gimp.GroupLayer.new(image, {GROUP!r})
image.insert_layer(group, None, 0)
image.reorder_item(layer, group, 0)
over = Gimp.Layer.new(image, "over", 40, 30, Gimp.ImageType.RGBA_IMAGE, 60, Gimp.LayerMode.MULTIPLY)
image.insert_layer(over, None, 0)
over.fill(Gimp.FillType.FOREGROUND)
over.add_mask(over.create_mask(Gimp.AddMaskType.WHITE))
over.set_edit_mask(True)
image.set_selected_layers([layer])
"""
FIND = """
def tree(layers):
    return [one for layer in layers for one in (layer, *tree(layer.get_children()
            if layer.is_group() else []))]
def previews(image):
    told = Gimp.get_plug_in().set_pdb_error_handler  # one may vanish while it is asked for
    told(Gimp.PDBErrorHandler.PLUGIN)
    found = [layer for layer in tree(image.get_layers())
             if layer.get_parasite("pentimento-preview")]
    told(Gimp.PDBErrorHandler.INTERNAL)
    return found
"""
SEEN = (
    "[[l.get_name(), [*list(l.get_offsets())[1:], l.get_width(), l.get_height()],"
    " l.get_parent() and l.get_parent().get_name(), image.get_item_position(l),"
    " checksum(l), checksum(l.get_mask()) if l.get_mask() else None]"
    " for l in previews(image)]"
)
COUNT = "len(previews(image))"  # the pixels of what goes away meanwhile can't be asked for
BOTH = "[len(previews(one)) for one in (image, saved)]"
STROKE = (
    "Gimp.context_set_paint_method('gimp-pencil')\n"
    "Gimp.pencil(layer, [140, 100, 180, 120])\n"
    "Gimp.displays_flush()"
)
LEFT = """
left = Gimp.Layer.new(image, "left", 9, 9, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
told = json.dumps({"version": 1, "tattoo": left.get_tattoo()}).encode()
left.attach_parasite(Gimp.Parasite.new("pentimento-preview", 1, told))
image.insert_layer(left, group, 0)
from gi.repository import Gio
file = Gio.File.new_for_path({path!r})
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
saved = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
"""
BOX = "Previews on the canvas"


def shown(gimp):
    """The one preview layer, once it is there."""
    wait(lambda: gimp.read(COUNT), "a preview layer", RESULT_SECONDS)
    return gimp.read(SEEN)[0]


def gone(gimp):
    wait(lambda: not gimp.read(COUNT), "the end of the preview layer")


def begin(gimp):
    """A long job with its preview on the canvas."""
    generate(gimp)
    return at_work(gimp), shown(gimp)


def seen_and_stopped(gimp):
    begin(gimp)
    gimp.gui.press(TITLE, "Stop")
    gone(gimp)
    wait(lambda: not gimp.gui.is_shown(TITLE, "Stop"), "its end")


def left_over(gimp, before, *but):
    """What of the image is not as it was, but for these."""
    return [what for what in gimp.differences(before) if not any(one in what for one in but)]


def two_at_once(gimp, between=""):
    """Two jobs that start from the same pixels, the second one while the first one's preview is
    seen; both stopped. Gives the group and the place that the preview is in."""
    first, (_name, _box, *place, _pixels, _mask) = begin(gimp)
    if between:
        gimp.gui.python(between)
        gimp.wait_for_status(TITLE, GROUP)
    generate(gimp)
    wait(lambda: gimp.jobs()[0]["id"] != first["id"], "the second job")
    sources = [job["record"]["request"]["source"]["blob"] for job in gimp.jobs()[:2]]
    gimp.gui.press(TITLE, "Stop All")
    wait(lambda: not gimp.gui.is_shown(TITLE, "Stop"), "the end of both")
    gone(gimp)
    assert sources[0] == sources[1]
    return place


@pytest.fixture
def canvas(gimp):
    opened(gimp, more=SCENE)
    gimp.gui.python(CHECKSUM + FIND)
    yield gimp
    close_panel(gimp)


def test_previews_on_the_canvas_leave_nothing(canvas):
    gimp, gui = canvas, canvas.gui
    before = gimp.snapshot()
    assert not before["dirty"]
    ready(gimp, WORDS, steps=400)
    assert not gui.checked(TITLE, BOX), "off at first"

    generate(gimp)
    at_work(gimp)
    wait(lambda: gui.is_shown(TITLE, "Preview"), "a preview in the panel", RESULT_SECONDS)
    assert gimp.read(COUNT) == 0
    gui.press(TITLE, BOX)
    name, _box, parent, place, first, mask = shown(gimp)
    assert name.startswith("Preview: vista “前” & <b>x</b> _y 🌄")
    assert (parent, place) == (None, 0)
    assert mask is not None
    wait(lambda: gimp.read(SEEN)[0][4] != first, "a newer picture in it", RESULT_SECONDS)
    gimp.keep_evidence("studio-preview-layer")
    now = gimp.snapshot()
    kept = ("dirty", "selection", "selected_layers", "selected_channels")
    assert {part: now[part] for part in kept} == {part: before[part] for part in kept}

    gui.press(TITLE, BOX)  # unticked
    gone(gimp)
    assert gimp.differences(before) == []
    gui.press(TITLE, BOX)
    shown(gimp)
    gui.press(TITLE, "Stop")
    gimp.wait_for_news(TITLE, "Stopped")
    gone(gimp)
    assert gimp.differences(before) == []

    # The undo history is the same before and after, in both directions.
    gui.python(STROKE + "\nstroked = checksum(layer)")
    seen_and_stopped(gimp)
    undo(gimp)
    wait(lambda: not gimp.read("checksum(layer) == stroked"), "the stroke's undo")
    assert left_over(gimp, before, "dirty") == []
    seen_and_stopped(gimp)
    gui.keys("[0-9]x[0-9].*GIMP", "ctrl+y")
    wait(lambda: gimp.read("checksum(layer) == stroked"), "the stroke's redo")
    undo(gimp)
    wait(lambda: not gimp.read("checksum(layer) == stroked"), "the stroke's undo")
    assert left_over(gimp, before, "dirty") == []
    gui.python("image.clean_all()")

    # What a person does meanwhile counts, and is what undo takes back.
    begin(gimp)
    gui.python(STROKE)
    gui.python("image.remove_layer(previews(image)[0])")  # by hand
    assert gimp.read("image.is_dirty()")
    gui.press(TITLE, "Stop")
    gimp.wait_for_news(TITLE, "Stopped")
    assert gimp.read(COUNT) == 0
    undo(gimp)  # the deletion by hand
    wait(lambda: gimp.read(COUNT), "what was deleted by hand")
    undo(gimp)  # the stroke
    generate(gimp)  # the next action takes away what is left
    at_work(gimp)
    wait(lambda: gimp.read(COUNT) == 1, "the one of the new job")
    gui.press(TITLE, "Stop")
    gimp.wait_for_news(TITLE, "Stopped")
    gone(gimp)
    assert left_over(gimp, before, "dirty", "selected_layers") == []  # undo selects as well

    # Nothing of it is sent: a second job, begun while the first one's preview is seen; of a group
    # that has the preview in it as well.
    gui.python("image.set_selected_layers([layer])\nimage.clean_all()")
    assert two_at_once(gimp) == [None, 0]
    assert gimp.differences(before) == []
    gui.choose(TITLE, "From", f"“{LAYER}”")
    gimp.wait_for_status(TITLE, LAYER)
    choose_group = "image.set_selected_layers([group])"
    assert two_at_once(gimp, choose_group) == [GROUP, 0]
    gui.python("image.set_selected_layers([layer])")
    assert gimp.differences(before) == []
    gui.choose(TITLE, "From", "Everything visible")

    # The result takes its place, and one undo gives back what a run without previews does.
    begin(gimp)
    gui.press(TITLE, "Stop and Keep")
    name = "image.get_layers()[0].get_name() or ''"  # none of one that goes in this moment
    wait(lambda: gimp.read(name).startswith("vista"), "the result", RESULT_SECONDS)
    gone(gimp)
    undo(gimp)
    gimp.wait_for_layers(2)
    assert gimp.differences(before) == []

    # A panel that is killed leaves it: the next action takes it away, or Doctor.
    begin(gimp)
    gui.python("copy = previews(image)[0].copy()\nimage.insert_layer(copy, None, 0)")
    kill_panel(gimp)
    assert gimp.read(COUNT) == 2
    path = str(gui.work / "画 “x” & 🌄.xcf")
    gimp.open_dialog("Image to Image")
    wait(lambda: gimp.read(COUNT) == 1, "the action's work")
    assert gimp.read("copy in image.get_layers()"), "a copy that a person made is theirs"
    gimp.close_windows()
    gui.python("image.remove_layer(copy)\n" + LEFT.replace("{path!r}", repr(path)))
    assert gimp.read(BOTH) == [1, 1]
    gui.menu("Doctor...")
    gui.window("Pentimento Doctor")
    wait(lambda: gimp.read(BOTH) == [0, 0], "Doctor's work")
    gui.python("saved.delete()")
    gimp.close_windows()
    gimp.end_jobs()
    gui.python("image.set_selected_layers([layer])\nimage.clean_all()")
    assert gimp.differences(before) == []

    # The choice is remembered, and a panel that closes takes its preview along.
    gui.menu("Studio Panel...")
    gui.window(TITLE)
    gui.place(TITLE, 900, 0, 420, 1240)
    ready(gimp, WORDS, steps=400)
    assert gui.checked(TITLE, BOX)
    begin(gimp)
    gui.keys(TITLE, "ctrl+w")
    gui.window(QUESTION)
    gui.press(QUESTION, "Stop and Close")
    gui.gone(TITLE)
    assert gimp.differences(before) == []


def kill_panel(gimp):
    """Without a word; it leaves the sign that it is open."""
    sign = "Gimp.get_parasite('pentimento-studio-panel')"
    os.kill(gimp.read(TOLD.format(found=sign)), signal.SIGKILL)
    gimp.gui.gone(TITLE)
    gimp.gui.python("Gimp.detach_parasite('pentimento-studio-panel')")
