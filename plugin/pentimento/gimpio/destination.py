"""Where results may go: into the image as it is, into the image converted first, or into a new one.

Indexed images can't hold a result's colours, and with linear light a profile made of tables can't
be converted to and from exactly; both are refused unless the person has chosen a way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gi.repository import Gimp

import choices
from errors import NotPossible
from gimpio import pixels
from i18n import _

if TYPE_CHECKING:
    from option_values import Values


@dataclass(frozen=True)
class Destination:
    """`convert` is one of choices.CONVERSIONS; what it does not apply to, it leaves alone."""

    new_image: bool = False
    convert: str = choices.KEEP
    mark: bool = False

    @classmethod
    def of(cls, values: Values) -> Destination:
        return cls(
            values.get("target") == choices.NEW_IMAGE,  # not all actions have the choice
            values["convert"],
            bool(values["mark-digital-source"]),
        )

    def check(self, image) -> None:
        """Refuses images whose colours can't be brought back right this way."""
        if self.new_image:
            return
        if is_indexed(image) and self.convert != choices.TO_RGB:
            raise NotPossible(
                _("Indexed images cannot take the result."),
                _("Choose to convert it to RGB (undo restores it), or a new image, under Result."),
                "indexed",
            )
        if pixels.linear_tables(image) and self.convert != choices.TO_SRGB:
            raise NotPossible(
                _("This image joins linear light with a color profile made of tables."),
                _(
                    "Choose to convert it to sRGB first, or put the result into a new image. The "
                    "image alone: Image > Color Management > Convert to Color Profile."
                ),
                "linear_lut_profile",
            )

    def keeps(self, image) -> bool:
        """Whether numbers of the image mean the same where the result goes."""
        return not self.new_image and not self.converts(image)

    def converts(self, image) -> bool:
        """Whether the image itself changes its mode or its profile."""
        return not self.new_image and (self._to_rgb(image) or self._to_srgb(image))

    def prepare(self, image) -> None:
        """Converts the image if that was chosen; belongs into the undo step of the result."""
        if self.new_image:
            return
        if self._to_rgb(image):
            image.convert_rgb()
        elif self._to_srgb(image):
            pixels.to_srgb(image)

    def _to_rgb(self, image) -> bool:
        return self.convert == choices.TO_RGB and not is_rgb(image)

    def _to_srgb(self, image) -> bool:
        return self.convert == choices.TO_SRGB and pixels.unknown_space(image)

    def image_like(self, image, width: int, height: int) -> Any:
        """A new, empty RGB image for results from `image`: its precision, and its profile where
        results can be written in it."""
        made = Gimp.Image.new_with_precision(
            width, height, Gimp.ImageBaseType.RGB, image.get_precision()
        )
        profile = image.get_color_profile()
        if profile is not None and is_rgb(image) and not pixels.linear_tables(image):
            made.set_color_profile(profile)
        resolution = image.get_resolution()
        made.set_resolution(*resolution[-2:])
        return made


def is_indexed(image) -> bool:
    return image.get_base_type() == Gimp.ImageBaseType.INDEXED


def is_rgb(image) -> bool:
    return image.get_base_type() == Gimp.ImageBaseType.RGB
