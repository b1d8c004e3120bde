"""One Ctrl+Z takes a result back, to the last bit, in every kind of image: the action is called as
a script does, and undone as a person does."""

from __future__ import annotations

import pytest
from tests.gimp import table_profile
from tests.gui.steps import run, undo

pytestmark = pytest.mark.gui
PRECISIONS = [
    f"{depth}_{light}"
    for depth in ("U8", "U16", "U32", "HALF", "FLOAT")
    for light in ("NON_LINEAR", "LINEAR")
]
ADOBE = "image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())"
GRAY = "image.convert_grayscale()"
INDEXED = """
image.convert_indexed(
    Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, False, "")
"""
TABLES = """
from gi.repository import Gio
image.set_color_profile(Gimp.ColorProfile.new_from_file(Gio.File.new_for_path({path!r})))
"""
SELECT = "image.select_ellipse(Gimp.ChannelOps.REPLACE, 60, 40, 120, 90)"
KINDS = [
    pytest.param(f"image.convert_precision(Gimp.Precision.{name})\n{ADOBE}", "no", id=name)
    for name in PRECISIONS
    if name != "U8_NON_LINEAR"
]
KINDS += [
    pytest.param(ADOBE, "no", id="U8_NON_LINEAR"),
    pytest.param(GRAY, "no", id="gray"),
    pytest.param(GRAY, "rgb", id="gray to RGB"),
    pytest.param(INDEXED, "rgb", id="indexed to RGB"),
]


@pytest.mark.parametrize(("kind", "convert"), KINDS)
def test_an_image_is_as_before_after_one_undo(gimp, kind, convert):
    gimp.open_scene(more=kind)
    before = gimp.snapshot()
    options = {"strength": 0.0, "convert": convert, "mark-digital-source": True}
    run(gimp, "img2img", **options)
    assert len(gimp.layers()) == len(before["layers"]) + 1
    undo(gimp, before)


def test_a_regenerated_selection_of_a_deep_image_is_taken_back(gimp):
    gimp.open_scene(more=f"image.convert_precision(Gimp.Precision.U16_LINEAR)\n{SELECT}")
    before = gimp.snapshot()
    run(gimp, "regenerate-selection", strength=1.0, steps=1, feather=4)
    undo(gimp, before)


def test_a_conversion_of_tables_in_linear_light_is_taken_back(gimp):
    profile = gimp.gui.work / "table.icc"
    table_profile.write(profile)
    linear = "image.convert_precision(Gimp.Precision.U16_LINEAR)\n"
    gimp.open_scene(more=linear + TABLES.format(path=str(profile)))
    before = gimp.snapshot()
    run(gimp, "img2img", strength=0.0, convert="srgb")
    assert gimp.snapshot()["profile"] != before["profile"]
    undo(gimp, before)
