#!/usr/bin/env python3
"""Makes the pictures of docs/control.md with a real server and the starter model:

python docs/make_control.py
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPO), str(REPO / "server")]

from tests.gimp.companion import Companion

from pentimento.cli.client import Client

IMAGES = REPO / "docs" / "images"
PHOTO = REPO / "examples" / "photo.jpg"
MAPS = ("canny", "scribble", "lineart", "softedge", "tile")
TILE, GAP, NAME = (320, 214), 8, 26  # px
SIDE = 192  # px, of what the starter paints
WHITE = 255


class Server:
    """Jobs on a running server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def blob(self, picture: np.ndarray) -> dict[str, str]:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        return {"blob": self._client.send_picture(buffer.getvalue(), "image/png")}

    def made(self, **request: Any) -> np.ndarray:
        """The picture of a job, `(h, w, 3)` u8."""
        job = self._client.send_job(request)
        *_, final = self._client.follow(job)
        assert final["status"] == "succeeded", final["error"]
        return np.ascontiguousarray(self._client.result(job, 0).array()[..., :3])


def sheet(pictures: dict[str, np.ndarray], columns: int, size: tuple[int, int]) -> np.ndarray:
    """The pictures side by side with their names above."""
    rows = -(-len(pictures) // columns)
    width, height = size[0] + GAP, size[1] + GAP + NAME
    page = np.full((rows * height + GAP, columns * width + GAP, 3), WHITE, np.uint8)
    for number, (name, picture) in enumerate(pictures.items()):
        x, y = GAP + number % columns * width, GAP + number // columns * height
        way = cv2.INTER_AREA if picture.shape[1] > size[0] else cv2.INTER_CUBIC
        page[y + NAME : y + NAME + size[1], x : x + size[0]] = cv2.resize(
            picture, size, None, 0, 0, way
        )
        place = (x, y + NAME - 8)
        cv2.putText(page, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0,) * 3, 1, cv2.LINE_AA)
    return page


def maps(server: Server) -> None:
    photo = np.array(Image.open(PHOTO).convert("RGB"))
    source = server.blob(photo)
    made = {"photograph": photo}
    for kind in MAPS:
        made[kind] = server.made(mode="preprocess", source=source, controls=[{"type": kind}])
    save("control-maps", sheet(made, 3, TILE))


def weights(server: Server) -> None:
    """A drawing steers: not at all, half, wholly, and only at the beginning."""
    drawing = np.zeros((SIDE, SIDE, 3), np.uint8)
    house = np.array([[40, 160], [40, 96], [96, 44], [152, 96], [152, 160], [40, 160]])
    cv2.polylines(drawing, [house], False, (255,) * 3, 1)
    cv2.rectangle(drawing, (84, 120), (108, 160), (255,) * 3, 1)
    image = server.blob(drawing)
    asked = {"prompt": "a red house", "seed": 5, "steps": 14, "width": SIDE, "height": SIDE}
    made = {"control layer": drawing}
    for name, fields in {
        "without": {"weight": 0},
        "weight 0.5": {"weight": 0.5},
        "weight 1": {},
        "weight 1, first half": {"end": 0.5},
    }.items():
        control = {"type": "canny", "image": image} | fields
        made[name] = server.made(**asked, controls=[control])
    save("control-weights", sheet(made, 5, (SIDE, SIDE)))


def regions(server: Server) -> None:
    left = np.zeros((SIDE, SIDE), np.uint8)
    left[:, : SIDE // 2] = 255
    soft = cv2.GaussianBlur(left, (0, 0), 8)
    asked = {"prompt": "a landscape", "seed": 3, "steps": 14, "width": SIDE, "height": SIDE}
    night = {"mask": server.blob(soft), "prompt": "night, dark sky, moon"}
    snow = {"mask": server.blob(255 - soft), "prompt": "snow, winter, bright day"}
    made = {
        "a landscape": server.made(**asked),
        "region: night": np.repeat(soft[..., None], 3, axis=2),
        "night": server.made(**asked, regions=[night]),
        "night and snow": server.made(**asked, regions=[night, snow]),
    }
    save("control-regions", sheet(made, 4, (SIDE, SIDE)))


def save(name: str, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Companion(Path(folder)) as companion:
        server = Server(Client(companion.url, companion.token))
        maps(server)
        weights(server)
        regions(server)


if __name__ == "__main__":
    main()
