"""How far the work is: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import IO, Protocol

_LINE_SECONDS = 5.0


class Progress(Protocol):
    """Somebody who is told how far the work is."""

    def begin(self, total: int, done: int) -> None:
        """Say how many judgments there are and how many of them were made before."""

    def step(self, label: str) -> None:
        """Say that one more judgment is made; the label is its model and condition."""

    def note(self, text: str) -> None:
        """Pass on a sentence for the user."""

    def end(self) -> None:
        """Say that the work stops, finished or not."""


class SilentProgress:
    """Tells nobody."""

    def begin(self, total: int, done: int) -> None:
        """Do nothing."""

    def step(self, label: str) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class LineProgress:
    """A plain line every few seconds, for logs and pipes.

    Parameters
    ----------
    stream : text stream
        Where the lines go.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._total = self._done = self._before = 0
        self._first = self._told = 0.0

    def begin(self, total: int, done: int) -> None:
        """Tell the size of the work."""
        self._total, self._done, self._before = total, done, done
        self._told = time.monotonic()
        self.note(f"collecting {_counted(total, done)}")

    def step(self, label: str) -> None:
        """Tell the state when the last line is a few seconds old."""
        self._done += 1
        now = time.monotonic()
        if self._done == self._before + 1:
            # A model takes its time to open, which says nothing about the speed of judgments.
            self._first = self._told = now
            return
        if now - self._told < _LINE_SECONDS and self._done < self._total:
            return
        self._told = now
        rate = (self._done - self._before - 1) / max(now - self._first, 1e-9)
        left = (self._total - self._done) / rate
        self.note(
            f"{self._done}/{self._total} judgments, {rate:.3g} a second, "
            f"about {duration(left)} left ({label})"
        )

    def note(self, text: str) -> None:
        """Write a line."""
        print(text, file=self._stream, flush=True)

    def end(self) -> None:
        """Do nothing: the last line has told it."""


class BarProgress:
    """A bar with the time left, for terminals.

    Parameters
    ----------
    stream : text stream
        The terminal.
    """

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("collecting"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("left  {task.description}"),
            console=Console(file=stream),
            speed_estimate_period=60.0,
        )
        self._task = self._bar.add_task("", total=None)
        # A condition may be called anything, and a label of the bar may hold markup.
        self._escape = escape

    def begin(self, total: int, done: int) -> None:
        """Show the bar, and above it how much was made before."""
        if done:
            self.note(_counted(total, done))
        self._bar.update(self._task, total=total, completed=done)
        self._bar.start()

    def step(self, label: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, advance=1, description=self._escape(label))

    def note(self, text: str) -> None:
        """Write a line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False)

    def end(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()


def progress_for(stream: IO[str] = sys.stderr, *, quiet: bool = False) -> Progress:
    """Return a bar on a terminal, lines elsewhere, and nothing when that is asked for."""
    if quiet:
        return SilentProgress()
    return BarProgress(stream) if stream.isatty() else LineProgress(stream)


def _counted(total: int, done: int) -> str:
    return f"{total} judgments" + (f", {done} of them made before" if done else "")


def duration(seconds: float) -> str:
    """Return a time as people say it: ``2 h 5 min``, ``3 min 10 s`` or ``12 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
