"""The part of a dialog about what steers a picture besides the prompt: ControlNets and LoRAs."""

from __future__ import annotations

from typing import Any, List, Sequence

from gi.repository import GimpUi, Gtk

import choices
import dialogs.native as native
import dialogs.rows as rows
import options
from dialogs.control_kinds import KindChooser
from dialogs.fields import Fields
from dialogs.layer_chooser import LayerChooser
from gimpio import metadata, sources
from i18n import _

TIGHT = 3  # px between lines
SHORT = 6  # characters of a number
REFERENCE_LAYERS = tuple(name + "-layer" for name in options.REFERENCES)
SHOWN_WHEN_USED = (*options.CONTROLS, "loras", *REFERENCE_LAYERS, "regions")


def steering(
    fields: Fields, context: Any, adder: Gtk.ComboBox, kinds: Sequence[KindChooser]
) -> Gtk.Box:
    """`adder` stands beside the LoRAs; `kinds` choose what the controls are."""
    pages = Gtk.Stack()
    for name, kind in zip(options.CONTROLS, kinds):
        title = _(fields.options[name].label)
        pages.add_titled(_control(fields, context, name, kind), name, title)
    pages.add_titled(_guides(fields, context), "guides", _("Reference and regions"))
    switcher = Gtk.StackSwitcher(stack=pages, halign=Gtk.Align.START)
    box = native.column(TIGHT)
    for part in (switcher, pages, rows.loras(fields, adder)):
        box.pack_start(part, False, False, 0)
    return box


def _guides(fields: Fields, context: Any) -> Gtk.Box:
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


def _control(fields: Fields, context: Any, name: str, kind: KindChooser) -> Gtk.Box:
    from_source = any(option.name == "source" for option in context.action.options)
    nothing = _("Same as source") if from_source else ""
    chooser = LayerChooser(fields.config, context, name + "-layer", nothing)
    is_map = fields.check(name + "-is-map")
    layer = fields.row(name + "-layer", chooser)
    layer.pack_start(is_map, False, False, 0)
    drawn = native.paragraph()
    numbers = _numbers(fields, name + "-weight", name + "-start", name + "-end")
    for share in (name + "-start", name + "-end"):
        if share in fields.widgets:
            spin = fields.widgets[share]
            GimpUi.prop_widget_set_factor(spin, 100, 1, 10, 0)
            beside = spin.get_parent()
            assert isinstance(beside, Gtk.Box)  # the row that `number` puts it into
            beside.pack_start(Gtk.Label(label="%"), False, False, 0)
    thresholds = native.row(
        *_numbers(fields, name + "-low", name + "-high"), spacing=2 * native.BORDER
    )
    box = native.column(TIGHT)
    for part in (
        fields.row(name, kind),
        layer,
        drawn,
        native.row(*numbers, spacing=2 * native.BORDER),
        thresholds,
    ):
        box.pack_start(part, False, False, 0)
    _while_used(fields.config, name, [chooser, *numbers], is_map, thresholds)
    _know_maps(fields.config, name, drawn)
    _prefer_map(fields.config, name, context.image)
    return box


def _prefer_map(config: Any, name: str, image: Any) -> None:
    """Whoever has made a map of a kind and chooses that kind means the map, until they say
    otherwise."""

    def follow(*_args: Any) -> None:
        kind, layer = config.get_property(name), config.get_property(name + "-layer")
        if kind == choices.NO_CONTROL or layer is not None or image is None:
            return
        for one in sources.tree(image) if image.is_valid() else ():
            drawn = metadata.map_of(one)
            if drawn is not None and drawn.get("type") == kind:
                config.set_property(name + "-layer", one)
                return

    config.connect("notify::" + name, follow)


def _know_maps(config: Any, name: str, words: Gtk.Label) -> None:
    """A layer that Pentimento drew is a map already, and of a known kind; says so."""
    words.set_no_show_all(True)

    def follow(*_args: Any) -> None:
        layer = config.get_property(name + "-layer")
        drawn = metadata.map_of(layer) if layer is not None else None
        kind = next((one for one in choices.MAPS if drawn and one.nick == drawn["type"]), None)
        if kind is not None:
            config.set_property(name, kind.nick)
            config.set_property(name + "-is-map", True)
            words.set_text(_("Drawn by Pentimento: {map}").format(map=_(kind.label)))
        words.set_visible(kind is not None)

    config.connect(f"notify::{name}-layer", follow)
    follow()


def _numbers(fields: Fields, *names: str) -> List[Gtk.Widget]:
    """Those that the action has, side by side."""
    used = [name for name in names if name in fields.options]
    return [fields.number(name, aligned=False, characters=SHORT) for name in used]


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
