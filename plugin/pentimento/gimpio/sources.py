"""What a job starts from: layers as stored, layers as seen, or the visible canvas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Optional

from gi.repository import Gimp

import choices
from errors import NotPossible
from gimpio import destination, pixels
from gimpio.destination import Destination
from i18n import _
from wire import Box, Pixels, Stored


@dataclass(frozen=True)
class Source:
    """`extent` is what can be read, in canvas px. `above` is the layer that the result goes above;
    None means the top of the stack. `stored`: the one layer's own pixels, not what is seen."""

    image: Any
    kind: str
    extent: Box
    layers: List[Any] = field(default_factory=list)
    stored: bool = False
    hidden: List[Any] = field(default_factory=list)

    @property
    def above(self) -> Optional[Any]:
        return self.layers[0] if self.layers else None

    def read(self, box: Box) -> Pixels:
        """sRGB pixels of a box of the canvas at a depth that loses nothing."""
        check_open(self.image)
        wanted = pixels.transport_format(self.image)
        if not self.stored:
            shown = self.layers or None
            return on_copy(self.image, lambda copy: _seen(copy, box, wanted), shown, self.hidden)
        if pixels.unknown_space(self.image) or destination.is_indexed(self.image):
            position = tree(self.image).index(self.layers[0])
            return on_copy(self.image, lambda copy: _converted(copy, position, box, wanted))
        return _stored(self.layers[0], box, wanted)

    def read_stored(self, box: Box) -> Optional[Stored]:
        """The same box in the image's own numbers; None where they can't stand for themselves:
        indexed ones, and those of a layer without alpha that does not fill the box."""
        check_open(self.image)
        if destination.is_indexed(self.image):
            return None
        if not self.stored:
            shown = self.layers or None
            return on_copy(self.image, lambda copy: _seen_stored(copy, box), shown, self.hidden)
        layer, place = self.layers[0], self.extent
        if not layer.has_alpha() and place.joined(box) != place:
            return None
        return pixels.read_stored(layer, _inside(place, box))

    def seen_on(self, copy, twins) -> Any:
        """A layer of a copy of the image, as large as the canvas, with what is seen of the source.
        `twins` gives the copy's layer for the id of one of the image's."""
        if self.layers:
            _show_only(copy, [twins[layer.get_id()] for layer in self.layers])
        for layer in self.hidden:
            twins[layer.get_id()].set_visible(False)
        seen = Gimp.Layer.new_from_visible(copy, copy, "seen")
        copy.insert_layer(seen, None, 0)
        return seen

    def record(self) -> Dict[str, Any]:
        """How to find this source again, for the metadata."""
        return {"kind": self.kind, "tattoos": [layer.get_tattoo() for layer in self.layers]}


def choose(image, drawables, kind: str, goal: Destination) -> Source:
    """The source that an option value names. Raises NotPossible where there is none, or where the
    result can't go where it is wanted."""
    check_image(image, goal)
    if kind == choices.VISIBLE:
        return Source(image, kind, canvas(image))
    return _of_layers(image, _selected(image, drawables), kind)


def of_layer(image, layer) -> Source:
    """One layer's own pixels."""
    return _of_layers(image, [layer], choices.LAYER)


def alpha_of(layer, box: Box) -> Pixels:
    """How opaque a layer's own pixels are in a box of the canvas, as a mask."""
    read = pixels.read(layer, _inside(extent(layer), box), "rgba-u8")
    return Pixels("y-u8", box.width, box.height, bytes(read.data[3::4]))


def recorded(image, record: Dict[str, Any], hidden: Iterable[Any] = ()) -> Source:
    """The source that `Source.record` described. `hidden` layers are left out of what is seen."""
    check_image(image, Destination())
    if record["kind"] == choices.VISIBLE:
        return Source(image, choices.VISIBLE, canvas(image), hidden=list(hidden))
    layers = [image.get_layer_by_tattoo(tattoo) for tattoo in record["tattoos"]]
    if not layers or None in layers:
        raise NotPossible(
            _("The layer that this result was made from is gone."),
            _("Undo its removal, or start from another layer with Image to Image."),
            "source_gone",
        )
    return _of_layers(image, layers, record["kind"])


def check_image(image, goal: Destination) -> None:
    """Refuses images that the result can't be put into, before anything is sent."""
    goal.check(image)
    if image.get_floating_sel() is not None:
        raise NotPossible(
            _("There is a floating selection."),
            _("Anchor it with Layer > Anchor Layer, or make a layer of it, and try again."),
            "floating_selection",
        )


def check_open(image) -> None:
    if not image.is_valid():
        raise NotPossible(
            _("The image was closed before the result was there."),
            _("Open it again and repeat the action."),
            "image_closed",
        )


def canvas(image) -> Box:
    return Box(0, 0, image.get_width(), image.get_height())


