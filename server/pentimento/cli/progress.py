"""The progress bar of the shell, on stderr so that stdout stays for results."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from pentimento.cli.speech import said


class Bar:
    """Words and a bar; nothing at all when quiet or when stderr is not a terminal. `guesses`: it
    tells the time that is left, from how fast it went of late."""

    def __init__(self, *, quiet: bool, guesses: bool = True) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            *([TimeRemainingColumn()] if guesses else []),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task(said("Waiting"), total=1.0)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._progress.stop()

    def show(self, words: str, fraction: float | None = None) -> None:
        """`fraction` 0..1 of the whole job; None leaves the bar where it is."""
        self._progress.update(self._task, description=said(words), completed=fraction)

    def say(self, words: str) -> None:
        """A line that stays, quiet or not."""
        self._progress.console.print(said(words), markup=False, highlight=False, soft_wrap=True)
