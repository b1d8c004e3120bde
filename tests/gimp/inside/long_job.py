"""A job that takes long, for tests that disturb it."""

import batch
import scenes
from gi.repository import Gimp
from snapshot import differences, snapshot

image, drawables = scenes.offset()
image.clean_all()
before, images = snapshot(image), len(Gimp.get_images())
status, error, _values = batch.call("img2img", image, drawables, strength=1.0, steps=200, count=16)
batch.answer(
    {
        "status": status,
        "error": error,
        "changed": differences(before, snapshot(image)),
        "stray_images": len(Gimp.get_images()) - images,
    }
)
