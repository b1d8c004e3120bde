"""What a job starts from: layers as stored, layers as seen, or the visible canvas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Iterable, List, Optional

from gi.repository import Gimp

import choices
from errors import NotPossible
from gimpio import destination, identity, metadata, pixels
from gimpio.destination import Destination
from i18n import _
from wire import Box, Pixels, Stored

if TYPE_CHECKING:
    from records import LayerRecord, SourceRecord


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
        return _own(self.layers[0], box, wanted)

    def opacity(self, box: Box) -> Pixels:
        """How much of a box of the canvas these layers cover as they are seen, as a mask."""
        check_open(self.image)
        shown = self.layers or None
        read = on_copy(self.image, lambda copy: _seen(copy, box, "rgba-u8"), shown, self.hidden)
        return Pixels("y-u8", box.width, box.height, bytes(read.data[3::4]))

    def read_stored(self, box: Box) -> Optional[Stored]:
        """The same box in the image's own numbers; None where they can't stand for themselves:
        indexed ones, and those of a layer without alpha that does not fill the box."""
        check_open(self.image)
        if destination.is_indexed(self.image) or any(map(metadata.shows_preview, self.layers)):
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

    def record(self, ledger: identity.Ledger) -> SourceRecord:
        """How to find this source again, for the metadata."""
        return {
            "kind": self.kind,
            "layers": [ledger.reference(layer) for layer in self.layers],
            "extent": self.extent.rect(),
        }

    def is_there(self) -> bool:
        """False once the image or one of the layers is gone."""
        if not self.image.is_valid():
            return False
        order = tree(self.image)
        return all(layer in order for layer in self.layers)


def choose(image, drawables, kind: str, goal: Destination, hidden: Iterable[Any] = ()) -> Source:
    """The source that an option value names; of all that is seen without `hidden` and without maps
    that steer. Raises NotPossible where there is none, or where the result can't go where it is
    wanted."""
    check_image(image, goal)
    if kind == choices.VISIBLE:
        order = tree(image)
        left_out = [layer for layer in (*maps(image), *hidden) if layer in order]
        return Source(image, kind, canvas(image), hidden=left_out)
    return _of_layers(image, _selected(drawables), kind)


def of_layer(image, layer) -> Source:
    """One layer's own pixels."""
    return _of_layers(image, [layer], choices.LAYER)


def alpha_of(layer, box: Box) -> Pixels:
    """How opaque a layer's own pixels are in a box of the canvas, as a mask."""
    read = _own(layer, box, "rgba-u8")
    return Pixels("y-u8", box.width, box.height, bytes(read.data[3::4]))


def _own(layer, box: Box, wanted: str) -> Pixels:
    if not metadata.shows_preview(layer):
        return _stored(layer, box, wanted)
    image, position = layer.get_image(), tree(layer.get_image()).index(layer)
    return on_copy(image, lambda copy: _stored(tree(copy)[position], box, wanted))


def recorded(image, record: LayerRecord, hidden: Iterable[Any] = ()) -> Source:
    """The source of a result's record, which `Source.record` described. `hidden` layers are left
    out of what is seen. Layers are found in another image, too, if they were copied into it."""
    check_image(image, Destination())
    source, same_image = record["source"], identity.is_image(image, record.get("image", ""))
    assert source is not None  # whoever asks for it has looked
    if source["kind"] == choices.VISIBLE:
        if not same_image:
            raise NotPossible(
                _("This result was made in another image, from what is visible there."),
                _("Go back to that image, or start anew here with Image to Image."),
                "other_image",
            )
        left_out = list(dict.fromkeys((*maps(image), *hidden)))
        return Source(image, choices.VISIBLE, canvas(image), hidden=left_out)
    order = tree(image)
    references = source["layers"] if "layers" in source else source["tattoos"]
    layers = [identity.find(order, reference) for reference in references]
    if not layers or None in layers:
        raise _source_gone(same_image)
    return _of_layers(image, layers, source["kind"])


def _source_gone(same_image: bool) -> NotPossible:
    if same_image:
        return NotPossible(
            _("The layer that this result was made from is gone."),
            _("Undo its removal, or start from another layer with Image to Image."),
            "source_gone",
        )
    return NotPossible(
        _("The layer that this result was made from is not in this image."),
        _("Copy that layer here as well, or start from another layer with Image to Image."),
        "source_gone",
    )


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
            _("The image was closed before the result arrived."),
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


def resolved(drawables) -> List[Any]:
    """The drawables, but of a folded group of variations the one that is seen."""
    return [_seen_variation(item) if _holds_variations(item) else item for item in drawables]


def _holds_variations(item) -> bool:
    return item.is_group() and metadata.read_mark(item, metadata.VARIATIONS) is not None


def _seen_variation(group) -> Any:
    children = group.get_children()
    return next((layer for layer in children if layer.get_visible()), (*children, group)[0])


def is_made(drawable) -> bool:
    """Whether Pentimento made it: a result or a control map."""
    layer = layer_of(drawable)
    return layer is not None and (
        metadata.read(layer) is not None or metadata.map_of(layer) is not None
    )


def steers_only(layer) -> bool:
    """Whether it is a control map, the group of them or a preview, which are never what a job
    starts from."""
    return (
        metadata.map_of(layer) is not None
        or metadata.is_preview(layer)
        or (layer.is_group() and metadata.read_mark(layer, metadata.MAPS) is not None)
    )


