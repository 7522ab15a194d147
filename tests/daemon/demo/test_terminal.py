"""How pictures reach the reader: in place on a terminal, line by line elsewhere."""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import replace

import pytest

from daemon.demo.terminal import LiveDisplay, PlainDisplay, choose_display
from tests.daemon.demo.test_screen import PICTURE, SYNCS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environ", "size", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, (80, 24), LiveDisplay),
        (Terminal(), {"TERM": "dumb"}, (80, 24), PlainDisplay),
        (Terminal(), {}, (80, 24), PlainDisplay),
        (Terminal(), {"TERM": "xterm"}, (59, 24), PlainDisplay),
        (Terminal(), {"TERM": "xterm"}, (80, 17), PlainDisplay),
        (io.StringIO(), {"TERM": "xterm"}, (80, 24), PlainDisplay),
    ],
    ids=["terminal", "dumb", "no TERM", "narrow", "low", "pipe"],
)
def test_choice(
    out: io.StringIO,
    environ: dict[str, str],
    size: tuple[int, int],
    expected: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Drawing in place needs a terminal that can and that is large enough."""
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size(size))
    assert type(choose_display(out, environ)) is expected


def test_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture covers the one before; a new size clears; the cursor comes back."""
    sizes = iter([(80, 24), (80, 24), (100, 24)])
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size(next(sizes)))
    out = Terminal()
    display = choose_size_free(out)
    starts = []
    for _ in range(3):
        begin = out.tell()
        display.show(PICTURE)
        starts.append(out.getvalue()[begin : begin + 14].split(" ")[0])
    display.close(PICTURE)
    height = out.getvalue().split("\x1b[J")[0].count("\n")
    assert starts == ["\x1b[?25l", f"\x1b[{height}F", "\x1b[?25l\x1b[2J\x1b[H"]
    assert out.getvalue().endswith("\x1b[?25h")


def choose_size_free(out: io.StringIO) -> LiveDisplay:
    from daemon.demo.screen import plain

    return LiveDisplay(out, plain)


def test_plain() -> None:
    """A pipe gets each sync and each note once, the chart in the end, and no escape sequence."""
    out = io.StringIO()
    display = PlainDisplay(out)
    bare = replace(PICTURE, note="", syncs=SYNCS[:1])
    for picture in (bare, bare, replace(PICTURE, syncs=SYNCS[:2]), PICTURE):
        display.show(picture)
    display.close(PICTURE)
    written = out.getvalue()
    assert [line[:6].strip() for line in written.split("\n\n")[0].splitlines()] == [
        "0:30",
        "",
        "1:40",
        "7:00",
        "8:20",
        "10:00",
    ]
    assert ("\x1b" in written, "⣿ calls a second" in written) == (False, True)
