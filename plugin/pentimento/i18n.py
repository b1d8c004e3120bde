"""Translation of texts shown to people, by the domain that GIMP set up for this plug-in."""

from __future__ import annotations

from gi.repository import GLib


def _(text: str) -> str:
    return GLib.dgettext(None, text) if text else text


def ngettext(one: str, many: str, number: int) -> str:
    return GLib.dngettext(None, one, many, number)