def workable(image, drawables) -> List[Any]:
    """The drawables that a job can start from. Where they are all maps, what these were made from,
    or the topmost layer that is seen."""
    kept = [item for item in drawables if _works(item)]
    if kept or not drawables:
        return kept
    order = tree(image)
    maps_chosen = [layer for layer in order if map_among(layer, drawables)]
    made_from = originals(image, maps_chosen)
    ordinary = (layer for layer in order if not layer.is_group() and is_seen(layer))
    return made_from or [layer for layer in ordinary if not steers_only(layer)][:1]


def _works(item) -> bool:
    layer = layer_of(item)
    return layer is None or not steers_only(layer)


def map_among(layer, drawables) -> bool:
    """Whether the layer is a map that is one of these or in a group that is."""
    return metadata.map_of(layer) is not None and (
        layer in drawables or layer.get_parent() in drawables
    )


def originals(image, drawables) -> List[Any]:
    """What results and maps among the drawables were made from, as far back as it goes; empty where
    none of them was made here, or where what it was made from is gone or was all that is seen."""
    order = tree(image)
    found = [layer for item in drawables for layer in _original(order, layer_of(item), set())]
    return list(dict.fromkeys(found))


def _original(order, layer, seen) -> List[Any]:
    record = (metadata.read(layer) or metadata.map_of(layer)) if layer is not None else None
    source = record.get("source") if record else None
    if not isinstance(source, dict) or layer.get_id() in seen:
        return []
    seen.add(layer.get_id())
    layers = [identity.find(order, reference) for reference in source.get("layers", ())]
    if None in layers:
        return []
    return [first for one in layers for first in (_original(order, one, seen) or [one])]


def older_results(image, layers) -> List[Any]:
    """The results that a new one of these layers should not lie under: those of the same layers,
    and those of no layer, such as of all that was seen. All of them for a result of no layer."""
    order = tree(image)
    results = [layer for layer in order if metadata.read(layer) is not None]
    if not layers:
        return results
    roots = originals(image, layers) or list(layers)
    found = []
    for layer in results:
        made_from = _original(order, layer, set())
        if not made_from or any(one in roots for one in made_from):
            found.append(layer)
    return found


def maps(image) -> List[Any]:
    """The control maps that Pentimento drew: what steers is never what is seen."""
    return [layer for layer in tree(image) if metadata.map_of(layer) is not None]


def above_all(image, source, others: Iterable[Any]) -> Optional[Any]:
    """The layer to put a result above so that none of these covers it: the source's own place, or
    that of the topmost of `others` that is seen above it. None is the top of the stack."""
    if source is None:
        return None
    order = tree(image)
    covering = [
        layer
        for layer in others
        if layer in order and is_seen(layer) and order.index(layer) < order.index(source)
    ]
    if not covering:
        return source
    around, top = _ancestors(source), min(covering, key=order.index)
    while top.get_parent() is not None and top.get_parent() not in around:
        top = top.get_parent()
    return top


def _ancestors(layer) -> List[Any]:
    """The groups that the layer is in."""
    found, parent = [], layer.get_parent()
    while parent is not None:
        found.append(parent)
        parent = parent.get_parent()
    return found


def extent(layer) -> Box:
    """The layer's rectangle in canvas px; it may reach off the canvas."""
    _ok, x, y = layer.get_offsets()
    return Box(x, y, layer.get_width(), layer.get_height())


def joined_extent(drawables) -> Optional[Box]:
    """Of the layers among these together."""
    found: Optional[Box] = None
    for layer in filter(None, map(layer_of, drawables)):
        found = found.joined(extent(layer)) if found else extent(layer)
    return found


def tree(image) -> List[Any]:
    """All layers from top to bottom, groups before their children."""

    def walk(layers):
        for layer in layers:
            yield layer
            if layer.is_group():
                yield from walk(layer.get_children())

    return list(walk(image.get_layers()))


def covering(layer) -> List[Any]:
    """What lies above the layer, in the groups that it is in as well."""
    found: List[Any] = []
    while layer is not None:
        parent = layer.get_parent()
        others = parent.get_children() if parent else layer.get_image().get_layers()
        found += others[: layer.get_image().get_item_position(layer)]
        layer = parent
    return found


def within(group) -> List[Any]:
    """All layers in a group, from top to bottom."""
    found: List[Any] = []
    for layer in group.get_children():
        found.append(layer)
        if layer.is_group():
            found += within(layer)
    return found


def is_seen(layer) -> bool:
    """Whether it is shown, and all groups that it is in."""
    while layer is not None and layer.get_visible():
        layer = layer.get_parent()
    return layer is None


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


def _selected(drawables) -> List[Any]:
    """The layers among the drawables, each once. What steers is none of them."""
    found = (layer_of(drawable) for drawable in drawables)
    layers = list(dict.fromkeys(one for one in found if one and not metadata.is_preview(one)))
    ordinary = [layer for layer in layers if not steers_only(layer)]
    if layers and not ordinary:
        raise NotPossible(
            _("A control map steers; nothing is made from it."),
            _("Select the layer to work on, and choose the map as its control layer."),
            "map_is_no_source",
        )
    layers = ordinary
    if not layers:
        raise NotPossible(
            _("No layer is selected."),
            _("Select a layer, or choose to start from everything visible."),
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
    all other layers are hidden in it; previews of running jobs are always."""
    order = tree(image)
    copy = image.duplicate()
    try:
        copy.undo_disable()
        if not keep_selection:
            Gimp.Selection.none(copy)
        twins = dict(zip((layer.get_id() for layer in order), tree(copy)))
        if shown is not None:
            _show_only(copy, [twins[layer.get_id()] for layer in shown])
        for layer in (*hidden, *filter(metadata.is_preview, order)):
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
