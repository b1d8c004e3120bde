"""Every action of Pentimento from Python-Fu, without a dialog. In the repository:

gimp-console --no-interface --quit --batch-interpreter=python-fu-eval \
  -b 'exec(open("docs/examples/python_fu.py").read()); main("examples/photo.jpg", "painted.xcf")'
"""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio


def call(name, image=None, drawables=(), mode=Gimp.RunMode.NONINTERACTIVE, **options):
    """Runs plug-in-pentimento-NAME and returns its first value: the new layer."""
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-pentimento-" + name)
    config = procedure.create_config()
    config.set_property("run-mode", mode)
    config.set_property("image", image)
    config.set_core_object_array("drawables", list(drawables))
    for option, value in options.items():
        config.set_property(option.replace("_", "-"), value)
    result = procedure.run(config)
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(Gimp.get_pdb().get_last_error())
    return result.index(1)


def image_to_image(image, photo):
    return call(
        "img2img",
        image,
        [photo],
        prompt="a red house on a green meadow, oil painting",
        strength=0.6,
        steps=8,
        random_seed=False,
        seed=7,
    )


def regenerate_selection(image, photo):
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 60, 40, 240, 180)
    Gimp.Selection.feather(image, 20)
    return call(
        "regenerate-selection",
        image,
        [photo],
        prompt="a yellow moon, night",
        strength_preset="new",
        steps=8,
    )


def text_to_image(image, photo):
    """Without an image (`call("txt2img", prompt="...")`) the layer is in a new one:
    `layer.get_image()`."""
    return call("txt2img", image, [photo], prompt="a blue mountain", width=128, height=128, steps=8)


def generate_again(image, result_layer):
    return call("generate-again", image, [result_layer])


def repeat_with_last_values(image, photo):
    """With the values of the last time the dialog was confirmed in GIMP."""
    return call("img2img", image, [photo], mode=Gimp.RunMode.WITH_LAST_VALS)


def main(source, target):
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(source))
    photo = image.get_layers()[0]
    restyled = image_to_image(image, photo)
    regenerate_selection(image, photo)
    text_to_image(image, photo)
    generate_again(image, restyled)
    repeat_with_last_values(image, photo)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(target), None)
    image.delete()
