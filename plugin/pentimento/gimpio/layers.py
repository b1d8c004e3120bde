"""Places results: new layers with mask, name and metadata, in one undo step. The user's own layers
are never written to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Union

from gi.repository import Gimp

from errors import NotPossible
from gimpio import metadata, pixels, sources
from gimpio.destination import Destination
from i18n import _
from wire import Box, Pixels, Stored

NAME_LENGTH = 40
Mask = Union[Pixels, Stored]


@dataclass(frozen=True)
class Picture:
    """One result and the record that its layer carries; an empty one is not kept. The source's own
    numbers stand for a result that is its source unchanged: no conversion has touched them."""

    pixels: Union[Pixels, Stored]
    name: str
    record: Dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """How a result was made: pictures in order, each to fill the result's box."""

    name: str
    stages: List[Picture]


def name_for(prompt: str, fallback: str, seed: int) -> str:
    """The layer's name: the beginning of the prompt and the seed."""
    words = " ".join(prompt.split()) or fallback
    if len(words) > NAME_LENGTH:
        words = words[: NAME_LENGTH - 1].rstrip() + "…"
    return f"{words} · {seed}"


@dataclass(frozen=True)
class Place:
    """Where results go: at `box` above the layer `above` (None, or gone meanwhile: on top of the
    stack), or into a new image, as the destination says."""

    image: Any
    above: Optional[Any]
    box: Box
    destination: Destination

    def put(
        self,
        pictures: List[Picture],
        mask: Optional[Mask] = None,
        display: bool = False,
        story: Optional[Story] = None,
    ) -> Dict[str, Any]:
        """Places the results, and how they were made in a hidden group above them; gives the return
        values `layers` (the results) and `image`."""
        sources.check_open(self.image)
        if self.destination.new_image:
            empty = self.destination.image_like(self.image, self.box.width, self.box.height)
            made = new_image(empty, pictures, mask, mark=self.destination.mark, story=story)
            return shown(made, display)
        with _one_undo_step(self.image):
            if self.destination.converts(self.image):
                self._try_out()
                self.destination.prepare(self.image)
            placed = self._insert_all(pictures, mask, story)
            if self.destination.mark:
                metadata.mark_digital_source(self.image)
            self.image.set_selected_layers(placed[:1])
        return {"layers": placed, "image": self.image}

    def _try_out(self) -> None:
        """Whether a layer can be inserted there at all, before the image is converted for it."""
        image = self.image
        kinds = Gimp.ImageType
        kind = {
            Gimp.ImageBaseType.RGB: kinds.RGBA_IMAGE,
            Gimp.ImageBaseType.GRAY: kinds.GRAYA_IMAGE,
            Gimp.ImageBaseType.INDEXED: kinds.INDEXEDA_IMAGE,
        }[image.get_base_type()]
        trial = Gimp.Layer.new(image, "trial", 1, 1, kind, 100, Gimp.LayerMode.NORMAL)
        _insert(image, trial, *_place_above(image, self.above))
        image.remove_layer(trial)

    def _insert_all(
        self, pictures: List[Picture], mask: Optional[Mask], story: Optional[Story]
    ) -> List[Any]:
        """The first picture topmost, the others hidden below it; all of them or none. The results
        alone are answered."""
        placed: List[Any] = []
        try:
            parent, position = _place_above(self.image, self.above)
            for number, picture in enumerate(pictures):
                layer = _new_layer(self.image, picture, self.box)
                _insert(self.image, layer, parent, position + number)
                placed.append(layer)
                _dress(layer, picture, mask)
                layer.set_visible(number == 0)
            if story is not None:
                self._tell(story, parent, position)
        except Exception:
            for layer in placed:
                self.image.remove_layer(layer)
            raise
        return placed

    def _tell(self, story: Story, parent: Any, position: int) -> None:
        """The first stage is the topmost: hiding one after the other shows how it went on. Built on
        top of the stack, since in a group whose position is locked nothing could be scaled."""
        group = Gimp.GroupLayer.new(self.image, story.name)
        group.set_visible(False)
        _insert(self.image, group, None, 0)
        try:
            for number, stage in enumerate(story.stages):
                layer = _new_layer(self.image, stage, self.box)
                _insert(self.image, layer, group, number)
                _stretch(layer, self.box)
            if not self.image.reorder_item(group, parent, position):
                raise _not_inserted()
            group.set_expanded(False)
        except Exception:
            self.image.remove_layer(group)
            raise


