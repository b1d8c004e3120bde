"""Replace Background in real GIMP, at 8, 16 and 32 bits, with and without a selection."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of, siblings
from batch import record_of
from discs import text, with_discs
from gi.repository import Gimp
from snapshot import snapshot

DISC, TWO = ((30, 22, 13.5),), ((18, 20, 10.5), (46, 26, 10.5))
WORDS = {"prompt": "沙滩 “beach” 🏖", "steps": 2, "random_seed": False, "seed": 5}


def seen(image, box, pixels_format="R'G'B'A float"):
    copy = image.duplicate()
    layer = Gimp.Layer.new_from_visible(copy, copy, "seen")
    data = text(batch.read(layer, *box, pixels_format=pixels_format))
    layer.delete()
    copy.delete()
    return data


def cut_out(image, layer, box):
    """Gives the layer a mask that shows an ellipse of it, as after Cut Out Subject."""
    left, top, width, height = box
    x, y = place_of(layer)[:2]
    image.select_ellipse(Gimp.ChannelOps.REPLACE, left + x, top + y, width, height)
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    layer.set_edit_mask(False)
    Gimp.Selection.none(image)


def replaced(scene, discs=DISC, box=None, masked=None, **options):
    image, drawables = with_discs(*scene, discs)
    layer = drawables[0]
    place = place_of(layer)
    if masked:
        cut_out(image, layer, masked)
    if box:
        left, top, width, height = box
        rectangle = (left + place[0], top + place[1], width, height)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *rectangle)
    image.undo_enable()
    before, look = snapshot(image)["layers"], seen(image, place)
    status, error, values = batch.call(
        "replace-background", image, drawables, **{**WORDS, **options}
    )
    if status != "success":
        return {"error": error, "unchanged": snapshot(image)["layers"] == before}
    layers, light = values["layers"], {}
    if options.get("fit_light"):
        lit, *layers = layers
        light = fitted(image, lit, layers[0], values)
    subject, *backgrounds = layers
    request = record_of(backgrounds[0])["record"]["request"]
    found = {
        "error": error,
        "place": place,
        "canvas": [image.get_width(), image.get_height()],
        "made": [place_of(one) for one in (subject, *backgrounds)],
        "names": [one.get_name() for one in (subject, *backgrounds)],
        "returned": values["layer"] == values["layers"][0],
        "chosen": image.get_selected_layers() == [subject],
        "above": siblings(subject).index(subject.get_id())
        < siblings(subject).index(
            (backgrounds[0] if len(backgrounds) == 1 else backgrounds[0].get_parent()).get_id()
        ),
        "request": {name: request.get(name) for name in ("mode", "intent", "strength", "prompt")},
        "subject": text(batch.read(subject.get_mask(), pixels_format="Y u8")),
        "background": text(batch.read(backgrounds[0].get_mask(), pixels_format="Y u8")),
        "before": look,
        "after": seen(image, place),
        "kept": [entry for entry in snapshot(image)["layers"] if entry in before] == before,
    }
    if masked:
        found["left"] = text(batch.read(layer.get_mask(), pixels_format="Y u8"))
    return found | light


def fitted(image, lit, subject, values):
    """What the layer of light is and does."""
    place = place_of(lit)
    with_light = seen(image, place)
    lit.set_visible(False)
    without = seen(image, place)
    lit.set_visible(True)
    order = siblings(lit)
    return {
        "light": text(batch.read(lit)),
        "light_place": place,
        "light_name": lit.get_name(),
        "light_mode": lit.get_mode().value_nick,
        "light_above": order.index(lit.get_id()) + 1 == order.index(subject.get_id()),
        "lit": with_light,
        "unlit": without,
    }


batch.answer(
    {
        "subject": replaced(scenes.offset()),
        "u16": replaced(scenes.u16()),
        "off canvas": replaced(scenes.off_canvas()),
        "selected": replaced(scenes.offset(), TWO, (32, 12, 28, 28)),
        "cut out before": replaced(scenes.offset(), TWO, masked=(35, 15, 22, 22)),
        "three": replaced(scenes.offset(), count=3),
        "fitted": replaced(scenes.offset(), fit_light=True),
        "fitted u16": replaced(scenes.u16(), fit_light=True),
        "no words": replaced(scenes.offset(), prompt=" "),
    }
)
