"""One action against each of the addresses and tokens in the arguments; tells what came of it."""

import json
import os
import time

import batch
import scenes
from gi.repository import Gimp
from snapshot import differences, snapshot


def write_server_json(place):
    path = os.path.join(batch.WORK, "data", "server.json")
    if place is None:
        if os.path.exists(path):
            os.remove(path)
        return
    with open(path, "w") as file:
        json.dump(place, file)


def write_settings(place):
    path = os.path.join(Gimp.directory(), "pentimento.json")
    if place is not None:
        with open(path, "w") as file:
            json.dump(place, file)
    elif os.path.exists(path):
        os.remove(path)


def run(case):
    write_server_json(case["server"])
    write_settings(case.get("settings"))
    image, drawables = scenes.offset()
    image.clean_all()
    before = snapshot(image)
    started = time.monotonic()
    status, error, _values = batch.call(case["action"], image, drawables, **case["options"])
    facts = {
        "status": status,
        "error": error,
        "seconds": time.monotonic() - started,
        "changed": differences(before, snapshot(image)),
    }
    image.delete()
    return facts


batch.answer({case["name"]: run(case) for case in batch.arguments()})
