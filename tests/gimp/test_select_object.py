"""Select Object in real GIMP: answers of inside/select_object.py. What it selects must be the
server's mask, value by value."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from pentimento.core.geometry import Box
from pentimento.imaging import cut_out, object_selection

pytestmark = pytest.mark.gimp
ANSWERS = "select_object.py"
MIDDLE, SIDE = (30, 22), 34
SELECTING = ("offset", "group", "off canvas", "u16", "float")


def kept(found):
    """What of the image changed, but for the mark that it is not saved."""
    return [text for text in found["changed"] if "dirty" not in text]


def unpacked(text, size, channels=1):
    width, height = size
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, channels)


def seen(found):
    return unpacked(found["seen"], found["place"][2:], 4)[..., :3]


def wanted(found):
    """The mask of the hints that inside/select_object.py gives, on the layer."""
    height, width = seen(found).shape[:2]
    on = object_selection.Click(*MIDDLE)
    beside = object_selection.Click(width - 3, height - 3, wanted=False)
    left, top = (middle - SIDE // 2 for middle in MIDDLE)
    box = Box(left, top, SIDE, SIDE).intersect(Box(0, 0, width, height))
    alpha = object_selection.select(seen(found), (on, beside), box)
    return np.rint(alpha * 255).astype(np.uint8)


def on_canvas(mask, found):
    """What of it lies on the canvas, and 0 elsewhere."""
    width, height = found["canvas"]
    x, y, w, h = found["place"]
    whole = np.zeros((height + 2 * h, width + 2 * w), np.uint8)
    whole[y + h : y + 2 * h, x + w : x + 2 * w] = mask
    return whole[h : h + height, w : w + width]


def selection(found, name="selection"):
    return unpacked(found[name], found["canvas"])[..., 0]


@pytest.mark.parametrize("case", SELECTING)
def test_the_selection_has_the_servers_values(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    mask = on_canvas(wanted(found), found)
    assert np.array_equal(selection(found), mask)
    assert len(np.unique(mask)) > 10  # soft
    touched = [text for text in found["changed"] if not text.startswith("image.dirty")]
    assert [text.split(":")[0].split("[")[0] for text in touched] == ["image.selection"]
    assert "item" not in found


def test_where_something_is_beyond_the_canvas_the_rest_is_selected(facts):
    found = facts("beyond")
    assert found["status"] == "success", found["error"]
    width, height = found["canvas"]
    clicks = (
        object_selection.Click(95 - found["place"][0], 75 - found["place"][1]),
        object_selection.Click(72 - found["place"][0], 52 - found["place"][1], wanted=False),
    )
    alpha = object_selection.select(seen(found), clicks)
    mask = on_canvas(np.rint(alpha * 255).astype(np.uint8), found)
    assert np.array_equal(selection(found), mask)
    assert mask.shape == (height, width)
    assert mask[-1].any()


@pytest.mark.parametrize("case", ["gray", "indexed", "automatic"])
def test_gray_and_indexed_images_and_no_hints_select_the_disc(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    x, y = found["place"][:2]
    mask = selection(found)
    assert mask[MIDDLE[1] + y, MIDDLE[0] + x] == 255
    assert mask[y + 1, x + 1] == 0


@pytest.mark.parametrize(
    ("operation", "combine"),
    [
        ("replace", lambda old, new: new),
        ("add", lambda old, new: np.minimum(old + new, 255)),
        ("subtract", lambda old, new: np.maximum(old - new, 0)),
        ("intersect", np.minimum),
    ],
)
def test_the_selection_that_is_there_can_be_changed(facts, operation, combine):
    found = facts(operation)
    assert found["status"] == "success", found["error"]
    new = on_canvas(wanted(found), found).astype(int)
    old = selection(found, "before").astype(int)
    assert np.array_equal(selection(found), combine(old, new))


@pytest.mark.parametrize("case", ["channel", "channel u16"])
def test_a_channel_holds_the_object_and_nothing_is_selected(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    item = found["item"]
    assert (item["kind"], item["name"]) == ("Channel", "Object in L")
    assert item["size"] == found["canvas"]
    values = unpacked(item["values"], item["size"])[..., 0]
    assert np.array_equal(values, on_canvas(wanted(found), found))
    assert not selection(found).any()


def test_the_mask_of_a_layer_reaches_as_far_as_the_layer(facts):
    found = facts("mask")
    assert found["status"] == "success", found["error"]
    item = found["item"]
    assert item["size"] == found["place"][2:]
    click = object_selection.Click(100 - found["place"][0], 72 - found["place"][1])
    alpha = object_selection.select(seen(found), (click,))
    values = unpacked(item["values"], item["size"])[..., 0]
    assert np.array_equal(values, np.rint(alpha * 255).astype(np.uint8))


def test_a_mask_that_is_there_is_replaced(facts):
    found = facts("mask in place")
    assert found["status"] == "success", found["error"]
    values = unpacked(found["item"]["values"], found["item"]["size"])[..., 0]
    assert np.array_equal(values, wanted(found))


def test_of_all_that_is_visible_the_selected_layer_is_masked(facts):
    found = facts("visible mask")
    assert found["status"] == "success", found["error"]
    assert found["item"]["size"] == found["place"][2:]
    assert unpacked(found["item"]["values"], found["item"]["size"])[MIDDLE[1], MIDDLE[0], 0] == 255


@pytest.mark.parametrize("case", ["cut out", "cut out u16"])
def test_the_cut_out_is_a_masked_layer_in_its_own_colors(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    item = found["item"]
    assert (item["name"], item["place"]) == ("L, cut out", found["place"])
    size = item["size"]
    mask = unpacked(item["mask"], size)[..., 0]
    assert np.array_equal(mask, wanted(found))
    source = unpacked(found["seen"], size, 4)
    pixels = unpacked(item["pixels"], size, 4)
    whole = (mask == 0) | (mask == 255)
    assert np.array_equal(pixels[whole], source[whole])
    assert (pixels[..., 3] == 255).all()
    if case == "cut out":
        clean = cut_out.of(source, mask.astype(np.float32) / 255)
        assert np.array_equal(pixels[..., :3], clean[..., :3])
    assert (pixels[~whole] != source[~whole]).any()
    assert all(
        "image.layers" in text or "dirty" in text
        for text in found["changed"]
        if "selected" not in text
    )


def test_a_gray_image_gets_a_gray_cut_out(facts):
    found = facts("cut out gray")
    assert found["status"] == "success", found["error"]
    pixels = unpacked(found["item"]["pixels"], found["item"]["size"], 4)
    assert (pixels[..., 0] == pixels[..., 1]).all()


def test_an_indexed_image_cannot_take_colors(facts):
    found = facts("cut out indexed")
    assert found["status"] == "execution-error"
    assert found["changed"] == []


def test_transparency_of_the_source_stays_beside_the_mask(facts):
    found = facts("translucent")
    assert found["error"] == ""
    assert found["before"] == found["after"]
    before, pixels = (unpacked(found[name], (64, 48), 4) for name in ("before", "pixels"))
    assert np.array_equal(pixels[..., 3], before[..., 3])
    mask = unpacked(found["mask"], (64, 48))[..., 0]
    assert (mask[:, :20] == 0).all()
    assert mask[MIDDLE[1], 25] == 255


@pytest.mark.parametrize(
    ("case", "part"),
    [
        ("letters", "X,Y"),
        ("outside", "13,9"),
        ("no box", "X,Y,WIDTH,HEIGHT"),
    ],
)
def test_wrong_places_say_their_form_and_change_nothing(facts, case, part):
    found = facts(case)
    assert found["status"] == "execution-error"
    assert part in found["error"]
    assert found["changed"] == []
