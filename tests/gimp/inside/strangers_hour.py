"""Every action once, as somebody meets it who has never met the authors: Chinese words and layers,
a photo on its side with another profile."""

import locale
import os

import batch
import plugin_modules  # noqa: F401  before the plug-in's modules
from actions_common import place_of
from gi.repository import Gimp, Gio
from snapshot import differences, snapshot

from gimpio import metadata

PROMPT = "一只红色的猫，“水墨画”，高清 🐈‍⬛"
FIXED = {"prompt": PROMPT, "negative_prompt": "模糊，低质量", "random_seed": False, "seed": 5}
PATCH = batch.arguments()["patch"]
NEUTRAL = ("dirty", "selected_layers")


def stored(drawable, *place):
    return bytes(batch.read(drawable, *place, pixels_format=None))


def photo():
    file = Gio.File.new_for_path(os.path.join(batch.WORK, batch.arguments()["photo"]))
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    image.policy_rotate(False)
    layer = image.get_layers()[0]
    layer.set_name("背景 “照片”")
    image.clean_all()
    return image, layer


def seen(image):
    return bytes(batch.visible(image))


def told(image, values, before):
    """What the result is, and what else has changed."""
    layer = values["layer"]
    record = metadata.read(layer)
    after = snapshot(image)
    made = [one.get_id() for one in values["layers"]]
    made += [one.get_parent().get_id() for one in values["layers"] if one.get_parent()]
    after["layers"] = [one for one in after["layers"] if one["id"] not in made]
    for one in (before, after):
        for key in NEUTRAL:
            one.pop(key, None)
    return {
        "name": layer.get_name(),
        "place": place_of(layer),
        "prompt": record["record"]["request"]["prompt"] if record else None,
        "job": record["job"] if record else None,
        "changed": differences(before, after),
    }


def act(image, name, drawables, **options):
    if None in drawables:
        return {"status": "", "error": "an action before it failed"}, None
    before = snapshot(image)
    status, error, values = batch.call(name, image, drawables, **options)
    found = {"status": status, "error": error}
    if status != "success":
        return found, None
    return found | told(image, values, before), values["layer"]


def unchanged(image, source):
    found, layer = act(image, "img2img", [source], strength=0.0, **FIXED)
    if layer is not None:
        whole, each = stored(layer), layer.get_width() * layer.get_height()
        alpha = len(whole) // each == 4
        pixels = whole if not alpha else bytes(v for n, v in enumerate(whole) if n % 4 != 3)
        found["same"] = pixels == stored(source)
        image.remove_layer(layer)
    x, y = PATCH
    found["patch"] = list(stored(source, x, y, 1, 1))
    return found


def repainted(image, source, **more):
    options = {"strength": 0.6, "steps": 2, **FIXED, **more}
    found, layer = act(image, "img2img", [source], **options)
    if layer is not None:
        found["differs"] = batch.read(layer) != batch.read(source)
    return found, layer


def filled(image, source):
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 50, 40, 40)
    Gimp.Selection.feather(image, 6)
    look = seen(image)
    options = {"strength": 1.0, "steps": 2, **FIXED}
    found, layer = act(image, "regenerate-selection", [source], **options)
    if layer is None:
        return found, None
    x, y, width, height = found["place"]
    chosen = image.get_selection()
    found["mask"] = stored(layer.get_mask()) == stored(chosen, x, y, width, height)
    now, selected = seen(image), batch.selected(image)
    pairs = [now[4 * n : 4 * n + 4] == look[4 * n : 4 * n + 4] for n in range(len(selected))]
    found["leaked"] = sum(not s and not same for s, same in zip(selected, pairs, strict=True))
    found["painted"] = sum(s and not same for s, same in zip(selected, pairs, strict=True))
    Gimp.Selection.none(image)
    return found, layer


def reports():
    found = {}
    for name in ("server", "backends", "models", "doctor"):
        status, error, values = batch.call(name)
        found[name] = {"status": status, "error": error, "report": values.get("report", "")}
    return found


image, source = photo()
profile = image.get_color_profile()
answer = {
    "locale": locale.setlocale(locale.LC_ALL, ""),
    "home": os.environ["HOME"],
    "size": [image.get_width(), image.get_height()],
    "profile": profile.get_label() if profile else None,
    "corner": list(batch.read(source, 4, 4, 1, 1)),
}
answer["unchanged"] = unchanged(image, source)
answer["repainted"], _layer = repainted(image, source)
answer["map"], drawn = act(image, "make-control-layer", [source])
answer["steered"], _layer = repainted(image, source, control="canny", control_layer=drawn)
answer["filled"], fill = filled(image, source)
answer["again"], _layer = act(image, "generate-again", [fill])
sized = {"width": 64, "height": 64, "steps": 2}
answer["written"], _layer = act(image, "txt2img", [source], **FIXED, **sized)
answer["edited"], _layer = act(
    image, "edit", [source], prompt="变成冬天", steps=2, model="klein", random_seed=False, seed=5
)
kept = Gio.File.new_for_path(os.path.join(batch.WORK, "猫 的图.xcf"))
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, kept)
image.delete()
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, kept)
masked = [one for one in image.get_layers() if metadata.read(one) and one.get_mask()]
answer["reopened"], _layer = act(image, "generate-again", [masked[0] if masked else None])
answer["reports"] = reports()
batch.answer(answer)
