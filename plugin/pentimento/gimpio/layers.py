"""Places results: new layers with mask, name and metadata, in one undo step. The user's own layers
are never written to."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional, Union

from gi.repository import Gegl, Gimp

import log
import texts
from errors import NotPossible, PluginError
from gimpio import identity, metadata, pixels, prints, sources
from gimpio.destination import Destination
from i18n import _
from wire import Box, Pixels, Stored

if TYPE_CHECKING:
    from records import Placed

NAME_LENGTH = 40
Mask = Union[Pixels, Stored]


@dataclass(frozen=True)
class Picture:
    """One result and the record that its layer carries; an empty one is not kept. The source's own
    numbers stand for a result that is its source unchanged: no conversion has touched them."""

    pixels: Union[Pixels, Stored]
    name: str
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """How a result was made: pictures in order, each to fill the result's box."""

    name: str
    stages: List[Picture]


def title_for(prompt: str, fallback: str) -> str:
    """The beginning of the prompt, as results are named."""
    return texts.shortened(texts.line(prompt) or fallback, NAME_LENGTH)


def name_for(title: str, strength: float, seed: int, number: int = 1, count: int = 1) -> str:
    """The layer's name. What tells tries apart comes first, because a narrow list of layers cuts
    the end off: which of several it is, and how much of the source was changed unless all was."""
    several = f"{number}/{count} " if count > 1 else ""
    changed = f"{strength:.2f} · " if strength < 1 else ""
    return f"{several}{changed}{title} · {seed}"


@dataclass(frozen=True)
class Place:
    """Where results go: at `box` above the layer `above` (None, or gone meanwhile: on top of the
    stack), or into a new image, as the destination says. `ledger` has the names that the results'
    records use, `kept` a sentence that says where else the results are, `title` the name of the
    folded group that several results get; without one they lie beside one another."""

    image: Any
    above: Optional[Any]
    box: Box
    destination: Destination
    ledger: Optional[identity.Ledger] = None
    kept: str = ""
    before: Optional[Callable[[], None]] = None  # a change of the whole image, in the same step
    title: str = ""

    def titled(self, title: str) -> Place:
        """The same place with another name for the group of several results."""
        return replace(self, title=title)

    def after(self, change: Callable[[], None]) -> Place:
        """The same place once the whole image was changed so; `box` belongs to the image then."""
        return replace(self, before=change)

    @property
    def has_all_names(self) -> bool:
        """Whether nothing but the results' layers has to be written into the image."""
        return self.ledger is None or not self.ledger.new

    def put(
        self,
        pictures: List[Picture],
        mask: Optional[Mask] = None,
        display: bool = False,
        story: Optional[Story] = None,
    ) -> Placed:
        """Places the results, and how they were made in a hidden group above them; gives the return
        values `layers` (the results) and `image`. What can't be placed there opens as an image of
        its own, or, where nobody would see that, the error says where it is kept: nothing that was
        computed gets lost."""
        try:
            return self._put(pictures, mask, display, story)
        except Exception as error:
            if not isinstance(error, PluginError):
                log.error("placing\n%s", traceback.format_exc())
            return self._rescued(error, pictures, mask, display, story)

    def _put(
        self,
        pictures: List[Picture],
        mask: Optional[Mask],
        display: bool,
        story: Optional[Story],
    ) -> Placed:
        sources.check_open(self.image)
        if self.destination.new_image:
            empty = self.destination.image_like(self.image, self.box.width, self.box.height)
            made = new_image(empty, pictures, mask, mark=self.destination.mark, story=story)
            return shown(made, display)
        with one_undo_step(self.image):
            if self.destination.converts(self.image):
                self._try_out()
                self.destination.prepare(self.image)
            if self.before is not None:
                self._try_out()
                self.before()
            placed = self._insert_all(pictures, mask, story)
            if self.destination.mark:
                with _told(_("The image's metadata can't be marked as made with AI.")):
                    metadata.mark_digital_source(self.image)
            if self.ledger is not None:
                with _told(_("Generate Again will not find the layers that this result is from.")):
                    self.ledger.write()
            self.image.set_selected_layers([with_group(placed[0])])
        return {"layers": placed, "image": self.image}

    def _rescued(
        self,
        error: Exception,
        pictures: List[Picture],
        mask: Optional[Mask],
        display: bool,
        story: Optional[Story],
    ) -> Placed:
        """In a window where somebody waits for it; for a script the error, and where to find it."""
        reason = getattr(error, "message", "") or _("The result can't be placed in the image.")
        if not display:
            hint = " ".join(text for text in (getattr(error, "hint", ""), self.kept) if text)
            code = getattr(error, "code", "") or "not_placed"
            raise NotPossible(reason, hint, code) from error
        width, height = self.box.width, self.box.height
        empty = Gimp.Image.new_with_precision(
            width, height, Gimp.ImageBaseType.RGB, pixels.precision_for(pictures[0].pixels)
        )
        made = new_image(empty, pictures, mask, mark=self.destination.mark, story=story)
        Gimp.message(reason + "\n" + _("The result is open as an image of its own."))
        return shown(made, display)

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
        insert(image, trial, *place_above(image, self.above))
        image.remove_layer(trial)

    def _insert_all(
        self, pictures: List[Picture], mask: Optional[Mask], story: Optional[Story]
    ) -> List[Any]:
        """The first picture topmost, the others hidden below it, several of them in a folded group;
        all of them or none. The results alone are answered."""
        placed: List[Any] = []
        group = None
        try:
            parent, position = place_above(self.image, self.above)
            if self.title and len(pictures) > 1:
                group = _group_of_variations(self.image, self.title, parent, position)
                parent, position = group, 0
            for number, picture in enumerate(pictures):
                layer = new_layer(self.image, picture, self.box)
                _dress(layer, picture, mask)
                layer.set_visible(number == 0)
                # Last, so that nobody ever sees it without its mask.
                insert(self.image, layer, parent, position + number)
                placed.append(layer)
            if story is not None:
                with _told(_("How it was made can't be shown in the image.")):
                    self._tell(story, parent, position)
            if group is not None:
                group.set_expanded(False)
        except Exception:
            for layer in [group] if group is not None else placed:
                self.image.remove_layer(layer)
            raise
        return placed

    def _tell(self, story: Story, parent: Any, position: int) -> None:
        """The first stage is the topmost: hiding one after the other shows how it went on. Built on
        top of the stack, since in a group whose position is locked nothing could be scaled."""
        group = Gimp.GroupLayer.new(self.image, texts.line(story.name))
        group.set_visible(False)
        insert(self.image, group, None, 0)
        try:
            for number, stage in enumerate(story.stages):
                layer = new_layer(self.image, stage, self.box)
                insert(self.image, layer, group, number)
                _stretch(layer, self.box)
            if not self.image.reorder_item(group, parent, position):
                raise not_inserted()
            group.set_expanded(False)
        except Exception:
            self.image.remove_layer(group)
            raise


