"""Puts the server's plan for a job into words: what is sent and to whom, and what is computed."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional
from urllib.parse import urlsplit

import dialogs.route_words as route_words
from i18n import _

SEPARATOR = " · "
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def destination(url: str) -> str:
    """The computer at this address, in words."""
    host = urlsplit(url if "://" in url else "http://" + url).hostname or url
    if host in LOOPBACK:
        return _("the server on this computer")
    return _("the server on {host}").format(host=host)


def sentence(plan: Mapping[str, Any], where: str, model: Optional[Mapping[str, Any]]) -> str:
    """The plan (answer of POST /v1/plan) for the status line of a dialog."""
    if plan.get("route"):
        return _through_a_service(plan)
    parts = [_transfer(plan, where), *_work(plan), *_model(plan, model)]
    return SEPARATOR.join(part for part in parts if part)


def _through_a_service(plan: Mapping[str, Any]) -> str:
    """Which way the job takes there, what leaves, who receives it, and what it costs."""
    route = plan["route"]
    if plan["strength"] == 0:
        return _("strength 0 keeps the source as it is, nothing is computed")
    parts = [route_words.text_of(route, _), sent(route["sends"]), str(route["price"])]
    size = _size(plan["generation"])
    if size != _size(plan["box"]):
        parts.insert(1, _("painted at {size}").format(size=size))
    return SEPARATOR.join(part for part in parts if part)


def sent(sends: Mapping[str, int]) -> str:
    """What leaves for a service for one picture."""
    size = _("{n} kB").format(n=max(1, round(sends["bytes"] / 1000)))
    if sends["width"] == 0:
        return _("sends your words only")
    return _("sends {picture} px, {size} at most").format(picture=_size(sends), size=size)


def _transfer(plan: Mapping[str, Any], where: str) -> str:
    size = _size(plan["box"])
    if plan["mode"] == "txt2img":
        return _("Asks {where} for {size} px").format(where=where, size=size)
    if plan["mode"] == "inpaint":
        return _("Sends {size} px around the selection to {where}").format(size=size, where=where)
    return _("Sends {size} px to {where}").format(size=size, where=where)


def _work(plan: Mapping[str, Any]) -> List[str]:
    if plan["steps_run"] == 0:
        return [_("strength 0 keeps the source as it is, nothing is computed")]
    generation = _size(plan["generation"])
    if plan["mode"] == "txt2img":
        painted = (
            ""
            if generation == _size(plan["box"])
            else _("painted at {size}").format(size=generation)
        )
    else:
        painted = _("repaints at {size}").format(size=generation)
    return [painted, _steps(plan), _time(plan.get("seconds"))]


def _steps(plan: Mapping[str, Any]) -> str:
    if plan["steps_run"] == plan["steps"]:
        return _("{steps} steps").format(steps=plan["steps"])
    return _("{run} of {steps} steps").format(run=plan["steps_run"], steps=plan["steps"])


def _time(seconds: Optional[float]) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return _("about {seconds} s").format(seconds=max(1, round(seconds)))
    return _("about {minutes} min").format(minutes=round(seconds / 60))


def _model(plan: Mapping[str, Any], model: Optional[Mapping[str, Any]]) -> List[str]:
    if model is None:
        return [str(plan["model"])]
    title = model.get("title") or plan["model"]
    note = model.get("note")
    return [_("{model}: {note}").format(model=title, note=note) if note else str(title)]


def _size(box: Mapping[str, int]) -> str:
    return "{} × {}".format(box["width"], box["height"])


def model_of(models: List[Dict[str, Any]], name: str) -> Optional[Dict[str, Any]]:
    """The model of this id in the list of GET /v1/models."""
    return next((model for model in models if model["id"] == name), None)
