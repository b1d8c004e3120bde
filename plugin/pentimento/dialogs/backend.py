"""Where to run, in the dialogs that generate: a list of places and a button to set one up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, List, Optional

from gi.repository import GLib, Gtk

import dialogs.native as native
import dialogs.place_words as place_words
import options
from i18n import _

if TYPE_CHECKING:
    from answers import BackendEntry, Route


COMPARE = "?"  # stands in the list for looking at all places


class PlaceChooser:
    """`combo` and `button`, bound to the config's `backend`. Until `fill` they show this machine
    and the value set. `changed(place)` hears of each choice; `asked()` is the mode of the job."""

    def __init__(
        self,
        config: Any,
        changed: Callable[[BackendEntry], None],
        mode: str = "",
        asked: Callable[[], str] = lambda: "",
    ) -> None:
        self._config = config
        self._changed = changed
        self._asked = asked
        self._mode = mode  # only places that can do it are listed, and whatever is chosen
        self._places: List[BackendEntry] = []
        self.combo = Gtk.ComboBoxText()
        self.button = native.dialog_button(
            _("Set _Up…"), _("Key, limits and consent of this service"), lambda: self.set_up(None)
        )
        self._fill_combo()
        self.combo.connect("changed", lambda *_args: self._chosen())
        config.connect("notify::backend", lambda *_args: self._show())

    @property
    def place(self) -> Optional[BackendEntry]:
        """The chosen one; None while it is not known."""
        return next((one for one in self._places if one["id"] == self._id), None)

    def fill(self, places: List[BackendEntry]) -> None:
        """Shows these places (entries of GET /v1/backends) and keeps the choice."""
        able = [one for one in places if one["capabilities"].get(self._mode, True)]
        chosen = [one for one in places if one["id"] == self._id and one not in able]
        self._places = able + chosen
        self._fill_combo()
        if self.place:
            self._changed(self.place)

    def ready(self, route: Optional[Route]) -> bool:
        """Whether a job with this route may go to the place; asks for what is missing."""
        place = self.place
        if place is None or place["configured"]:
            return True
        return bool(self.set_up(route)["configured"])

    def set_up(self, route: Optional[Route]) -> BackendEntry:
        """Opens the dialog of the chosen service; the service as it is then."""
        place, window = self.place, self.combo.get_toplevel()
        assert place is not None  # else the button can not be pressed
        assert isinstance(window, Gtk.Window)
        from dialogs.set_up import SetUp  # only here: few open it, and it is large

        new = SetUp(place, window, route).run()
        self.fill([new if one["id"] == new["id"] else one for one in self._places])
        self._config.notify("backend")  # the plan has a price, a model and an address
        return new

    @property
    def _id(self) -> str:
        return self._config.get_property("backend").strip() or options.LOCAL

    def _fill_combo(self) -> None:
        chosen = self._id
        self.combo.remove_all()
        for place in self._places:
            self.combo.append(place["id"], place_words.choice(place, self._mode))
        if not self._places:
            self.combo.append(options.LOCAL, place_words.here())
        self._select(chosen)
        if self._places:
            self.combo.append(COMPARE, _("Compare all places…"))

    def _select(self, chosen: str) -> None:
        if not self.combo.set_active_id(chosen):
            self.combo.append(chosen, chosen)
            self.combo.set_active_id(chosen)
        place = self.place
        self.button.set_sensitive(place is not None and place["id"] != options.LOCAL)
        self.combo.set_tooltip_text(place_words.summary(place) if place else None)

    def _chosen(self) -> None:
        chosen = self.combo.get_active_id()
        if chosen is None or chosen == self._id:
            return
        if chosen == COMPARE:
            self._select(self._id)
            GLib.idle_add(self._compare)
        else:
            self._take(chosen)

    def _compare(self) -> bool:
        window = self.combo.get_toplevel()
        assert isinstance(window, Gtk.Window)
        has_count = self._config.find_property("count") is not None
        count = self._config.get_property("count") if has_count else 1
        from dialogs.places import PlacesDialog  # only here, as above

        chosen = PlacesDialog(window, self._mode or self._asked(), count).run()
        if chosen and chosen != self._id:
            self._take(chosen)
        return GLib.SOURCE_REMOVE

    def _take(self, chosen: str) -> None:
        self._config.set_property("model", "")  # its name means nothing elsewhere
        self._config.set_property("backend", "" if chosen == options.LOCAL else chosen)

    def _show(self) -> None:
        self._select(self._id)
        if self.place:
            self._changed(self.place)
