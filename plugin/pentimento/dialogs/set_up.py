"""The dialog for one service: what it is, who receives what, its key, its limits, and the consent
without which nothing is sent there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from gi.repository import Gtk

import dialogs.native as native
import dialogs.place_words as place_words
import dialogs.plan_words as plan_words
import dialogs.remark_words as remark_words
import server
from choices import N_
from dialogs.background import Background
from errors import PluginError
from i18n import _
from server_texts import told

if TYPE_CHECKING:
    from answers import BackendEntry, Caps, Checked, Route, ServiceChange

WIDTH = 560
TEST, SAVED = 1, 2
AROUND_BODY, LEAST_BODY = 260, 160  # px: buttons, consent, result, frame; and of the rest
SMALLEST, LARGEST = 64, 4096  # px of a side
KEPT = {"keyring": N_("kept in the keyring of this system"), "file": N_("kept in a private file")}

ENVIRONMENT = N_("taken from the environment")


class SetUp:
    """`route` is that of the job which waits for this service to be usable: then Save is refused
    until it is. The key is shown nowhere; an empty entry keeps the one there is."""

    def __init__(
        self, place: BackendEntry, parent: Gtk.Window, route: Optional[Route] = None
    ) -> None:
        self.place = place
        self.route = route
        self.background = Background()
        title = _("Set Up {service}").format(service=told(place["title"]))
        self.dialog = native.window(title, "pentimento-set-up")
        self.dialog.set_transient_for(parent)
        self.dialog.set_modal(True)
        self.dialog.set_default_size(WIDTH, -1)
        self.dialog.add_button(_("Save and _Test"), TEST)
        self.dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.dialog.add_button(_("_Save"), Gtk.ResponseType.OK)
        self.dialog.set_default_response(Gtk.ResponseType.OK)
        self._lay_out(parent)

    def run(self) -> BackendEntry:
        """The service as it is afterwards."""
        while True:
            response = self.dialog.run()
            if response == Gtk.ResponseType.OK:
                self._save(self._saved)
            elif response == TEST:
                self._save(self._test)
            else:
                break
        self.background.close()
        self.dialog.destroy()
        return self.place

    # Layout

    def _lay_out(self, parent: Gtk.Window) -> None:
        """What does not fit on a small screen scrolls; consent and buttons are seen always."""
        box = native.column(native.BORDER)
        box.set_border_width(native.BORDER)
        body = native.column(native.BORDER)
        body.pack_start(facts_grid(place_words.facts(self.place)), False, False, 0)
        if self.route:
            leaves = _("This job: {sends}.").format(sends=plan_words.sent(self.route["sends"]))
            body.pack_start(native.label(leaves), False, False, 0)
        body.pack_start(Gtk.Separator(), False, False, 0)
        body.pack_start(self._entries(), False, False, 0)
        scroll = Gtk.ScrolledWindow(
            hscrollbar_policy=Gtk.PolicyType.NEVER,
            propagate_natural_height=True,
            propagate_natural_width=True,
        )
        area = native.work_area(parent.get_window())
        scroll.set_max_content_height(max(LEAST_BODY, area.height - AROUND_BODY))
        scroll.add(body)
        body.set_focus_vadjustment(scroll.get_vadjustment())
        box.pack_start(scroll, True, True, 0)
        self.agree = self._consent()
        box.pack_start(self.agree, False, False, 0)
        self.result = native.paragraph(selectable=True)
        native.name(self.result, _("Result of the test"))
        box.pack_start(self.result, False, False, 0)
        box.show_all()
        self.dialog.get_content_area().pack_start(box, True, True, 0)
        key_first = self.place["needs_key"] and not self.place["has_key"]
        (self.key if key_first else self.agree).grab_focus()

    def _entries(self) -> Gtk.Grid:
        place, caps = self.place, self.place["caps"]
        self.address = Gtk.Entry(text=place["base_url"], activates_default=True)
        self.model = Gtk.Entry(text=place["model"], activates_default=True)
        self.model.set_placeholder_text(_("empty: the service decides"))
        self.key = Gtk.Entry(visibility=False, input_purpose=Gtk.InputPurpose.PASSWORD)
        self.key.set_placeholder_text(self._key_state())
        self.per_job, self.per_day = amount_entry(caps["per_job"]), amount_entry(caps["per_day"])
        rows: List[Tuple[str, Gtk.Widget, str]] = [
            (_("_Model"), self.model, _("One of the service's models, by its name there")),
            (_("_Key"), self.key, self._key_help()),
            (_("Limit per _job (US$)"), self.per_job, _("At most so many US dollars for one job")),
            (
                _("Limit per _day (US$)"),
                self.per_day,
                _("At most so many US dollars a day, by list prices"),
            ),
        ]
        forget_at = 1
        rows += self._further()
        if place["own_address"]:
            forget_at += 1
            help_text = _("https://host/path, or http:// in your own network")
            rows.insert(0, (_("_Address"), self.address, help_text))
        grid = native.entries(rows)
        self.forget = native.button(_("_Forget"), _("Delete the key that is kept"), self._forget)
        self.forget.set_sensitive(place["key_source"] in KEPT)
        grid.attach(self.forget, 2, forget_at, 1, 1)
        native.name(self.extras, self.extras.get_label())
        return grid

    def _further(self) -> List[Tuple[str, Gtk.Widget, str]]:
        """What not every service has: a price that it does not tell, the size of its model, the
        quality of a picture, and more that it takes."""
        place, chosen = self.place, self.place["chosen"]
        rows: List[Tuple[str, Gtk.Widget, str]] = []
        self.price = amount_entry(chosen["price"])
        unknown = place["price_per_picture"] is None and any(place["caps"].values())
        empty = _("needed while there is a limit") if unknown else _("empty: as the service tells")
        self.price.set_placeholder_text(empty)
        if place["price_per_picture"] is None or chosen["price"] is not None:
            help_text = _("What a picture costs there, as the limits count it")
            rows.append((_("_Price of a picture (US$)"), self.price, help_text))
        side = chosen["native_size"]
        self.side = Gtk.Entry(text=str(side) if side else "", activates_default=True)
        self.side.set_placeholder_text(_("empty: by the model's name"))
        if place["own_address"]:
            help_text = _("The side in px at which the model there paints best")
            rows.append((_("Best si_ze (px)"), self.side, help_text))
        self.quality = Gtk.ComboBoxText()
        self.quality.append("", _("The service decides"))
        for name in place["qualities"]:
            self.quality.append(name, name)
        self.quality.set_active_id(chosen["picture_quality"] or "")
        if place["qualities"]:
            rows.append((_("_Quality"), self.quality, _("More costs more")))
        self.extras = Gtk.CheckButton.new_with_mnemonic(
            _("Takes stren_gth, seed, steps and guidance, too")
        )
        self.extras.set_active(place["extras"])
        if place["takes_extras"]:
            rows.append(("", self.extras, _("For servers that take more than the API says")))
        return rows

    def _consent(self) -> Gtk.CheckButton:
        text = _("I ag_ree to send the image area and my prompts to {service}")
        text = text.format(service=told(self.place["title"]).replace("_", "__"))
        check = Gtk.CheckButton.new_with_mnemonic(text)
        check.set_active(self.place["consented"])
        native.name(check, text)
        return check

    def _key_state(self) -> str:
        place = self.place
        if place["has_key"]:
            return _(KEPT.get(place["key_source"], ENVIRONMENT))
        return _("none yet") if place["needs_key"] else _("none; may be needed there")

    def _key_help(self) -> str:
        text = _("Kept by the server for this address only, never in GIMP's settings or images.")
        page = self.place["key_page"]
        return text + ("\n" + _("You get one at {page}").format(page=page) if page else "")

    # What it does

    def _change(self) -> ServiceChange:
        """What differs from what is kept. Raises PluginError for a limit that is no number."""
        place = self.place
        change: ServiceChange = {}
        address, model = self.address.get_text().strip(), self.model.get_text().strip()
        if place["own_address"] and address != place["base_url"]:
            change["base_url"] = address or None
        if model != place["model"]:
            change["model"] = model or None
        caps: Caps = {"per_job": amount(self.per_job), "per_day": amount(self.per_day)}
        if caps != place["caps"]:
            change["caps"] = caps
        chosen = place["chosen"]
        if (price := amount(self.price)) != chosen["price"]:
            change["price"] = price
        if (native := side_of(self.side)) != chosen["native_size"]:
            change["native_size"] = native
        if (quality := self.quality.get_active_id() or None) != chosen["picture_quality"]:
            change["picture_quality"] = quality
        if self.extras.get_active() != place["extras"]:
            change["extras"] = self.extras.get_active()
        return change

    def _save(self, done) -> None:
        """Keeps everything in a thread, and calls `done()` with `self.place` renewed."""
        agreed = self.agree.get_active()
        try:
            change = self._change()
        except PluginError as error:
            self._say(str(error))
            return
        key, service = self.key.get_text().strip(), self.place["id"]
        self._say(_("Asking the server…"))
        self._allow(False)

        def kept(place: BackendEntry) -> None:
            self._allow(True)
            self._show(place)
            done()

        self.background.run(
            lambda: server.connect().set_up(service, change, key, agreed), kept, self._failed
        )

    def _show(self, place: BackendEntry) -> None:
        self.place = place
        self.key.set_text("")
        self.key.set_placeholder_text(self._key_state())
        self.address.set_text(place["base_url"])
        self.model.set_text(place["model"])
        self.forget.set_sensitive(place["key_source"] in KEPT)

    def _saved(self) -> None:
        if self.route and not self.place["configured"]:
            missing = place_words.state(self.place)
            self._say(_("Nothing can be sent yet: {missing}.").format(missing=missing))
        else:
            self.dialog.response(SAVED)

    def _test(self) -> None:
        service = self.place["id"]
        self._allow(False)
        self.background.run(
            lambda: server.connect().check_backend(service), self._works, self._failed
        )

    def _works(self, told: Checked) -> None:
        self._allow(True)
        models = told["models"]
        names = ", ".join(models[:6]) + (" …" if len(models) > 6 else "")
        lines = [_("✓ Address and key work.")]
        if names:
            lines.append(_("Models: {names}").format(names=names))
        lines += [remark_words.text_of(one, _) for one in told["remarks"]]
        self._say("\n".join(lines))

    def _forget(self) -> None:
        service = self.place["id"]
        self._allow(False)
        self.background.run(
            lambda: server.connect().forget_key(service), self._forgotten, self._failed
        )

    def _forgotten(self, place: BackendEntry) -> None:
        self._allow(True)
        self._show(place)
        self._say(_("✓ The key is deleted."))

    def _failed(self, error: Exception) -> None:
        self._allow(True)
        self._say("✗ " + str(error))

    def _allow(self, allowed: bool) -> None:
        for response in (TEST, Gtk.ResponseType.OK):
            self.dialog.set_response_sensitive(response, allowed)

    def _say(self, text: str) -> None:
        self.result.set_text(text)


def facts_grid(rows: Any) -> Gtk.Grid:
    """Titles and texts in two columns."""
    grid = Gtk.Grid(column_spacing=native.BORDER, row_spacing=2)
    for number, (title, text) in enumerate(rows):
        label = native.label(title)
        label.set_valign(Gtk.Align.START)
        label.get_style_context().add_class("dim-label")
        grid.attach(label, 0, number, 1, 1)
        words = native.paragraph(text, selectable=True)
        words.set_width_chars(native.LINE_CHARACTERS)  # or Gtk wants room for one word a line
        grid.attach(words, 1, number, 1, 1)
    return grid


def amount_entry(amount_now: Optional[float]) -> Gtk.Entry:
    entry = Gtk.Entry(text="" if amount_now is None else f"{amount_now:g}", activates_default=True)
    entry.set_placeholder_text(_("empty: no limit"))
    return entry


def amount(entry: Gtk.Entry) -> Optional[float]:
    """US dollars; None for no limit."""
    text = entry.get_text().strip().lstrip("$").replace(",", ".")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise PluginError(
            _("“{text}” is no amount of money.").format(text=text),
            _("Write a number of US dollars, such as 2.50, or leave it empty."),
            "bad_amount",
        )
    return number


def side_of(entry: Gtk.Entry) -> Optional[int]:
    """px; None where nothing is entered."""
    text = entry.get_text().strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and SMALLEST <= int(text) <= LARGEST):
        raise PluginError(
            _("“{text}” is no size of a picture.").format(text=text),
            _("Write px from 64 to 4096, or leave it empty."),
            "bad_amount",
        )
    return int(text)
