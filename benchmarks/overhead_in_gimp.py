"""The part of overhead.py inside GIMP: repaints what it is told to and answers the seconds from the
call of the procedure to its return, layer placed."""

import json
import socket
import time

import batch
from gi.repository import Gimp

PLACE = {"side", "file"}
RECORD = "pentimento-job"


def repaint(order):
    """Seconds of one action on a fresh image, and of its engine."""
    image = batch.new_image(order["side"], order["side"])
    layer = Gimp.Layer.new(
        image,
        "photo",
        order["side"],
        order["side"],
        Gimp.ImageType.RGBA_IMAGE,
        100,
        Gimp.LayerMode.NORMAL,
    )
    image.insert_layer(layer, None, 0)
    with open(order["file"], "rb") as file:
        batch.write(layer, file.read())
    options = {name: value for name, value in order.items() if name not in PLACE}
    started = time.perf_counter()
    status, error, values = batch.call("img2img", image, [layer], **options)
    seconds = time.perf_counter() - started
    if status != "success":
        return {"error": error}
    made = values["layer"]
    unchanged = batch.read(made) == batch.read(layer)
    record = json.loads(bytes(value & 255 for value in made.get_parasite(RECORD).get_data()))
    image.delete()
    if unchanged != (order["strength"] == 0):
        return {"error": f"the layer is {'unchanged' if unchanged else 'changed'}"}
    return {"seconds": seconds, "engine": record["record"]["facts"].get("seconds", 0.0)}


with socket.create_connection(("127.0.0.1", batch.arguments()["port"])) as connection:
    lines = connection.makefile("rw", encoding="utf-8")
    for line in lines:
        lines.write(json.dumps(repaint(json.loads(line))) + "\n")
        lines.flush()
