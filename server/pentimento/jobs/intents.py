"""What a job is for: its strength, what it does to a selection and with what, and the button that
starts it. No numpy."""

from __future__ import annotations

from pentimento.core.geometry import Box
from pentimento.models.library.model import ModelInfo
from pentimento.schema.job import (
    AUTOMATIC,
    FROM_NOISE,
    AskedIntent,
    FilledBy,
    Intent,
    JobRequest,
    Mode,
    Rect,
)
from pentimento.schema.plan import Button, PlanRequest

DEFAULT_STRENGTH = {Mode.TXT2IMG: 1.0, Mode.IMG2IMG: 0.6, Mode.INPAINT: 1.0, Mode.EDIT: 1.0}
DEFAULT_STRENGTH |= {Mode.OUTPAINT: 1.0, Mode.UPSCALE: 0.0}
CODES = {Mode.TXT2IMG: "paint", Mode.IMG2IMG: "repaint", Mode.EDIT: "edit"}  # of buttons


def strength_of(request: JobRequest | PlanRequest) -> float:
    """As asked or the mode's default; what begins with pure noise has 1 always."""
    if request.mode in FROM_NOISE:
        return 1.0
    asked = request.strength
    return DEFAULT_STRENGTH[request.mode] if asked is None else asked


def intent_of(request: JobRequest | PlanRequest) -> Intent | None:
    """As asked, else by what is selected and how much of it stays: a selection along all of one
    border of the canvas continues the picture there. Where it is left to us, words at full strength
    say that something new is wanted, and no words that the surroundings go on."""
    if request.mode is not Mode.INPAINT:
        return None
    if isinstance(request.intent, Intent):
        return request.intent
    if strength_of(request) < 1:
        return Intent.REFINE
    if isinstance(request, PlanRequest) and _sides(request):
        return Intent.EXPAND
    worded = request.intent == AUTOMATIC and bool(request.prompt.strip())
    return Intent.ADD if worded else Intent.FILL


def recorded_intent(request: JobRequest) -> Intent | None:
    """What stands in the record: nothing where nothing was said, for then strength 1 is noise
    alone."""
    if request.intent == AUTOMATIC:
        return intent_of(request)
    return request.intent if isinstance(request.intent, Intent) else None


def filled_by_of(
    request: JobRequest | PlanRequest, intent: AskedIntent | None, model: ModelInfo
) -> FilledBy | None:
    """What fills a selection in which the surroundings are to go on; None for all other jobs. A
    model that does not know how they go on is not asked, unless something steers it."""
    goes_on = intent is Intent.REMOVE or (intent is Intent.FILL and not request.prompt.strip())
    if request.mode is not Mode.INPAINT or strength_of(request) < 1 or not goes_on:
        return None
    if request.filled_by not in (None, FilledBy.AUTO):
        return request.filled_by
    steered = bool(request.controls or request.loras or request.style)
    if isinstance(request, JobRequest):
        steered |= bool(request.references or request.regions)
    if model.fills or steered or (isinstance(request, PlanRequest) and _all_selected(request)):
        return FilledBy.MODEL
    return FilledBy.SURROUNDINGS


def _all_selected(request: PlanRequest) -> bool:
    """Whether nothing is around the selection. A job tells only when its mask is read: a model
    paints it then, too."""
    selection, bounds = rect_box(request.selection), rect_box(request.canvas or request.source)
    return bool(selection and bounds and selection.contains(bounds))


def button_of(request: PlanRequest) -> Button:
    """What the button says that starts the job."""
    strength, intent = strength_of(request), intent_of(request)
    if strength == 0:
        return Button(code="keep")
    if intent is Intent.EXPAND:
        sides = _sides(request)
        return Button(code=f"expand_{sides[0]}" if len(sides) == 1 else "expand")
    if intent is Intent.REFINE or (request.mode is Mode.IMG2IMG and strength < 1):
        return Button(code="refine", params={"percent": round(strength * 100)})
    return Button(code=intent.value if intent else CODES[request.mode])


def _sides(request: PlanRequest) -> list[str]:
    """The borders of the canvas along which all is selected, when not everything is."""
    canvas, selection = rect_box(request.canvas), rect_box(request.selection)
    inside = selection.intersect(canvas) if canvas and selection else None
    if canvas is None or inside is None or inside == canvas:
        return []
    across, down = inside.width == canvas.width, inside.height == canvas.height
    sides = {
        "left": down and inside.x == canvas.x,
        "top": across and inside.y == canvas.y,
        "right": down and inside.right == canvas.right,
        "bottom": across and inside.bottom == canvas.bottom,
    }
    return [side for side, touched in sides.items() if touched]


def rect_box(rect: Rect | None) -> Box | None:
    """In canvas px."""
    return Box(rect.x, rect.y, rect.width, rect.height) if rect else None
