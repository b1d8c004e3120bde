"""How points in time are written for a person."""

from __future__ import annotations

import locale

from i18n import _

NO_LOCALE = ("C", "POSIX")  # whose dates are the American ones


def pattern() -> str:
    """Date and time, for GLib.DateTime.format: as the person's locale has them. Where the process
    has none, as the language of the texts does."""
    chosen = (locale.setlocale(locale.LC_TIME) or "C").partition(".")[0]
    return _("%Y-%m-%d %H:%M") if chosen in NO_LOCALE else "%x %H:%M"
