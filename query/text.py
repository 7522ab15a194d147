"""Places in a text: spans, line and column, caret lines, and the nearest of several names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

_SHOWN_COLUMNS = 100
"""Width of a quoted line: a terminal's, less the room a log prefix takes."""


class Span(NamedTuple):
    """The characters [start, end) of a text."""

    start: int
    end: int


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of a character, both counted from 1."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


def caret_lines(text: str, span: Span) -> str:
    r"""Return the line `span` starts in and under it a line of carets, both indented by two blanks.

    A long line is cut around the span; characters that do not print, tabs among them, are shown as blanks.
    """
    line_start = text.rfind("\n", 0, span.start) + 1
    line_end = text.find("\n", span.start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = span.start - line_start
    shown, column = _cut(line, column)
    width = max(1, min(span.end - span.start, len(shown) - column))
    printable = "".join(char if char.isprintable() else " " for char in shown)
    return f"  {printable}\n  {' ' * column}{'^' * width}"


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that looks most like `name`, or None if none comes near."""
    if len(name) > _SHOWN_COLUMNS:
        return None
    found = get_close_matches(name, list(candidates), n=1)
    return found[0] if found else None


def names_like(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Return names that begin with `name`, or else those that look most like it."""
    all_names = list(names)
    longer = [other for other in all_names if other.startswith(f"{name}_")]
    return longer[:most] or get_close_matches(name[:_SHOWN_COLUMNS], all_names, n=most)


def _cut(line: str, column: int) -> tuple[str, int]:
    """Return at most _SHOWN_COLUMNS of the line around the column, and the column's place in it."""
    if len(line) <= _SHOWN_COLUMNS:
        return line, column
    start = max(0, min(column - _SHOWN_COLUMNS // 2, len(line) - _SHOWN_COLUMNS))
    end = start + _SHOWN_COLUMNS
    before = "… " if start else ""
    after = " …" if end < len(line) else ""
    return before + line[start:end] + after, column - start + len(before)
