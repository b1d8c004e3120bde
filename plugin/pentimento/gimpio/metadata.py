"""The job that a result layer carries, as a parasite that is saved with the image, and the mark
that says what an image is made with."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional

from gi.repository import Gimp

import texts

if TYPE_CHECKING:
    from records import LayerRecord, MapRecord

NAME = "pentimento-job"
MAP, MAPS = "pentimento-map", "pentimento-maps"  # on a control map; on the group that holds them
VARIATIONS = "pentimento-variations"  # on the group that holds the several results of one job
PREVIEW = "pentimento-preview"  # on a preview that is shown in the image for a while
FLAGS = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


# IPTC Photo Metadata Standard, property DigitalSourceType (XMP: Iptc4xmpExt)
SOURCE_TYPE_TAG = "Xmp.iptcExt.DigitalSourceType"
COMPOSITE_WITH_AI = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)


def mark_digital_source(image) -> None:
    """Adds the digital source type to the image's metadata; everything else in it stays.

    By way of GIMP's own text form of metadata, since GExiv2, which could set a tag, is not
    installed everywhere.
    """
    kept = image.get_metadata()
    root = ElementTree.fromstring(kept.serialize()) if kept is not None else None
    if root is None:
        root = ElementTree.Element("metadata")
    for tag in root.findall("tag"):
        if tag.get("name") == SOURCE_TYPE_TAG:
            root.remove(tag)
    ElementTree.SubElement(root, "tag", name=SOURCE_TYPE_TAG).text = COMPOSITE_WITH_AI
    text = ElementTree.tostring(root, encoding="unicode")
    image.set_metadata(Gimp.Metadata.deserialize(text))


def attach(layer, record: Mapping[str, Any], name: str = NAME) -> None:
    layer.attach_parasite(Gimp.Parasite.new(name, FLAGS, texts.packed(record)))


def read(layer) -> Optional[LayerRecord]:
    """The record, or None for a layer that was not made by Pentimento."""
    record: Any = read_mark(layer, NAME)
    return record


def read_mark(layer, name: str) -> Optional[Dict[str, Any]]:
    """What a layer or group carries by that name; None for nothing that can be read."""
    parasite = layer.get_parasite(name)
    if parasite is None:
        return None
    mark = texts.unpacked(parasite.get_data())
    return mark if isinstance(mark, dict) else None


def mark_preview(layer) -> None:
    attach(layer, {"version": 1, "tattoo": layer.get_tattoo()}, PREVIEW)


def is_preview(layer) -> bool:
    """Whether it is the layer that was marked so. A copy that a person has made of it is theirs."""
    mark = read_mark(layer, PREVIEW)
    return mark is not None and mark.get("tattoo") == layer.get_tattoo()


def shows_preview(layer) -> bool:
    """Whether it is a group with a preview in it."""
    children = layer.get_children() if layer.is_group() else []
    return any(is_preview(child) or shows_preview(child) for child in children)


def map_of(layer) -> Optional[MapRecord]:
    """Of a control map that Pentimento drew: its `type` and its `source`. None for other layers."""
    mark: Any = read_mark(layer, MAP)
    return mark
