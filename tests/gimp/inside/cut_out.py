"""Cut Out Subject: with nothing selected, with a selection around one of two discs, in 16 bits."""

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
import scenes
from actions_common import place_of, siblings
from discs import text, with_discs
from gi.repository import Gimp
from snapshot import snapshot

ONE, TWO = ((30, 22, 13.5),), ((18, 20, 10.5), (46, 26, 10.5))


def made(scene, discs=ONE, box=None, careful=False, **options):
    image, drawables = with_discs(*scene, discs)
    layer = drawables[0]
    if careful:
        x, y = place_of(layer)[:2]
        image.select_ellipse(Gimp.ChannelOps.REPLACE, x + 16, y + 8, 28, 28)
        image.select_rectangle(Gimp.ChannelOps.ADD, x + 26, y + 1, 9, 10)
    if box:
        x, y = place_of(layer)[:2]
        left, top, width, height = box
        image.select_ellipse(Gimp.ChannelOps.REPLACE, left + x, top + y, width, height)
    before = snapshot(image)["layers"]
    source = text(batch.read(layer))
    selected = text(batch.read(image.get_selection(), pixels_format="Y u8"))
    status, error, values = batch.call("cut-out", image, drawables, **options)
    found = {"status": status, "error": error, "place": place_of(layer), "source": source}
    if status != "success":
        return found | {"layers": snapshot(image)["layers"] == before}
    item = values["layer"]
    return found | {
        "name": item.get_name(),
        "made": place_of(item),
        "above": siblings(item).index(item.get_id()) + 1 == siblings(item).index(layer.get_id()),
        "chosen": image.get_selected_layers() == [item],
        "hidden": [not layer.get_visible(), item.get_visible()],
        "pixels": text(batch.read(item)),
        "mask": text(batch.read(item.get_mask(), pixels_format="Y u8")),
        "untouched": text(batch.read(layer)) == source,
        "selection": text(batch.read(image.get_selection(), pixels_format="Y u8")) == selected,
    }


batch.answer(
    {
        "subject": made(scenes.offset()),
        "group": made(scenes.group()),
        "u16": made(scenes.u16()),
        "off canvas": made(scenes.off_canvas()),
        "adobe": made(scenes.adobe()),
        "careful": made(scenes.offset(), careful=True),
        "careful u16": made(scenes.u16(), careful=True),
        "left": made(scenes.offset(), TWO, (4, 6, 28, 28)),
        "right": made(scenes.offset(), TWO, (32, 12, 28, 28)),
        "visible": made(scenes.full(), source="visible"),
        "elsewhere": made(scenes.offset(), box=(-13, -9, 5, 5)),
    }
)
