"""A result that lies in a region is kept at the region's layer: in its group, or above a group that
is the region itself. One undo step. One run of the panel for all of it, in each GIMP."""

from __future__ import annotations

import pytest
from tests.gui.session import wait
from tests.gui.test_studio import TITLE, command, generate, ready, studio, undo  # noqa: F401

pytestmark = pytest.mark.gui
WORDS = '雪 “snow” & <i>y</i> _z\nsecond "line"'
REGION = "region: neige _é & <b>雪</b>"
GROUP = "Gruppe _ü “x” & 山"
REGIONS = f"""
whole = Gimp.Selection.save(image)
def region(name, parent, x, y, width, height):
    made = Gimp.Layer.new(image, name, width, height, Gimp.ImageType.RGBA_IMAGE, 100,
                          Gimp.LayerMode.NORMAL)
    image.insert_layer(made, parent, 0)
    made.set_offsets(x, y)
    made.set_visible(False)
    return made
group = Gimp.GroupLayer.new(image, {GROUP!r})
image.insert_layer(group, None, 0)
below = region("ordinary", group, 0, 0, 320, 224)
here = region({REGION!r}, group, 60, 40, 260, 184)
there = region("Region: elsewhere", None, 0, 0, 320, 224)
Gimp.Selection.none(image)
here.fill(Gimp.FillType.FOREGROUND)
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 130, 224)
there.edit_fill(Gimp.FillType.FOREGROUND)
image.select_item(Gimp.ChannelOps.REPLACE, whole)
image.remove_channel(whole)
image.set_selected_layers([layer])
Gimp.displays_flush()
"""
RESULT = (
    "next((one for one in [*image.get_layers(), *group.get_children()]"
    " if one.get_parasite('pentimento-job')), None)"
)  # none while it goes from one place to another
PLACE = f"(r := {RESULT}) and [r.get_parent() == group, image.get_item_position(r)]"
HAS = f"{RESULT} is not None"
KEEP = "Keep in Region"


def words(gimp):
    return gimp.gui.group_text(TITLE, "Results")


def look(gimp, change):
    """Changes something in the image, and another layer is chosen there: the panel looks."""
    gimp.gui.python(change + "\nimage.set_selected_layers([below])\nGimp.displays_flush()")


def kept(gimp, before, place):
    gimp.gui.press(TITLE, KEEP)
    wait(lambda: gimp.read(PLACE) == place, f"the result at {place}")
    wait(lambda: not gimp.gui.is_shown(TITLE, KEEP), "nothing on trial")
    undo(gimp)
    wait(lambda: gimp.read(PLACE) == before["place"], "its place from before")
    seen = ("dirty", "selected_layers")
    left = gimp.differences(before["image"])
    assert [what for what in left if not any(one in what for one in seen)] == []


def made(gimp):
    """A new result on trial, and how the image is then."""
    gimp.gui.python(f"image.remove_layer({RESULT})" if gimp.read(HAS) else "")
    gimp.gui.python("image.set_selected_layers([layer])")
    generate(gimp)
    wait(lambda: gimp.read(HAS), "a result", 120)
    wait(lambda: gimp.gui.sensitive(TITLE, "Keep"), "the result on trial")
    return {"image": gimp.snapshot(), "place": gimp.read(PLACE)}


def test_a_result_is_kept_at_the_layer_of_its_region(studio):  # noqa: F811
    gui = studio.gui
    gui.python(REGIONS)
    ready(studio, WORDS, steps=2)
    before = made(studio)
    assert before["place"] == [False, 0], "on top of all"
    wait(lambda: gui.is_shown(TITLE, KEEP), "the way to keep it there")
    assert f"Directly above “{REGION}”, in the group “{GROUP}”." in words(studio)
    studio.keep_evidence("studio-region")
    kept(studio, before, [True, 0])

    look(studio, "group.set_name('region: 山')")
    before = made(studio)
    wait(lambda: gui.is_shown(TITLE, KEEP), "the way to keep it there")
    assert "Directly above the group “region: 山”: inside, it would change" in words(studio)
    kept(studio, before, [False, 1])

    before = made(studio)
    names = "group.set_name('no more')\nhere.set_name('nor this')"
    look(studio, names + "\nimage.reorder_item(there, None, 3)")
    wait(lambda: not gui.is_shown(TITLE, KEEP), "no region for the larger part")
    command(studio, "keep", "image")
