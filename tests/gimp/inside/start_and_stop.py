"""Starts the server by way of an action that needs it, or stops it."""

import batch
import scenes


def start():
    image, drawables = scenes.offset()
    started = batch.call("img2img", image, drawables, strength=0.0)
    _status, _error, values = batch.call("server", command="status")
    return {"start": started[:2], "report": values["report"]}


def stop():
    return {"stop": batch.call("server", command="stop")[:2]}


batch.answer({"start": start, "stop": stop}[batch.arguments()]())
