"""The part of a dialog about what steers a picture besides the prompt: ControlNets and LoRAs."""

from __future__ import annotations

from typing import Any, List

from gi.repository import GimpUi, Gtk

import choices
import dialogs.native as native
import dialogs.rows as rows
import options
from dialogs.fields import Fields
from dialogs.layer_chooser import LayerChooser
from i18n import _

TIGHT = 3  # px between lines
SHORT = 5  # characters of a number
REFERENCE_LAYERS = tuple(name + "-layer" for name in options.REFERENCES)
SHOWN_WHEN_USED = (*options.CONTROLS, "loras", *REFERENCE_LAYERS, "regions")


def steering(fields: Fields, context: Any, adder: Gtk.ComboBox) -> Gtk.Box:
    """`adder` stands beside the LoRAs."""
    pages = Gtk.Stack()
    for name, title in zip(options.CONTROLS, (_("First control"), _("Second control"))):
        pages.add_titled(_control(fields, context, name), name, title)
    pages.add_titled(_guides(fields, context), "guides", _("Reference and regions"))
    switcher = Gtk.StackSwitcher(stack=pages, halign=Gtk.Align.START)
    box = native.column(TIGHT)
    for part in (switcher, pages, rows.loras(fields, adder)):
        box.pack_start(part, False, False, 0)
    return box


def _guides(fields: Fields, context: Any) -> Gtk.Box:
    """Four lines at most, so that the dialog stays within a small screen."""
    weights = [_numbers(fields, name + "-weight")[0] for name in options.REFERENCES]
    references = [
        _reference(fields, context, name, weight)
        for name, weight in zip(options.REFERENCES, weights)
    ]
    box = native.column(TIGHT)
    for part in (
        *references,
        native.row(*weights, spacing=2 * native.BORDER),
        fields.check("regions"),
    ):
        box.pack_start(part, False, False, 0)
    return box


def _reference(fields: Fields, context: Any, name: str, weight: Gtk.Widget) -> Gtk.Box:
    """A layer and beside it what of it counts, which goes with `weight` by the choice."""
    kind = GimpUi.prop_choice_combo_box_new(fields.config, name + "-kind")
    fields.name(kind, fields.options[name + "-kind"])
    row = fields.row(name + "-layer", LayerChooser(fields.config, context, name + "-layer"))
    row.pack_start(kind, False, False, 0)

    def follow(*_args: Any) -> None:
        for part in (kind, weight):
            part.set_sensitive(fields.config.get_property(name + "-layer") is not None)

    fields.config.connect(f"notify::{name}-layer", follow)
    follow()
    return row


def _control(fields: Fields, context: Any, name: str) -> Gtk.Box:
    """Four lines at most, so that the dialog stays within a small screen."""
    from_source = any(option.name == "source" for option in context.action.options)
    nothing = _("The source itself") if from_source else ""
    chooser = LayerChooser(fields.config, context, name + "-layer", nothing)
    is_map = fields.check(name + "-is-map")
    layer = fields.row(name + "-layer", chooser)
    layer.pack_start(is_map, False, False, 0)
    numbers = _numbers(fields, name + "-weight", name + "-start", name + "-end")
    thresholds = native.row(
        *_numbers(fields, name + "-low", name + "-high"), spacing=2 * native.BORDER
    )
    box = native.column(TIGHT)
    for part in (
        fields.combo(name),
        layer,
        native.row(*numbers, spacing=2 * native.BORDER),
        thresholds,
    ):
        box.pack_start(part, False, False, 0)
    _while_used(fields.config, name, [chooser, *numbers], is_map, thresholds)
    return box


def _numbers(fields: Fields, *names: str) -> List[Gtk.Widget]:
    """Those that the action has, side by side."""
    found = [fields.number(name, aligned=False) for name in names if name in fields.options]
    for number in found:
        number.get_spin_button().set_width_chars(SHORT)
    return found


def _while_used(
    config: Any, name: str, parts: List[Gtk.Widget], is_map: Gtk.Widget, thresholds: Gtk.Box
) -> None:
    """What belongs to a control can be set only while there is one. Whether its layer is a map can
    be said only of kinds that the server draws; of all others it has to be one. Thresholds are
    there only where edges are drawn."""
    thresholds.show_all()
    thresholds.set_no_show_all(True)

    def follow(*_args: Any) -> None:
        kind, layer = config.get_property(name), config.get_property(name + "-layer")
        is_one = layer is not None and config.get_property(name + "-is-map")
        for part in parts:
            part.set_sensitive(kind != choices.NO_CONTROL)
        is_map.set_sensitive(kind in choices.DRAWN_CONTROLS and layer is not None)
        thresholds.set_visible(kind == choices.THRESHOLDS and not is_one)

    for changing in (name, name + "-layer", name + "-is-map"):
        config.connect("notify::" + changing, follow)
    follow()
