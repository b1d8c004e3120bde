"""Live painting: while it is on, the image is looked at again and again, and what has changed is
repainted at once, a little, with the same seed. The picture is seen in the panel and becomes a
layer when it is kept."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Tuple

from gi.repository import GLib, Gtk

import choices
import dialogs.native as native
import dialogs.previews as previews
import options
import studio.aim as aim
import wire
from actions.work import Begun, Outcome
from client import no_lists
from dialogs.background import Background
from dialogs.models import default_of
from errors import PluginError
from i18n import _
from studio.map import of_image
from studio.pace import Pace

if TYPE_CHECKING:
    from answers import JobRequest, Lists
    from option_values import Values

LOOK_MS = 150
SIDE = 128  # px of the picture that tells whether the image has changed
SHOWN = (288, 216)  # px of the result in the panel
STRENGTH = 0.3  # at first
LEAST = 0.05  # less would run no step
STEPS = 12  # of which the strength lets a few run; a LoRA for few steps brings its own
CLIENT = "gimp-live"  # the history is of jobs that somebody began by hand


@dataclass
class _Made:
    begun: Begun
    outcome: Outcome
    spot: Tuple[Any, ...]
    title: str


class Live(Gtk.Box):
    """`switch` turns it on and off; this shows what comes."""

    def __init__(self, panel: Any) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=native.SPACING)
        self._panel = panel
        self._background = Background()
        self._pace = Pace()
        self._timer = 0
        self._seen: Tuple[Any, ...] = ()
        self._seed = wire.new_seed()
        self._lists = no_lists()
        self._made: Optional[_Made] = None
        text = _("_Live painting")
        self.switch = Gtk.CheckButton.new_with_mnemonic(text)
        tip = _("Repaints what you paint, while you paint, a little and with the same seed")
        native.name(self.switch, text, tip)
        self.switch.set_tooltip_text(tip)
        self.switch.connect("toggled", lambda _switch: self._switched())
        self._picture = Gtk.Image()
        native.name(self._picture, _("Live picture"))
        self._rate = Gtk.Label(xalign=0)
        self._keep = native.button(
            _("_Keep This"), _("Makes a layer of the live picture"), self._keep_this
        )
        self._strength = Gtk.SpinButton.new_with_range(LEAST, 1, 0.05)
        self._strength.set_value(STRENGTH)
        text = _("Live str_ength")
        tip = _("How much live painting changes; the strength above is the button's")
        native.name(self._strength, text, tip)
        self._strength.set_tooltip_text(tip)
        self._shown = native.column()
        own = native.row(native.label(text, self._strength), spacing=native.SPACING)
        own.pack_end(self._strength, False, False, 0)
        self._shown.pack_start(own, False, False, 0)
        foot = native.row_filling(self._keep, self._rate)
        for part in (self._picture, foot):
            self._shown.pack_start(part, False, False, 0)
        self._shown.show_all()
        self._shown.set_no_show_all(True)
        self._shown.hide()
        self.pack_start(self.switch, False, False, 0)
        self.pack_start(self._shown, False, False, 0)

    def know(self, lists: Lists) -> None:
        self._lists = lists

    def toggle(self) -> None:
        self.switch.set_active(not self.switch.get_active())

    def close(self) -> None:
        self._background.close()
        self._stop()

    def _switched(self) -> None:
        self._stop()
        on = self.switch.get_active()
        self._shown.set_visible(on)
        if on:
            self._pace, self._seen, self._made = Pace(), (), None
            self._picture.clear()
            self._keep.set_sensitive(False)
            self._rate.set_text(_("Waiting for a change…"))
            self._timer = GLib.timeout_add(LOOK_MS, self._look)

    def _stop(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    # One round

    def _look(self) -> bool:
        panel = self._panel
        if panel.jobs.beginning or panel.jobs.runs or not panel.window.get_visible():
            return GLib.SOURCE_CONTINUE
        if panel.image is None or not panel.image.is_valid():
            return GLib.SOURCE_CONTINUE
        try:
            seen = (of_image(panel.image, SIDE), aim.look(panel.image), str(self._values()))
        except Exception:  # the image goes away in this moment
            return GLib.SOURCE_CONTINUE
        if options.service_of(self._values()):
            self._panel.tell(_("Live painting does not use services, which take money or time."))
            self._off()
            return GLib.SOURCE_REMOVE
        now = time.monotonic()
        if seen != self._seen:
            self._seen = seen
            self._pace.change(now)
        if self._pace.is_due(now):
            self._begin(now)
        return GLib.SOURCE_CONTINUE

    def _values(self) -> Values:
        values: Values = {**self._panel.values(), "count": 1}
        values["strength"] = round(self._strength.get_value(), 2)
        values.update({"random-seed": False, "seed": self._seed})
        values.update({"steps-preset": choices.CUSTOM, "steps": STEPS})
        lora = self._lora(values["model"].strip())
        if lora and not values.get("loras"):
            values.update({"loras": lora, "steps": 0, "guidance": 0.0})  # as the LoRA wants
        return values

    def _lora(self, model: str) -> str:
        """The one that is made for this, where the model has one."""
        default = default_of(self._lists["models"], "")
        model = model or (default["id"] if default else "")
        loras = self._lists["loras"]
        return next(
            (lora["id"] for lora in loras if lora.get("live") and model in lora["fits"]), ""
        )

    def _begin(self, now: float) -> None:
        panel, values = self._panel, self._values()
        self._pace.begin(now)
        action = aim.action_for(panel.image, {"mask-source": choices.SELECTION, **values})
        context = aim.context_of(panel.context, action, values)
        module = importlib.import_module("actions." + action.key)
        begun = panel.jobs.begin(lambda: module.begin(context), quietly=True)
        if begun is None:
            self._pace.give_up()
            self._off()
            return
        spot, title = panel.spot(), _("Live")
        request: JobRequest = {**begun.request, "client": CLIENT}
        self._background.run(
            lambda: begun.work.follow(request, lambda event, data: None, begun.wants_mask),
            lambda outcome: self._came(_Made(begun, outcome, spot, title)),
            self._failed,
        )

    def _came(self, made: _Made) -> None:
        self._pace.end(time.monotonic())
        if not self.switch.get_active():
            return
        self._made = made
        self._picture.set_from_pixbuf(previews.of(made.outcome.pictures[0], *SHOWN))
        self._keep.set_sensitive(True)
        mean = self._pace.mean
        if mean <= 1:
            rate = 1 / max(mean, 0.01)
            self._rate.set_text(_("{n} pictures a second").format(n=f"{rate:.1f}"))
        else:
            self._rate.set_text(_("A picture every {n} s").format(n=f"{mean:.1f}"))

    def _failed(self, error: Exception) -> None:
        self._pace.give_up()
        if isinstance(error, PluginError) and error.code == "cancelled":
            return
        self._panel.tell(str(error))
        self._off()

    def _off(self) -> None:
        self.switch.set_active(False)  # which removes the timer, too

    def _keep_this(self) -> None:
        """As a layer like those of other jobs, on trial in the same way. The next stroke falls on
        what was painted on before."""
        made = self._made
        if made is None:
            return
        self._keep.set_sensitive(False)
        self._panel.attempt(lambda: self._place(made))

    def _place(self, made: _Made) -> None:
        results, client = made.begun.results(made.outcome), made.begun.work.client
        job, image = made.outcome.snapshot["id"], self._panel.image
        painted = list(image.get_selected_layers())
        self._panel.jobs.place(results, client, job, made.spot, made.title)
        still = [layer for layer in painted if layer.is_valid()]  # a try before it may have gone
        if still and image == self._panel.image:
            image.set_selected_layers(still)
