"""Puts the server's plan for a job into words: what is sent and to whom, and what is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, List, Mapping, Optional, Sequence, Union
from urllib.parse import urlsplit

import dialogs.route_words as route_words
import wire
from choices import N_
from i18n import _, ngettext
from server_texts import told

if TYPE_CHECKING:
    from answers import FileEntry, ModelEntry, Pass, Plan, Sends

Painter = Union["ModelEntry", "FileEntry"]  # what a plan can name as its model

SEPARATOR = " · "
COMMAS = " ,，、"
BUTTONS = {  # by the code of the plan's button
    "paint": N_("_Paint picture"),
    "repaint": N_("_Generate"),
    "edit": N_("_Edit"),
    "keep": N_("_Keep as it is"),
    "fill": N_("_Fill selection"),
    "remove": N_("_Remove"),
    "add": N_("_Add"),
    "replace_background": N_("_Replace background"),
    "refine": N_("_Refine at {percent} %"),
    "expand": N_("_Expand"),
    "expand_left": N_("_Expand to the left"),
    "expand_top": N_("_Expand upward"),
    "expand_right": N_("_Expand to the right"),
    "expand_bottom": N_("_Expand downward"),
}
REASONS = {  # what that means, by the same code
    "paint": N_("A new picture, from the prompt alone."),
    "fill": N_("The selection is filled from the colors around it."),
    "remove": N_("What is selected goes, and the surroundings go on."),
    "add": N_("Something new is painted in the selection, as the prompt says."),
    "replace_background": N_("What is selected is replaced, in one color with what is around it."),
    "refine": N_("Below 100 % what is there is repainted; 100 % replaces it."),
    "keep": N_("At strength 0 nothing changes."),
}
REFINE_LAYER = N_("_Refine {layer} at {percent} %")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def destination(url: str) -> str:
    """The computer at this address, in words."""
    host = _host(url)
    if host in LOOPBACK:
        return _("on this computer")
    return _("on {host}").format(host=host)


def is_here(url: str) -> bool:
    """Whether the address is one of this computer."""
    return _host(url) in LOOPBACK


def _host(url: str) -> str:
    return urlsplit(url if "://" in url else "http://" + url).hostname or url


def button(plan: Plan, layer: str = "") -> str:
    """What the button says that starts the job, with a letter marked; `layer` is the name of the
    layer that is worked on. A code of a newer server, and none of an older one, just begin."""
    told = plan.get("button") or {}
    text = BUTTONS.get(told.get("code", ""), BUTTONS["repaint"])
    if told.get("code") == "refine" and layer and plan["mode"] != "inpaint":
        text = REFINE_LAYER
    return _(text).format(layer=layer.replace("_", "__"), **told.get("params", {}))


def reason(plan: Plan) -> str:
    """Why the button says so; empty where its words say it all."""
    text = REASONS.get((plan.get("button") or {}).get("code", ""), "")
    return _(text) if text else ""


def sentence(
    plan: Plan,
    where: str,
    model: Optional[Painter],
    source: str = "",
    notes: Sequence[str] = (),
) -> str:
    """The plan (answer of POST /v1/plan) for the status line of a dialog. `source` names what the
    work starts from, `notes` are what else is set."""
    if plan.get("route"):
        return SEPARATOR.join([_through_a_service(plan), *notes])
    copied = plan.get("filled_by") == "surroundings"
    asked = "" if copied else _model(plan, model)
    parts = [_what(plan, source), *_work(plan), *notes, where, asked]
    return SEPARATOR.join(part for part in parts if part)


def _through_a_service(plan: Plan) -> str:
    """Which way the job takes there, what leaves, who receives it, and what it costs."""
    route = plan["route"]
    assert route is not None
    if plan["strength"] == 0:
        return _("strength 0 keeps the source as it is, nothing is computed")
    way = route_words.text_of(route, _).rstrip(".。")  # other parts follow
    parts = [way, sent(route["sends"]), told(str(route["price"]))]
    size = _size(plan["generation"])
    if size != _size(plan["box"]):
        parts.insert(1, _("painted at {size}").format(size=size))
    return SEPARATOR.join(part for part in parts if part)


def sent(sends: Sends) -> str:
    """What leaves for a service for one picture."""
    size = _("{n} kB").format(n=max(1, round(sends["bytes"] / 1000)))
    if sends["width"] == 0:
        return _("sends your words only")
    return _("sends {picture} px, {size} at most").format(picture=_size(sends), size=size)


def _what(plan: Plan, source: str) -> str:
    """Without the comma before the source where none is named, as in Change Result."""
    parts = (_extent(plan, source).rstrip(COMMAS), _reach(plan))
    return SEPARATOR.join(part for part in parts if part)


def _extent(plan: Plan, source: str) -> str:
    size = _size(plan["box"])
    if plan["mode"] == "txt2img":
        return _("New picture, {size} px").format(size=size)
    if plan["mode"] == "upscale":
        size = _size(plan["generation"])
        return _("becomes {size} px, {source}").format(size=size, source=source)
    if plan["mode"] == "outpaint":
        return _("the canvas becomes {size} px").format(size=size)
    text = _("{size} px {source}")
    if plan["mode"] == "inpaint" and plan.get("intent") != "replace_background":
        text = _("{size} px around the selection, {source}")
    return text.format(size=size, source=source).rstrip(" ,，、")  # where there is no source


def _work(plan: Plan) -> List[str]:
    if plan["mode"] == "upscale":
        return []
    if plan.get("filled_by") == "surroundings":
        return [_("filled from the surroundings, without a model"), _time(plan.get("seconds"))]
    if plan["steps_run"] == 0:
        return [_("strength 0 keeps the source as it is, nothing is computed")]
    return [_passes(plan), _time(plan.get("seconds"))]


def _reach(plan: Plan) -> str:
    """How far beyond the selection the result goes."""
    reach = int(plan.get("reach") or 0)
    if not reach or plan["mode"] != "inpaint":
        return ""
    text = ngettext(
        "the result reaches {n} px beyond the selection",
        "the result reaches {n} px beyond the selection",
        reach,
    )
    return text.format(n=reach)


def _passes(plan: Plan) -> str:
    """The steps of each pass, and in how many tiles it goes over what a model can't see at once.
    Absent in answers of older servers."""
    passes = plan.get("passes") or [{"steps": plan["steps_run"], "tiles": 1, **plan["generation"]}]
    text = _counted(plan["steps_run"]) + _tiles(passes[0])
    for one in passes[1:]:
        more = _("then {steps} at {size} px").format(steps=_counted(one["steps"]), size=_size(one))
        text = _("{first}, {then}").format(first=text, then=more + _tiles(one))
    return text


def _tiles(one: Pass) -> str:
    if one["tiles"] < 2:
        return ""
    return " " + ngettext("in {n} tile", "in {n} tiles", one["tiles"]).format(n=one["tiles"])


def _counted(steps: int) -> str:
    return ngettext("{n} step", "{n} steps", steps).format(n=steps)


def _time(seconds: Optional[float]) -> str:
    if seconds is None:
        return ""
    if seconds < 90:
        return _("about {seconds} s").format(seconds=max(1, round(seconds)))
    return _("about {minutes} min").format(minutes=round(seconds / 60))


def _model(plan: Plan, model: Optional[Painter]) -> str:
    if plan["model"] == wire.PLAIN:
        return _("Lanczos: makes up nothing")
    return told((model["title"] if model else "") or plan["model"])


def _size(box: Mapping[str, Any]) -> str:
    return "{} × {}".format(box["width"], box["height"])


def model_of(models: Iterable[Painter], name: str) -> Optional[Painter]:
    """The model of this id in the list of GET /v1/models."""
    return next((model for model in models if model["id"] == name), None)
