"""Colours and words: every thing a caption can name, as tables. Nothing is drawn here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (212, 38, 38),
    "orange": (240, 128, 28),
    "yellow": (246, 212, 48),
    "green": (52, 158, 66),
    "blue": (46, 96, 212),
    "purple": (132, 66, 182),
    "pink": (242, 140, 182),
    "brown": (128, 82, 48),
    "black": (34, 34, 40),
    "white": (242, 242, 240),
    "grey": (140, 142, 148),
}
RGB = {name: np.array(value, np.float32) / 255 for name, value in COLOURS.items()}


class Light(NamedTuple):
    """A time of day: sky colours (0..255), the tint it gives to everything (factors), its words."""

    sky_top: tuple[int, int, int]
    sky_bottom: tuple[int, int, int]
    tint: tuple[float, float, float]
    words: list[str]


class Ground(NamedTuple):
    colour: tuple[int, int, int]
    words: list[str]


TIMES = {
    "day": Light(
        (70, 140, 225),
        (190, 222, 245),
        (1.0, 1.0, 1.0),
        ["daytime", "a sunny day", "under a blue sky", "clear day"],
    ),
    "sunset": Light(
        (92, 62, 130),
        (250, 150, 70),
        (1.0, 0.80, 0.66),
        ["at sunset", "sunset", "in the evening light", "golden hour"],
    ),
    "night": Light(
        (8, 12, 38),
        (34, 44, 92),
        (0.42, 0.46, 0.68),
        ["at night", "night", "under a starry sky", "by night"],
    ),
    "dawn": Light(
        (150, 160, 210),
        (252, 200, 196),
        (0.95, 0.88, 0.92),
        ["at dawn", "a pink dawn", "early morning"],
    ),
    "overcast": Light(
        (136, 144, 154),
        (196, 202, 206),
        (0.82, 0.84, 0.87),
        ["on a grey day", "overcast", "a cloudy day"],
    ),
}
TIME_SHARES = [0.38, 0.2, 0.2, 0.1, 0.12]

GROUNDS = {
    "meadow": Ground((84, 164, 66), ["a green meadow", "green grass", "a meadow"]),
    "sea": Ground((34, 96, 160), ["the sea", "the blue sea", "the ocean"]),
    "desert": Ground((226, 184, 112), ["the desert", "sand dunes", "yellow sand"]),
    "snow": Ground((232, 238, 246), ["the snow", "a snowy field", "white snow"]),
    "field": Ground((214, 176, 60), ["a golden field", "a wheat field"]),
    "autumn": Ground((176, 100, 42), ["an autumn field", "fallen leaves"]),
}
GROUND_SHARES = [0.34, 0.26, 0.12, 0.12, 0.08, 0.08]

FARS = {
    "mountains": ["mountains", "snowy mountains", "high mountains"],
    "hills": ["rolling hills", "hills"],
    "forest": ["a forest", "a line of trees"],
    "city": ["a city skyline", "city buildings"],
}
STYLES = {
    "vector": ["flat vector art", "vector illustration", "flat colours"],
    "oil": ["oil painting", "painterly", "impressionist painting"],
    "watercolor": ["watercolor", "watercolour painting"],
    "pencil": ["pencil sketch", "black and white drawing"],
    "pixel": ["pixel art", "8-bit pixel art"],
}
MATERIALS = ["plain", "striped", "spotted", "checkered", "wooden", "brick", "shiny"]
GROUND_OBJECTS = ["ball", "box", "house", "tree", "pine tree", "flower", "tower", "mushroom"]
SKY_OBJECTS = ["balloon", "kite", "cloud", "star"]

PHOTO_COLOURS = [  # skin, hair, foliage, stone, sky, earth
    (196, 148, 118),
    (120, 82, 58),
    (232, 206, 182),
    (70, 92, 48),
    (126, 138, 78),
    (44, 52, 40),
    (150, 148, 142),
    (92, 90, 92),
    (206, 204, 200),
    (92, 128, 168),
    (168, 196, 214),
    (178, 120, 60),
    (60, 42, 34),
    (226, 190, 120),
    (30, 32, 38),
    (150, 60, 48),
]
PHOTO_WORDS = ["a photo", "a photograph", "a close-up photo"]
JUNK = [  # words people write that mean nothing here; the model must learn to ignore them
    "high quality",
    "detailed",
    "beautiful",
    "masterpiece",
    "nice",
    "best quality",
    "sharp",
    "a picture of",
    "a painting",
    "an image of",
    "my photo",
    "professional",
    "4k",
]
