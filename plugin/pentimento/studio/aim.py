"""Which image the panel works on, and which action the image and the strength ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from gi.repository import Gimp, Gtk, Pango

import choices
import dialogs.native as native
import options
import procedures
from context import Context
from i18n import _

if TYPE_CHECKING:
    from option_values import Values

FILL, REFINE, NEW = "regenerate_selection", "image_to_image", "text_to_image"
NAME_CHARACTERS = 14  # of an image's name that are always seen
TEXT, ID = 0, 1  # the columns of a Gtk.ComboBoxText


def action_for(image: Any, values: Values) -> procedures.Action:
    """A selection is filled or refined; without one the source is, or a new picture is made."""
    if image is None:
        return procedures.BY_KEY[NEW]
    selected = not Gimp.Selection.is_empty(image)
    if selected or values["mask-source"] != choices.SELECTION:
        return procedures.BY_KEY[FILL]
    return procedures.BY_KEY[NEW if options.strength_of(values) >= 1 else REFINE]


def values_for(action: procedures.Action, values: Values) -> Values:
    """The panel's values as far as the action has them, its own defaults for the others."""
    every: Mapping[str, Any] = values
    found: Any = {option.name: every.get(option.name, option.default) for option in action.options}
    return found


def button_words(action: procedures.Action, values: Values, source: str) -> str:
    """What pressing the button does; `source` names the layers that are refined, and is empty for
    everything visible."""
    percent = round(options.strength_of(values) * 100)
    if action.key == NEW:
        return _("Paint a New Picture")
    if action.key == FILL and percent == 100:
        return _("Fill Selection")
    if action.key == FILL:
        return _("Refine Selection at {percent} %").format(percent=percent)
    if not source:  # short, for a narrow panel
        return _("Refine All at {percent} %").format(percent=percent)
    return _("Refine {source} at {percent} %").format(source=source, percent=percent)


def look(image: Optional[Any]) -> Tuple[Any, ...]:
    """What of the image a plan depends on; in a word, whether it has changed."""
    if image is None:
        return ()
    chosen = tuple(item.get_id() for item in image.get_selected_drawables())
    size = image.get_width(), image.get_height(), image.get_base_type()
    return (image.get_id(), *list(Gimp.Selection.bounds(image))[1:], chosen, *size)


def context_of(context: Context, action: procedures.Action, values: Values) -> Context:
    """The context of one run, whose values stay as they are now."""
    return Context(
        action,
        context.image,
        list(context.drawables),
        interactive=True,
        values=values_for(action, values),
        left_out=list(context.left_out),
    )


class ImageChooser(Gtk.ComboBoxText):
    """The open images by name. `chosen(image)` hears of another one."""

    def __init__(self, chosen: Any) -> None:
        super().__init__()
        self._chosen = chosen
        self._filling = False
        for cell in self.get_cells():
            cell.set_property("ellipsize", Pango.EllipsizeMode.MIDDLE)
            cell.set_property("width-chars", NAME_CHARACTERS)
        for widget in native.children(self):
            if isinstance(widget, (Gtk.ComboBox, Gtk.ToggleButton)):
                native.name(widget, _("Image"))
        self.set_tooltip_text(_("The image that is worked on"))
        self.connect("changed", lambda *_args: self._changed())

    def fill(self, images: List[Any], aimed: Optional[Any]) -> None:
        """Shows these; an entry of its own stands for none."""
        names = {str(image.get_id()): image.get_name() for image in images}
        names = names or {"": _("No image is open")}
        self._filling = True
        self._show(names)
        wanted = "" if aimed is None else str(aimed.get_id())
        if self.get_active_id() != wanted:
            self.set_active_id(wanted)
        self._filling = False

    def _show(self, names: Dict[str, str]) -> None:
        """Only what has changed is touched: screen readers may be reading the other entries."""
        rows = self.get_model()
        for position in reversed(range(len(rows))):
            shown = rows[position]
            name = names.pop(shown[ID], None)
            if name is None:
                self.remove(position)
            elif name != shown[TEXT]:
                shown[TEXT] = name
        for number, name in names.items():
            self.append(number, name)

    def _changed(self) -> None:
        wanted = self.get_active_id()
        if not self._filling and wanted:
            self._chosen(Gimp.Image.get_by_id(int(wanted)))