def layer_of(drawable) -> Optional[Any]:
    """The drawable if it is a layer, the layer that it masks if it is a mask, else None."""
    if drawable.is_layer_mask():
        return Gimp.Layer.from_mask(drawable)
    return drawable if drawable.is_layer() else None


def extent(layer) -> Box:
    """The layer's rectangle in canvas px; it may reach off the canvas."""
    _ok, x, y = layer.get_offsets()
    return Box(x, y, layer.get_width(), layer.get_height())


def tree(image) -> List[Any]:
    """All layers from top to bottom, groups before their children."""

    def walk(layers):
        for layer in layers:
            yield layer
            if layer.is_group():
                yield from walk(layer.get_children())

    return list(walk(image.get_layers()))


def _of_layers(image, layers, kind: str) -> Source:
    order = tree(image)
    layers = sorted(layers, key=order.index)
    if any(layer.get_width() < 1 or layer.get_height() < 1 for layer in layers):
        raise NotPossible(_("The layer is empty."), _("Select another layer."), "empty_layer")
    whole = extent(layers[0])
    for layer in layers[1:]:
        whole = whole.joined(extent(layer))
    stored = kind == choices.LAYER and len(layers) == 1
    return Source(image, kind, whole, layers, stored)


def _selected(image, drawables) -> List[Any]:
    """The layers among the drawables, each once."""
    found = (layer_of(drawable) for drawable in drawables)
    layers = list(dict.fromkeys(layer for layer in found if layer is not None))
    if not layers:
        raise NotPossible(
            _("No layer is selected."),
            _("Select a layer, or choose the visible canvas as the source."),
            "no_layer",
        )
    return layers


def _stored(layer, box: Box, wanted: str) -> Pixels:
    return pixels.read(layer, _inside(extent(layer), box), wanted)


def _inside(place: Box, box: Box) -> Box:
    """A box of the canvas in the coordinates of what lies at `place`."""
    return Box(box.x - place.x, box.y - place.y, box.width, box.height)


def on_copy(
    image,
    work: Callable[[Any], Any],
    shown: Optional[List[Any]] = None,
    hidden: Iterable[Any] = (),
    keep_selection: bool = False,
) -> Any:
    """Works on a copy, so that not even the dirty flag of the user's image changes. With `shown`
    all other layers are hidden in it."""
    order = tree(image)
    copy = image.duplicate()
    try:
        copy.undo_disable()
        if not keep_selection:
            Gimp.Selection.none(copy)
        twins = dict(zip((layer.get_id() for layer in order), tree(copy)))
        if shown is not None:
            _show_only(copy, [twins[layer.get_id()] for layer in shown])
        for layer in hidden:
            twins[layer.get_id()].set_visible(False)
        return work(copy)
    finally:
        copy.delete()


def _show_only(image, wanted: List[Any]) -> None:
    """Shows the wanted layers with what they contain and what contains them, and nothing else."""
    kept = set()
    for layer in wanted:
        layer.set_visible(True)
        kept.add(layer.get_id())
        parent = layer.get_parent()
        while parent is not None:
            parent.set_visible(True)
            kept.add(parent.get_id())
            parent = parent.get_parent()
    inside = {layer.get_id() for layer in wanted}
    for layer in tree(image):
        parent = layer.get_parent()
        if parent is not None and parent.get_id() in inside:
            inside.add(layer.get_id())
        elif layer.get_id() not in kept:
            layer.set_visible(False)


def _seen(copy, box: Box, wanted: str) -> Pixels:
    """What is seen in a box. The canvas becomes the box first: rendering all of a large image would
    take seconds."""
    _cut(copy, box)
    _to_known_colours(copy)
    seen = Gimp.Layer.new_from_visible(copy, copy, "seen")
    read = pixels.read(seen, Box(0, 0, box.width, box.height), wanted)
    seen.delete()
    return read


def _seen_stored(copy, box: Box) -> Stored:
    _cut(copy, box)
    seen = Gimp.Layer.new_from_visible(copy, copy, "seen")
    stored = pixels.read_stored(seen, Box(0, 0, box.width, box.height))
    seen.delete()
    return stored


def _cut(copy, box: Box) -> None:
    copy.resize(box.width, box.height, -box.x, -box.y)


def _converted(copy, position: int, box: Box, wanted: str) -> Pixels:
    _to_known_colours(copy)
    return _stored(tree(copy)[position], box, wanted)


def _to_known_colours(copy) -> None:
    """Makes a copy one whose colours GEGL converts rightly: it knows neither a palette's profile
    nor profiles made of tables."""
    if destination.is_indexed(copy):
        copy.convert_rgb()
    if pixels.unknown_space(copy):
        if not pixels.linear_tables(copy):  # those are read as the image itself gets converted
            pixels.to_float(copy)
        pixels.to_srgb(copy)