def _group_of_variations(image, title: str, parent: Any, position: int) -> Any:
    """A group that looks as if its layers lay there by themselves."""
    group = Gimp.GroupLayer.new(image, texts.line(title))
    group.set_mode(Gimp.LayerMode.PASS_THROUGH)
    insert(image, group, parent, position)
    metadata.attach(group, {"version": 1}, metadata.VARIATIONS)
    return group


def with_group(layer) -> Any:
    """The layer, or the group of variations that it is in: GIMP unfolds a group to show a layer of
    it that is selected."""
    parent = layer.get_parent()
    folded = parent is not None and metadata.read_mark(parent, metadata.VARIATIONS) is not None
    return parent if folded else layer


def put_map(image, box: Box, picture: Picture, ledger: identity.Ledger) -> Placed:
    """Places a control map in a hidden, folded group on top of the stack, where it covers nothing;
    what was selected stays so. The picture's record, which marks it as a map, uses the ledger."""
    sources.check_open(image)
    selected = image.get_selected_layers()
    with one_undo_step(image):
        layer = new_layer(image, picture, box)
        insert(image, layer, _group_of_maps(image), 0)
        metadata.attach(layer, picture.record, metadata.MAP)
        ledger.write()
        image.set_selected_layers(selected)
    return {"layers": [layer], "image": image}


def _group_of_maps(image) -> Any:
    """The group that maps were put into before, or a new one."""
    for layer in image.get_layers():
        if layer.is_group() and metadata.read_mark(layer, metadata.MAPS) is not None:
            return layer
    group = Gimp.GroupLayer.new(image, _("Control maps"))
    group.set_visible(False)
    insert(image, group, None, 0)
    group.set_expanded(False)
    metadata.attach(group, {"version": 1}, metadata.MAPS)
    return group


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
        Place(empty, None, box, Destination(mark=mark))._put(pictures, mask, False, story)
        empty.undo_enable()
    except Exception:
        empty.delete()
        raise
    return empty


def shown(image, display: bool) -> Placed:
    """The return values for a new image, in a window of its own if there is somebody to see it."""
    if display:
        Gimp.Display.new(image)
    results = [layer for layer in image.get_layers() if not layer.is_group()]
    return {"layers": results, "image": image}


def exchange(image, layer, picture: Picture, box: Box) -> None:
    """Puts another result of the same job into a result's layer, outside of the undo history: to
    undo takes the layer away, whichever picture is in it by then."""
    with unrecorded(image):
        fresh = new_layer(image, picture, box)
        try:
            copy_pixels(fresh, layer)
        finally:
            fresh.delete()
        layer.set_name(texts.line(picture.name))
        if picture.record:
            metadata.attach(layer, picture.record)


def take_over(image, layer, picture: Picture, place: Place, mask: Optional[Mask]) -> None:
    """Makes a result's layer that of another job, outside of the undo history: its pixels, its mask
    and its place. A layer that is added by undo's redo is the one that it is by then."""
    with unrecorded(image):
        fresh = new_layer(image, picture, place.box)
        try:
            if sources.extent(layer) != place.box:
                layer.resize(place.box.width, place.box.height, 0, 0)
                layer.set_offsets(place.box.x, place.box.y)
            copy_pixels(fresh, layer)
        finally:
            fresh.delete()
        if layer.get_mask() is not None:
            layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
        layer.set_name(texts.line(picture.name))
        _dress(layer, picture, mask)


