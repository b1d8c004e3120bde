"""What belongs to a selection: what it is for, how much around it the model sees, and a small
picture of both as the plan has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Mapping, Tuple

from gi.repository import Gtk

import dialogs.native as native
from dialogs.fields import Fields
from i18n import _

if TYPE_CHECKING:
    from answers import Plan, PlanRequest

WIDTH, HEIGHT = 96, 64  # px of the picture
AROUND, BOX, INSIDE = (0.5, 0.5, 0.5, 0.25), (0.35, 0.55, 0.85, 0.6), (0.95, 0.6, 0.2, 0.9)

Rectangle = Tuple[float, float, float, float]


class Selecting(Gtk.Box):
    """`show_plan(request, plan)` is to be called with every plan."""

    def __init__(self, fields: Fields) -> None:
        super().__init__(orientation=Gtk.Orientation.HORIZONTAL, spacing=2 * native.BORDER)
        choices = native.column()
        choices.pack_start(fields.combo("intent"), False, False, 0)
        choices.pack_start(fields.combo("filled-by"), False, False, 0)
        choices.pack_start(fields.combo("context"), False, False, 0)
        self.pack_start(choices, True, True, 0)
        self._rectangles: Dict[str, Rectangle] = {}
        self._picture = Gtk.DrawingArea()
        self._picture.set_size_request(WIDTH, HEIGHT)
        self._picture.connect("draw", self._draw)
        native.name(self._picture, _("What the model sees"))
        self.pack_start(self._picture, False, False, 0)

    def show_plan(self, request: PlanRequest, plan: Plan) -> None:
        self._rectangles = scaled(request, plan, WIDTH, HEIGHT)
        text = words(request, plan)
        self._picture.set_tooltip_text(text)
        native.name(self._picture, _("What the model sees"), text)
        self._picture.queue_draw()

    def _draw(self, _widget: Gtk.Widget, cairo: Any) -> bool:
        for name, colour in (("canvas", AROUND), ("box", BOX), ("selection", INSIDE)):
            if name in self._rectangles:
                cairo.set_source_rgba(*colour)
                cairo.rectangle(*self._rectangles[name])
                cairo.fill()
        return False


def words(request: PlanRequest, plan: Plan) -> str:
    """The picture for those who do not see it."""
    size, box, selection = plan["generation"], plan["box"], request.get("selection") or plan["box"]
    return _("{selection} px selected, {box} px seen, painted at {size} px").format(
        selection=_size(selection), box=_size(box), size=_size(size)
    )


def _size(box: Mapping[str, Any]) -> str:
    return "{} × {}".format(box["width"], box["height"])


def scaled(request: PlanRequest, plan: Plan, width: int, height: int) -> Dict[str, Rectangle]:
    """Canvas, box and selection as x, y, width and height within so many px; empty where nothing is
    selected."""
    canvas, selection = request.get("canvas"), request.get("selection")
    if not canvas or not selection:
        return {}
    factor = min(width / canvas["width"], height / canvas["height"])
    left = (width - canvas["width"] * factor) / 2
    top = (height - canvas["height"] * factor) / 2
    shown = {"canvas": canvas, "box": plan["box"], "selection": selection}
    return {
        name: (
            left + (box["x"] - canvas["x"]) * factor,
            top + (box["y"] - canvas["y"]) * factor,
            max(1.0, box["width"] * factor),
            max(1.0, box["height"] * factor),
        )
        for name, box in shown.items()
    }
