"""The way of a job through a service: natively, steered by a map of the source, or by words alone.

The user need not know what a service can. The best way is taken, and the route says which one, in
words and numbers, and what is different from a job on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pentimento.core.errors import BadInput, field_error
from pentimento.models.library.parts.annotator import BY_ARITHMETIC
from pentimento.schema.job import Control, JobRequest, Mode
from pentimento.schema.plan import PlanRequest, Route, RouteKind, Sends
from pentimento.services.frames import ServiceFrame
from pentimento.services.records import Capabilities, Operation, Service
from pentimento.services.terms import Terms

SUBSTITUTES = ("canny", "structure", "softedge", "lineart", "scribble", "sketch")  # best first
FOR_LINE_ART = ("scribble", "sketch", "lineart", "canny")
DRAWN = (*BY_ARITHMETIC, "sketch")  # maps that this program makes of a picture
SURROUNDINGS_WEIGHT = 0.8  # of a map that has lines around the selection only

SENTENCES = {  # the plug-in has the same ones for its translators (tests/contract)
    "own_map": "{title} paints a new picture, steered by your {control} map.",
    "own_kind": (
        "{title} paints a new picture, steered by its own kind of control, “{control}”, which "
        "reads the picture itself."
    ),
    "lines_of_source": (
        "{title} cannot repaint a picture: the lines of the source steer a new picture; colors are "
        "not kept."
    ),
    "lines_of_selection": (
        "{title} cannot fill a selection: the lines of the selection steer a new picture; colors "
        "are not kept."
    ),
    "around_selection": (
        "{title} cannot fill a selection: the lines around the selection steer a new picture; "
        "colors are not kept."
    ),
    "words_alone": (
        "{title} makes a new picture from your words alone; it does not see the source."
    ),
    "new_picture": "{title} paints a new picture.",
    "repaints_source": "{title} repaints the source; it decides by itself how much changes.",
    "repaints_selection": "{title} repaints the selection; it decides by itself how much changes.",
    "repaints_source_at": "{title} repaints the source at strength {strength}.",
    "edits_source": "{title} changes the source by instruction.",
    "edits_selection": "{title} changes the selection by instruction.",
    "repaints_selection_at": "{title} repaints the selection at strength {strength}.",
}
OPERATION = {
    Mode.TXT2IMG: Operation.TXT2IMG,
    Mode.IMG2IMG: Operation.IMG2IMG,
    Mode.INPAINT: Operation.INPAINT,
    Mode.EDIT: Operation.EDIT,
}


@dataclass(frozen=True, slots=True)
class Way:
    """`operation` is what the service is asked to do. With `control` a map steers: a user's own
    (`own`), or one made of the source with `weight`, whose lines inside the mask are left out when
    `around`."""

    kind: RouteKind
    operation: Operation
    control: str | None = None
    weight: float | None = None
    own: Control | None = None
    around: bool = False
    strength: float | None = None  # sent as such
    references: int = 0


def choose(request: JobRequest | PlanRequest, strength: float, able: Capabilities) -> Way:
    """The best way that the service has. Raises BadInput for a control it cannot follow, and where
    there is none."""
    if request.mode is Mode.EDIT:
        return _edit(request, able)
    own = _own_control(request, able)
    wanted = OPERATION[request.mode]
    if _can(wanted, able) and (own is None or wanted in able.control_with):
        return Way(
            RouteKind.CONTROL if own and wanted is Operation.TXT2IMG else RouteKind.NATIVE,
            wanted,
            control=kind_there(own, able) if own else None,
            weight=own.weight if own else None,
            own=own,
            strength=strength if able.strength and wanted in able.strength_with else None,
        )
    if own:
        there = kind_there(own, able)
        return Way(RouteKind.CONTROL, Operation.TXT2IMG, there, own.weight, own)
    substitute = _first(SUBSTITUTES, able)
    around = request.mode is Mode.INPAINT and strength >= 1
    weight = SURROUNDINGS_WEIGHT if around else substitute_weight(strength)
    if request.mode is Mode.TXT2IMG or substitute is None or weight <= 0:
        return Way(RouteKind.TEXT, Operation.TXT2IMG)
    said = weight if able.control_weight else None
    return Way(RouteKind.CONTROL, Operation.TXT2IMG, substitute, said, around=around)


def kind_there(own: Control, able: Capabilities) -> str:
    """What the service calls the kind of map that is asked for."""
    return own.type if own.type in able.control else able.control_as.get(own.type, own.type)


def _edit(request: JobRequest | PlanRequest, able: Capabilities) -> Way:
    """Nothing stands in for a model that follows instructions."""
    if not able.edit:
        raise BadInput(
            "unsupported_mode",
            "The chosen service cannot change a picture by instruction.",
            "Choose another place, or run the job on this machine.",
        )
    if request.controls:
        raise _refused("no control in an edit", "Leave it out.")
    asked = [one for one in getattr(request, "references", ()) if one.weight]
    if len(asked) > able.references:
        raise BadInput(
            "unsupported",
            f"The chosen service reads at most {able.references} references in an edit.",
            "Leave the others out.",
            details=field_error("references", "are too many"),
        )
    return Way(RouteKind.NATIVE, Operation.EDIT, references=len(asked))


def for_line_art(way: Way, able: Capabilities) -> Way:
    """The same way for a source that is a drawing: its lines are the map, if the service has a kind
    of control for that."""
    better = _first(FOR_LINE_ART, able)
    if way.control is None or way.own or better is None:
        return way
    return replace(way, control=better)


def substitute_weight(strength: float) -> float:
    """How much the source's lines hold the new picture, 0..1: 1 - strength².

    Small changes keep nearly everything (0.3 -> 0.91), a repaint is free (0.8 -> 0.36), and at 1
    nothing of the source counts, as in image-to-image.
    """
    return round(1 - strength * strength, 4)


def words(
    way: Way, service: Service, mode: Mode, *, selected: bool = False
) -> tuple[str, dict[str, str]]:
    """What is different from a job on this machine: the key of SENTENCES and what fills it in."""
    title = {"title": service.title}
    place = "selection" if mode is Mode.INPAINT or selected else "source"
    if mode is Mode.EDIT:
        return f"edits_{place}", title
    if way.kind is RouteKind.CONTROL and way.own and way.own.type != way.control:
        return "own_kind", title | {"control": str(way.control)}
    if way.kind is RouteKind.CONTROL and way.own:
        return "own_map", title | {"control": str(way.control)}
    if way.kind is RouteKind.CONTROL:
        return ("around_selection" if way.around else f"lines_of_{place}"), title
    if way.kind is RouteKind.TEXT and mode is not Mode.TXT2IMG:
        return "words_alone", title
    if way.operation is Operation.TXT2IMG:
        return "new_picture", title
    if way.strength is None:
        return f"repaints_{place}", title
    return f"repaints_{place}_at", title | {"strength": f"{way.strength:.2g}"}


def sentence(code: str, params: dict[str, str]) -> str:
    return SENTENCES[code].format(**params)


def strength_maps_to(way: Way) -> str | None:
    if way.strength is not None:
        return f"strength {way.strength:.2g} there"
    steered = way.kind is RouteKind.CONTROL and way.own is None and not way.around
    if steered and way.weight is not None:
        return f"control weight {way.weight:.2g}"
    return None


def _first(kinds: tuple[str, ...], able: Capabilities) -> str | None:
    """The first kind of control that a picture can be turned into."""
    return next((name for name in kinds if _made_of_a_picture(name, able)), None)


def _made_of_a_picture(kind: str, able: Capabilities) -> bool:
    return able.control.get(kind) == "picture" or (kind in able.control and kind in DRAWN)


def _can(operation: Operation, able: Capabilities) -> bool:
    return bool(getattr(able, operation.value))


def _own_control(request: JobRequest | PlanRequest, able: Capabilities) -> Control | None:
    """The control that the user asks for; services take one."""
    wanted = [control for control in request.controls if control.weight > 0]
    if not wanted:
        return None
    control = wanted[0]
    if len(wanted) > 1:
        raise _refused("one control at a time", "Leave the others out.")
    there = kind_there(control, able)
    if there not in able.control:
        known = ", ".join(sorted({*able.control, *able.control_as})) or "none"
        raise _refused(f"no {control.type} control", f"It knows {known}.")
    if control.image is None and request.mode is Mode.TXT2IMG:
        raise _refused("a control with a picture only", "Send one.")
    draws = control.image is None or control.preprocess
    if there == "structure" and not draws:
        raise _refused("a plain picture for that control", "Send the picture, with preprocess.")
    if draws and not _made_of_a_picture(there, able):
        raise _refused(f"a finished {control.type} map only", "Send the map, without preprocess.")
    return control


def _refused(what: str, hint: str) -> BadInput:
    return BadInput(
        "unsupported",
        f"The chosen service takes {what}.",
        hint,
        details=field_error("controls", "cannot be followed"),
    )


PNG_OVERHEAD = 1.01  # of raw pixels; what cannot be compressed grows a little
WORDS = 16_000  # bytes for prompts and settings


def route(way: Way, terms: Terms, frame: ServiceFrame, request: JobRequest | PlanRequest) -> Route:
    selected = bool(request.mask if isinstance(request, JobRequest) else request.selection)
    code, params = words(way, terms.service, request.mode, selected=selected)
    return Route(
        kind=way.kind,
        control=way.control,
        code=code,
        params=params,
        sentence=sentence(code, params),
        strength_maps_to=strength_maps_to(way),
        sends=sends(way, frame),
        price=price(terms, request.count, terms.model_for(way.operation, request.model)),
        receives=terms.receives,
    )


def sends(way: Way, frame: ServiceFrame) -> Sends:
    """What leaves for one picture; no pixels where the service makes one of words alone."""
    pictures = 0 if way.operation is Operation.TXT2IMG else 3
    pictures += 1 if way.operation is Operation.INPAINT else 0
    pictures += (3 if way.control else 0) + 3 * way.references
    size = frame.size
    if not pictures:
        return Sends(width=0, height=0, bytes=WORDS)
    upper = round(size.pixels * pictures * PNG_OVERHEAD) + WORDS
    return Sends(width=size.width, height=size.height, bytes=upper)


def price(terms: Terms, count: int, model: str) -> str:
    """For the whole job, in words."""
    each = terms.price_of(model)
    if each is None or (count == 1 and each == terms.price):
        return terms.price_text
    if count == 1:
        return f"about ${each:.4g} a picture"
    return f"${each * count:.4g} for {count} pictures ({terms.price_text})"