def copy_pixels(source, target) -> None:
    """The pixels of one layer into another one of its size and kind."""
    buffers = source.get_buffer(), target.get_buffer()
    whole = Gegl.Rectangle.new(0, 0, target.get_width(), target.get_height())
    buffers[0].copy(whole, Gegl.AbyssPolicy.NONE, buffers[1], whole)
    for buffer in buffers:
        buffer.flush()
    del buffers, buffer
    target.update(0, 0, target.get_width(), target.get_height())


def show_unrecorded(image, layer, visible: bool) -> None:
    """Shows or hides a layer for a look, which is nothing to be undone."""
    if layer.get_visible() != visible:
        with unrecorded(image):
            layer.set_visible(visible)


@contextmanager
def unrecorded(image):
    image.undo_freeze()
    try:
        yield
    finally:
        image.undo_thaw()


@contextmanager
def one_undo_step(image):
    image.undo_group_start()
    try:
        yield
    finally:
        image.undo_group_end()


@contextmanager
def _told(sentence: str) -> Iterator[None]:
    """For what comes along with a result: where it fails, the result stays and the person hears."""
    try:
        yield
    except Exception:
        log.error("%s\n%s", sentence, traceback.format_exc())
        Gimp.message(
            sentence + "\n" + _("Filters > Pentimento > Setup > Doctor shows the details.")
        )


def insert(image, layer, parent, position: int) -> None:
    if not image.insert_layer(layer, parent, position):
        raise not_inserted()


def not_inserted() -> NotPossible:
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
        add_mask(layer, mask)
    if picture.record:
        with _told(_("The layer can't keep its record; Generate Again will not know it.")):
            metadata.attach(layer, {**looks(layer), **picture.record})


def looks(layer) -> Dict[str, str]:
    """What the layer and its mask look like, by which a record knows them again (gimpio.pose)."""
    found = {"print": prints.written(prints.of(layer))}
    mask = layer.get_mask()
    if mask is not None:
        whole = Box(0, 0, mask.get_width(), mask.get_height())
        found["mask"] = pixels.read(mask, whole, "y-u8").blob_id
        found["mask_print"] = prints.written(prints.of(mask, channels=1))
    return found


def place_above(image, above):
    """(parent, position) for a layer above another one, which may be gone by now."""
    if above is None or above not in sources.tree(image):
        return None, 0
    return above.get_parent(), image.get_item_position(above)


def new_layer(image, picture: Picture, box: Box) -> Any:
    """A layer with the picture's pixels at its place, not yet in the image: in a group whose
    position is locked it could not be moved any more."""
    if isinstance(picture.pixels, Stored):
        layer = _copied(image, picture, picture.pixels)
    elif pixels.unknown_space(image):
        layer = _converted(image, picture, picture.pixels)
    else:
        layer = _filled(image, picture, picture.pixels)
    layer.set_offsets(box.x, box.y)
    return layer


def _copied(image, picture: Picture, stored: Stored) -> Any:
    """By way of an image without a profile, where numbers can be written as they are."""
    draft = Gimp.Image.new_with_precision(
        stored.width, stored.height, image.get_base_type(), image.get_precision()
    )
    try:
        gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
        kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
        size = (stored.width, stored.height)
        layer = Gimp.Layer.new(draft, "draft", *size, kind, 100, Gimp.LayerMode.NORMAL)
        draft.insert_layer(layer, None, 0)
        pixels.write_stored(layer, pixels.opaque(stored))
        draft.set_color_profile(image.get_color_profile())
        copied = Gimp.Layer.new_from_drawable(layer, image)
        copied.set_name(texts.line(picture.name))
        return copied
    finally:
        draft.delete()


def _converted(image, picture: Picture, content: Pixels) -> Any:
    """For a profile that GEGL can't convert to: GIMP converts a whole image to it."""
    draft = Gimp.Image.new_with_precision(
        content.width,
        content.height,
        image.get_base_type(),
        image.get_precision(),
    )
    try:
        pixels.to_float(draft)
        layer = _filled(draft, picture, content)
        draft.insert_layer(layer, None, 0)
        draft.convert_color_profile(image.get_color_profile(), pixels.RELATIVE, True)
        converted = Gimp.Layer.new_from_drawable(layer, image)
        converted.set_name(texts.line(picture.name))
        return converted
    finally:
        draft.delete()


def _filled(image, picture: Picture, content: Pixels) -> Any:
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
    layer = Gimp.Layer.new(
        image,
        texts.line(picture.name),
        content.width,
        content.height,
        kind,
        100,
        Gimp.LayerMode.NORMAL,
    )
    pixels.write(layer, content)
    return layer


def add_mask(layer, mask: Mask) -> None:
    layer_mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(layer_mask)
    if isinstance(mask, Stored):
        pixels.write_stored(layer_mask, mask)
    else:
        pixels.write(layer_mask, mask)
    layer.set_edit_mask(False)
