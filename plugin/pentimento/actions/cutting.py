"""An object that the server finds in a source, and the layer that it is cut out to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, List, Optional

import choices
import wire
from errors import NotPossible
from gimpio import layers, pixels, selection
from gimpio.destination import Destination
from gimpio.layers import Picture, Place
from gimpio.sources import Source
from hints import Hints
from i18n import _
from wire import Pixels

if TYPE_CHECKING:
    from answers import JobRequest
    from records import Placed

LITTLE = 0.02  # share of a layer


@dataclass(frozen=True)
class Found:
    """`mask` lies on all of the source. `colors` is the source in the object's own colours, with
    the source's transparency, where that was asked for."""

    source: Source
    mask: Pixels
    colors: Optional[Pixels] = None

    def as_layer(self, above: Any = None) -> Placed:
        """A layer above the source, or above another layer, with the object's colours, masked; the
        source stays as it is."""
        assert self.colors is not None
        source = self.source
        name = _("{source}, cut out").format(source=name_of(source))
        place = Place(source.image, above or source.above, source.extent, Destination())
        return place.put([Picture(self.colors, name)], self.mask)

    def as_cut_out(self) -> Placed:
        """The same, and the layers that it was cut out of are hidden: nobody would see it else."""
        source = self.source
        with layers.one_undo_step(source.image):
            placed = self.as_layer()
            if placed["image"] == source.image and source.kind != choices.VISIBLE:
                for layer in source.layers:
                    layer.set_visible(False)
        return placed


def subject(work: Any, image: Any, source: Source) -> Found:
    """The subject of the source with its own colours, or what is selected: a rectangle is a box
    around it, any other selection is the subject but for its exact edge. Of a layer that was cut
    out before, it is what is left of it, as it is."""
    hints = Hints(box=selection.bounds_of(image)).within(source.extent)
    rough = selection.outline(image, source.extent)
    left = _left_of(source) if rough is None and not hints.get("box") else None
    if left is not None:
        return Found(source, left, opaque(source.read(source.extent)))
    if rough is not None:
        hints.pop("box", None)
    return found(work, source, hints, cut_out=True, rough=rough)


def found(
    work: Any,
    source: Source,
    hints: JobRequest,
    cut_out: bool,
    rough: Optional[Pixels] = None,
) -> Found:
    """`rough`: a selection on all of the source, in place of a box. Raises NotPossible where the
    server sees nothing there."""
    read = source.read(source.extent)
    work.send(read)
    around = work.send(rough) if rough is not None else None
    outcome = work.run(wire.select_request(hints, read.sent, cut_out, around))
    mask = outcome.pictures[0]
    if not any(mask.data):
        raise NotPossible(
            _("No object was found there."),
            _("Click on it, or draw a box around it."),
            "no_object",
        )
    colors = _with_alpha_of(outcome.pictures[1], read) if cut_out else None
    return Found(source, mask, colors)


def _left_of(source: Source) -> Optional[Pixels]:
    """What is seen of a source of which a good part is transparent or masked, one channel on all of
    it; None of others."""
    seen = source.opacity(source.extent)
    clear = bytes(seen.data).count(0) / len(seen.data)
    return seen if LITTLE < clear < 1 - LITTLE else None


def opaque(picture: Pixels) -> Pixels:
    """Its colours without its transparency: a mask stands for that."""
    depth = picture.format.partition("-")[2]
    full = pixels.OPAQUE["float" if depth == "f32" else depth]
    count = picture.width * picture.height
    return _with_alpha(picture, [bytes([value]) * count for value in full])


def name_of(source: Source) -> str:
    return _("Visible") if source.above is None else source.above.get_name()


def _with_alpha_of(picture: Pixels, read: Pixels) -> Pixels:
    """The picture with the transparency of what it was made from: the mask comes on top of it."""
    each = wire.BYTES_PER_PIXEL[picture.format]
    return _with_alpha(picture, [read.data[n::each] for n in range(each - each // 4, each)])


def _with_alpha(picture: Pixels, alpha: List[wire.Raw]) -> Pixels:
    """`alpha`: for each byte of the last of four channels the values of all pixels."""
    each = wire.BYTES_PER_PIXEL[picture.format]
    data = bytearray(picture.data)
    for number, values in enumerate(alpha):
        data[each - len(alpha) + number :: each] = values
    return Pixels(picture.format, picture.width, picture.height, data)
