"""Work outside the main thread for dialogs: HTTP must never block a window."""

from __future__ import annotations

import threading
from typing import Any, Callable

from gi.repository import GLib


class Background:
    """Runs functions in threads and hands their results to the main thread, as long as the dialog
    that owns this is open."""

    def __init__(self) -> None:
        self._open = True

    def run(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Calls `done(result)` or `failed(error)` in the main thread after `work()` in a thread."""

        def go() -> None:
            try:
                result = work()
            except Exception as error:
                self.tell(failed, error)
            else:
                self.tell(done, result)

        threading.Thread(target=go, daemon=True).start()

    def tell(self, hear: Callable[[Any], None], message: Any) -> None:
        """From any thread: calls `hear(message)` in the main thread."""

        def deliver() -> bool:
            if self._open:
                hear(message)
            return GLib.SOURCE_REMOVE

        GLib.idle_add(deliver)

    def close(self) -> None:
        """From now on results are dropped: their widgets are gone."""
        self._open = False
