"""A dialog whose status line says what the server would do with its values."""

from __future__ import annotations

from typing import Any

from dialogs.job_dialog import JobDialog
from dialogs.status_line import StatusLine


class PlannedDialog(JobDialog):
    """`status` is to be shown below the body; it asks `plan_request` and the like (JobDialog)."""

    def __init__(self, procedure: Any, config: Any, context: Any, go: str) -> None:
        super().__init__(procedure, config, context, go)
        self.status = StatusLine(self)

    def changed_outside(self) -> None:
        self.status.update()

    def close(self) -> None:
        self.status.close()
        super().close()
