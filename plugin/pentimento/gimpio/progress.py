"""Work in a thread while GIMP's progress bar goes on. GIMP's own Cancel ends the whole process, the
thread with it; the server notices and cancels the job."""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional

from gi.repository import Gimp

TICK_SECONDS = 0.1


class Progress:
    """GIMP's progress bar. `tell` may be called from any thread; libgimp is called from the main
    thread only."""

    def __init__(self, title: str) -> None:
        self._text, self._fraction = title, None  # type: str, Optional[float]
        self._shown = title
        Gimp.progress_init(title)

    def tell(self, text: str, fraction: Optional[float] = None) -> None:
        """`fraction` 0..1, or None while there is nothing to count."""
        self._text, self._fraction = text, fraction

    def wait_for(self, work: Callable[[], Any]) -> Any:
        """Runs `work` in a thread; its result or its exception."""
        outcome: dict = {}

        def run() -> None:
            try:
                outcome["result"] = work()
            except BaseException as error:  # raised again in the main thread
                outcome["error"] = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(TICK_SECONDS / 4)
        while thread.is_alive():
            self._show()
            thread.join(TICK_SECONDS)
        if "error" in outcome:
            raise outcome["error"]
        return outcome["result"]

    def _show(self) -> None:
        text, fraction = self._text, self._fraction
        if text != self._shown:
            Gimp.progress_set_text(text)
            self._shown = text
        if fraction is None:
            Gimp.progress_pulse()
        else:
            Gimp.progress_update(min(1.0, max(0.0, fraction)))

    def end(self) -> None:
        Gimp.progress_end()
