"""Where an object is, as a person shows it: places on it, places beside it, a box around it. Texts
of options and plain data; nothing here needs GIMP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Tuple

from errors import NotPossible
from i18n import _
from wire import Box

if TYPE_CHECKING:
    from answers import JobRequest, Point
    from option_values import Values

MAX_PLACES = 256  # that the server takes
Place = Tuple[float, float]


class Hints(NamedTuple):
    """In px of the image's canvas."""

    on: Tuple[Place, ...] = ()
    beside: Tuple[Place, ...] = ()
    box: Optional[Box] = None

    @classmethod
    def of(cls, values: Values) -> Hints:
        """From the options `points`, `without` and `box`. Raises NotPossible for what they can't
        mean."""
        box = values["box"].split()
        if len(box) > 1:
            raise _not_understood(values["box"], "X,Y,WIDTH,HEIGHT")
        found = None
        if box:
            found = Box(*(round(number) for number in _numbers(box[0], "X,Y,WIDTH,HEIGHT")))
            if found.width < 1 or found.height < 1:
                raise _not_understood(values["box"], "X,Y,WIDTH,HEIGHT")
        return cls(_places(values["points"]), _places(values["without"]), found)

    def texts(self) -> Dict[str, str]:
        """The options' values."""
        box = ",".join(str(side) for side in self.box) if self.box else ""
        return {"points": _text(self.on), "without": _text(self.beside), "box": box}

    def with_places(self, places: List[Place], wanted: bool) -> Hints:
        """With more of them, as many as the server takes."""
        room = MAX_PLACES - len(self.on) - len(self.beside)
        more = tuple(places[: max(0, room)])
        return (
            self._replace(on=self.on + more) if wanted else self._replace(beside=self.beside + more)
        )

    def within(self, extent: Box) -> JobRequest:
        """`points` and `box` for the server, in px of what lies at `extent`. Raises NotPossible for
        hints outside of it."""
        points: List[Point] = [
            {"x": x - extent.x, "y": y - extent.y, "label": label}
            for label, places in ((1, self.on), (0, self.beside))
            for x, y in places
        ]
        if len(points) > MAX_PLACES:
            raise NotPossible(
                _("These are {n} places; the server takes {most}.").format(
                    n=len(points), most=MAX_PLACES
                ),
                _("Leave some out."),
                "too_many_places",
            )
        for point in points:
            if not (0 <= point["x"] < extent.width and 0 <= point["y"] < extent.height):
                place = f"{point['x'] + extent.x:g},{point['y'] + extent.y:g}"
                raise _outside(_("The place {place}").format(place=place), extent)
        if self.box is None:
            return {"points": points}
        if not self.box.meets(extent):
            raise _outside(_("The box"), extent)
        x, y = self.box.x - extent.x, self.box.y - extent.y
        left, top = max(0, x), max(0, y)
        right = min(x + self.box.width, extent.width)
        bottom = min(y + self.box.height, extent.height)
        return {"points": points, "box": Box(left, top, right - left, bottom - top).rect()}


def _outside(what: str, extent: Box) -> NotPossible:
    text = _("{what} lies outside of the source, which begins at {x},{y} and has {size} px.")
    size = f"{extent.width} × {extent.height}"
    return NotPossible(
        text.format(what=what, x=extent.x, y=extent.y, size=size),
        _("Give places of the source, in pixels of the image."),
        "outside",
    )


def _places(text: str) -> Tuple[Place, ...]:
    found = (_numbers(part, "X,Y") for part in text.replace(";", " ").split())
    return tuple((x, y) for x, y in found)


def _numbers(text: str, form: str) -> List[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != form.count(",") + 1 or not all(abs(n) < 1e6 for n in numbers):
        raise _not_understood(text, form)
    return numbers


def _not_understood(text: str, form: str) -> NotPossible:
    return NotPossible(
        _("“{text}” is not {form}.").format(text=text.strip(), form=form),
        _("For example {example}.").format(example="40,60" if form == "X,Y" else "40,60,200,150"),
        "bad_place",
    )


def _text(places: Tuple[Place, ...]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)
