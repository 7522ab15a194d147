"""Brings pictures to the reader: redrawn in place on a terminal, one line for each sync elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Protocol, TextIO

from daemon.demo.screen import (
    MIN_WIDTH,
    Paint,
    Picture,
    ansi,
    draw,
    draw_chart,
    format_sync,
    plain,
)

MIN_HEIGHT = 18
MAX_HEIGHT = 32
_HIDE_CURSOR, _SHOW_CURSOR, _CLEAR = "\x1b[?25l", "\x1b[?25h", "\x1b[2J\x1b[H"
_PLAIN_WIDTH, _PLAIN_ROWS = 80, 20


class Display(Protocol):
    """Where pictures go."""

    def show(self, picture: Picture) -> None:
        """Bring `picture` to the reader."""

    def close(self, picture: Picture) -> None:
        """Leave the last picture there for good."""


def choose_display(out: TextIO, environ: Mapping[str, str]) -> Display:
    """Return a live display if `out` is a terminal that is large enough, a plain one otherwise."""
    columns, lines = shutil.get_terminal_size()
    is_terminal = out.isatty() and environ.get("TERM", "dumb") != "dumb"
    if is_terminal and columns >= MIN_WIDTH and lines >= MIN_HEIGHT:
        return LiveDisplay(out, plain if environ.get("NO_COLOR") else ansi)
    return PlainDisplay(out)


class LiveDisplay:
    """Redraws in place."""

    def __init__(self, out: TextIO, paint: Paint) -> None:
        self._out = out
        self._paint = paint
        self._size: os.terminal_size | None = None
        self._drawn = 0

    def show(self, picture: Picture) -> None:
        """Draw over the picture before; a window that changed its size is cleared."""
        size = shutil.get_terminal_size()
        lines = draw(picture, size.columns, min(size.lines, MAX_HEIGHT) - 1, self._paint)
        start = f"\x1b[{self._drawn}F" if self._drawn else ""
        if size != self._size:
            start = _HIDE_CURSOR + _CLEAR if self._size else _HIDE_CURSOR
            self._size = size
        self._out.write(start + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        self._out.flush()
        self._drawn = len(lines)

    def close(self, _picture: Picture) -> None:
        """Give the cursor back."""
        self._out.write(_SHOW_CURSOR)
        self._out.flush()


class PlainDisplay:
    """Writes a line for each sync and each note, and the chart in the end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = 0
        self._note = ""

    def show(self, picture: Picture) -> None:
        """Write what is new."""
        if picture.note and picture.note != self._note:
            self._note = picture.note
            self._out.write(f"        ({picture.note})\n")
        for sync in picture.syncs[self._shown :]:
            self._out.write(f"{format_sync(picture.story, sync, picture.target)}\n")
        self._shown = len(picture.syncs)
        self._out.flush()

    def close(self, picture: Picture) -> None:
        """Write the chart."""
        lines = draw_chart(picture, _PLAIN_WIDTH, _PLAIN_ROWS, plain)
        self._out.writelines(f"{line}\n" for line in ("", *lines))
        self._out.flush()