def new_image(
    empty: Any,
    pictures: List[Picture],
    mask: Optional[Mask] = None,
    mark: bool = False,
    story: Optional[Story] = None,
) -> Any:
    """The empty image with a layer for each picture; it is deleted if that fails."""
    try:
        empty.undo_disable()
        box = Box(0, 0, empty.get_width(), empty.get_height())
        Place(empty, None, box, Destination(mark=mark)).put(pictures, mask, story=story)
        empty.undo_enable()
    except Exception:
        empty.delete()
        raise
    return empty


def shown(image, display: bool) -> Dict[str, Any]:
    """The return values for a new image, in a window of its own if there is somebody to see it."""
    if display:
        Gimp.Display.new(image)
    results = [layer for layer in image.get_layers() if not layer.is_group()]
    return {"layers": results, "image": image}


@contextmanager
def _one_undo_step(image):
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


def _insert(image, layer, parent, position: int) -> None:
    if not image.insert_layer(layer, parent, position):
        raise _not_inserted()


def _not_inserted() -> NotPossible:
    return NotPossible(
        _("GIMP does not take a new layer there: {reason}").format(
            reason=Gimp.get_pdb().get_last_error()
        ),
        _("Unlock the layer group, or select a layer outside of it, and try again."),
        "not_inserted",
    )


def _stretch(layer, box: Box) -> None:
    """To the size of the box that the layer lies at."""
    if (layer.get_width(), layer.get_height()) == (box.width, box.height):
        return
    Gimp.context_push()
    Gimp.context_set_interpolation(Gimp.InterpolationType.CUBIC)
    layer.scale(box.width, box.height, False)
    Gimp.context_pop()
    layer.set_offsets(box.x, box.y)


def _dress(layer, picture: Picture, mask: Optional[Mask]) -> None:
    if mask is not None:
        _add_mask(layer, mask)
    if picture.record:
        metadata.attach(layer, picture.record)


def _place_above(image, above):
    """(parent, position) for a layer above another one, which may be gone by now."""
    if above is None or above not in sources.tree(image):
        return None, 0
    return above.get_parent(), image.get_item_position(above)


def _new_layer(image, picture: Picture, box: Box) -> Any:
    """A layer with the picture's pixels at its place, not yet in the image: in a group whose
    position is locked it could not be moved any more."""
    if isinstance(picture.pixels, Stored):
        layer = _copied(image, picture, picture.pixels)
    elif pixels.unknown_space(image):
        layer = _converted(image, picture)
    else:
        layer = _filled(image, picture)
    layer.set_offsets(box.x, box.y)
    return layer


def _copied(image, picture: Picture, stored: Stored) -> Any:
    """By way of an image without a profile, where numbers can be written as they are."""
    draft = Gimp.Image.new_with_precision(
        stored.width, stored.height, image.get_base_type(), image.get_precision()
    )
    try:
        kinds = Gimp.ImageType
        gray, alpha = image.get_base_type() == Gimp.ImageBaseType.GRAY, "A" in stored.encoding
        plain = kinds.GRAY_IMAGE if gray else kinds.RGB_IMAGE
        clear = kinds.GRAYA_IMAGE if gray else kinds.RGBA_IMAGE
        size = (stored.width, stored.height)
        mode = Gimp.LayerMode.NORMAL
        layer = Gimp.Layer.new(draft, picture.name, *size, clear if alpha else plain, 100, mode)
        draft.insert_layer(layer, None, 0)
        pixels.write_stored(layer, stored)
        if not alpha:
            layer.add_alpha()
        draft.set_color_profile(image.get_color_profile())
        copied = Gimp.Layer.new_from_drawable(layer, image)
        copied.set_name(picture.name)
        return copied
    finally:
        draft.delete()


def _converted(image, picture: Picture) -> Any:
    """For a profile that GEGL can't convert to: GIMP converts a whole image to it."""
    draft = Gimp.Image.new_with_precision(
        picture.pixels.width,
        picture.pixels.height,
        image.get_base_type(),
        image.get_precision(),
    )
    try:
        pixels.to_float(draft)
        layer = _filled(draft, picture)
        draft.insert_layer(layer, None, 0)
        draft.convert_color_profile(image.get_color_profile(), pixels.RELATIVE, True)
        converted = Gimp.Layer.new_from_drawable(layer, image)
        converted.set_name(picture.name)
        return converted
    finally:
        draft.delete()


def _filled(image, picture: Picture) -> Any:
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
    layer = Gimp.Layer.new(
        image,
        picture.name,
        picture.pixels.width,
        picture.pixels.height,
        kind,
        100,
        Gimp.LayerMode.NORMAL,
    )
    pixels.write(layer, picture.pixels)
    return layer


def _add_mask(layer, mask: Mask) -> None:
    layer_mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(layer_mask)
    write = pixels.write_stored if isinstance(mask, Stored) else pixels.write
    write(layer_mask, mask)
    layer.set_edit_mask(False)
