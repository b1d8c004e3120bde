"""Jobs as the tests ask AUTOMATIC1111's API for them, by way of the `webuiapi` package."""

from __future__ import annotations

from tests.faces.pictures import SIDE, photo

PROMPT = "a red ball “on” a\ngreen meadow, 草地上的红球 🏳️‍🌈"


def paint(a1111, **changes):
    wanted = {"prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 7} | changes
    return a1111.txt2img(alwayson_scripts=wanted.pop("alwayson_scripts", {}), **wanted)


def repaint(a1111, **changes):
    wanted = {"images": [photo()], "prompt": PROMPT, "width": SIDE, "height": SIDE, "seed": 7}
    wanted |= {"denoising_strength": 1.0, "mask_blur": 0, "inpaint_full_res": False} | changes
    return a1111.img2img(alwayson_scripts={}, **wanted)
