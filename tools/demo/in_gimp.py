"""The demo's part inside GIMP: what a user would click, called through the PDB.

Raises (and so ends GIMP with an error) when a step fails or a pixel outside the selection changed.
"""

import os

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

WORK = os.environ["PENTIMENTO_DEMO"]
OUT = os.path.join(WORK, "out")
STRENGTHS = {0.3: "img2img-0.3", 0.6: "img2img", 1.0: "img2img-1.0"}
SEED = 7
SCENE = "a red house on a green meadow, sunset, oil painting"
FILLING = "a yellow moon, night"
TOWER = (0.68, 0.26, 0.72, 0.26, 0.757, 1.0, 0.672, 1.0)  # shares of the photograph's sides


def call(name, image, layer, **options):
    """Runs plug-in-pentimento-NAME; its new layer."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-" + name)
    if procedure is None:
        raise RuntimeError("The plug-in is not registered.")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    for option, value in options.items():
        config.set_property(option.replace("_", "-"), value)
    result = procedure.run(config)
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(Gimp.get_pdb().get_last_error())
    return result.index(1)


def save(image, name):
    target = Gio.File.new_for_path(os.path.join(OUT, name))
    if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, target, None):
        raise RuntimeError("could not write " + name)


def save_seen(image, name):
    """The image as it looks now, as a PNG."""
    copy = image.duplicate()
    copy.undo_disable()
    Gimp.Selection.none(copy)
    copy.flatten()
    save(copy, name)
    copy.delete()


def seen(image):
    """What is seen of the whole canvas, as RGBA bytes."""
    layer = Gimp.Layer.new_from_visible(image, image, "seen")
    found = read(layer, "R'G'B'A u8", image)
    layer.delete()
    return found


def read(drawable, kind, image):
    buffer = drawable.get_buffer()
    area = Gegl.Rectangle.new(0, 0, image.get_width(), image.get_height())
    return buffer.get(area, 1.0, kind, Gegl.AbyssPolicy.NONE)


def repaint(image, photo):
    for strength, name in STRENGTHS.items():
        layer = call(
            "img2img",
            image,
            photo,
            prompt=SCENE,
            strength=strength,
            random_seed=False,
            seed=SEED,
        )
        save_seen(image, name + ".png")
        layer.set_visible(False)
        print(
            f"demo: image to image at strength {strength}: layer “{layer.get_name()}”", flush=True
        )


def fill(image, photo):
    """A feathered lasso, regenerated; everything outside of it must stay as it was."""
    width, height = image.get_width(), image.get_height()
    Gimp.context_set_feather(True)
    Gimp.context_set_feather_radius(width / 60, width / 60)
    lasso = [(0.10, 0.12), (0.26, 0.05), (0.40, 0.16), (0.43, 0.38), (0.27, 0.48), (0.12, 0.36)]
    points = [value for x, y in lasso for value in (x * width, y * height)]
    image.select_polygon(Gimp.ChannelOps.REPLACE, points)
    before = seen(image)
    layer = call(
        "regenerate-selection",
        image,
        photo,
        prompt=FILLING,
        random_seed=False,
        seed=SEED,
    )
    after, mask = seen(image), read(image.get_selection(), "Y u8", image)
    outside = [at for at, value in enumerate(mask) if value == 0]
    changed = [at for at in outside if before[4 * at : 4 * at + 4] != after[4 * at : 4 * at + 4]]
    if changed or before == after:
        raise RuntimeError(f"{len(changed)} pixels outside the selection changed")
    print(
        f"demo: selection regenerated: {len(mask) - len(outside)} px inside; "
        f"all {len(outside)} px outside are identical; layer “{layer.get_name()}”",
        flush=True,
    )
    save_seen(image, "fill.png")
    layer.set_visible(False)


def remove(image, photo):
    """The tower on the right goes, and the sky goes on: no words, and no model either."""
    width, height = image.get_width(), image.get_height()
    Gimp.context_set_feather(False)
    points = [value * (height if at % 2 else width) for at, value in enumerate(TOWER)]
    image.select_polygon(Gimp.ChannelOps.REPLACE, points)
    before = seen(image)
    layer = call(
        "regenerate-selection",
        image,
        photo,
        intent="remove",
        auto_edge=True,
        random_seed=False,
        seed=SEED,
    )
    if before == seen(image):
        raise RuntimeError("the tower is still there")
    print(f"demo: a tower removed: layer “{layer.get_name()}”", flush=True)
    save_seen(image, "remove.png")


os.makedirs(OUT, exist_ok=True)
picture = Gio.File.new_for_path(os.path.join(WORK, "photo.jpg"))
opened = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, picture)
photograph = opened.get_layers()[0]
save_seen(opened, "before.png")
repaint(opened, photograph)
fill(opened, photograph)
remove(opened, photograph)
save(opened, "result.xcf")
opened.delete()
