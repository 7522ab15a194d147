"""Where in the file a value stands: key path, and character inside a string value, to line and column."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daemon.config.errors import ConfigError, KeyPath, UnknownKeyError

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r\n|.)", re.DOTALL)
_BLANK_ESCAPES = frozenset("tnvfrN_LP \t\n\r\x85\u2028\u2029")


class Place(NamedTuple):
    """Line and column, both counted from 1; (0, 0) where there is no file."""

    line: int
    column: int


class Piece(NamedTuple):
    """From `start` on, the expanded text came from `source` on; a reference's whole value came from one character."""

    start: int
    source: int
    is_reference: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where one value and its key stand; indexes count characters of the file's text."""

    start: int
    end: int
    key_start: int | None = None
    style: str | None = None
    """None for a plain scalar, one of `' " | >`, or "" for a mapping or list."""
    value: str = ""
    """The scalar as YAML reads it, before expansion."""
    pieces: Sequence[Piece] = ()
    """How the expanded text came about; empty where nothing was expanded."""


class Marks:
    """Key path -> place in one file."""

    def __init__(self, name: str, text: str, marks: Mapping[KeyPath, Mark]) -> None:
        self._name = name
        self._text = text
        self._marks = marks
        self._line_starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
        self._root: KeyPath = ()

    @property
    def name(self) -> str:
        """What the file is called in messages."""
        return self._name

    def below(self, root: KeyPath) -> Marks:
        """Return the same marks for paths that begin at `root`."""
        marks = Marks(self._name, self._text, self._marks)
        marks._root = self._root + root
        return marks

    def place(self, path: KeyPath, offset: int | None = None, *, at_key: bool = False) -> Place:
        """Return where `path` stands, or the nearest that contains it; `offset` leads into a string value."""
        full = self._root + path
        if full not in self._marks and path in self._marks:
            full = path
        mark = self._marks.get(full)
        while mark is None and full:
            full = full[:-1]
            mark, offset, at_key = self._marks.get(full), None, True
        return (
            self._place_at(_index(mark, self._text, offset, at_key=at_key)) if mark else Place(0, 0)
        )

    def render(self, error: ConfigError) -> str:
        """Return `file:line:column: where: what was expected`."""
        place = self.place_of(error)
        at = f":{place.line}:{place.column}" if place.line else ""
        where = f"{format_path(error.path)}: " if error.path else ""
        return f"{self._name}{at}: {where}{error.expected}"

    def place_of(self, error: ConfigError) -> Place:
        """Return where `error` is."""
        return self.place(error.path, error.offset, at_key=isinstance(error, UnknownKeyError))

    def _place_at(self, index: int) -> Place:
        line = bisect_right(self._line_starts, index)
        return Place(line, index - self._line_starts[line - 1] + 1)


def format_path(path: KeyPath) -> str:
    """Return `path` as operators write it: `processors.filter/dapr.metrics.metric[0]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


def _index(mark: Mark, text: str, offset: int | None, *, at_key: bool) -> int:
    is_scalar = mark.style != ""
    if mark.key_start is not None and (at_key or not is_scalar or mark.start == mark.end):
        return mark.key_start
    if offset is None or not is_scalar:
        return mark.start
    return _index_in_scalar(mark, text, offset)


def _index_in_scalar(mark: Mark, text: str, offset: int) -> int:
    """Return the index in `text` of character `offset` of the value.

    Folding, indentation and quoting only ever add or remove blanks, so the n-th visible character of the value is the
    n-th visible character of the source; expansion is undone first.
    """
    before = mark.value[: _before_expansion(mark.pieces, offset)]
    n = sum(not char.isspace() for char in before)
    written = list(_visible(mark, text))
    if not written:
        return mark.start
    return written[n] if n < len(written) else written[-1] + 1


def _visible(mark: Mark, text: str) -> Iterator[int]:
    """Yield where each character of the value that is no blank stands in `text`."""
    index, end = mark.start, mark.end
    if mark.style in {"|", ">"}:
        index = text.find("\n", index, end) + 1 or end
    elif mark.style:
        index, end = index + 1, end - 1
    while index < end:
        size, is_visible = _unit(mark.style, text, index)
        if is_visible:
            yield index
        index += size


def _unit(style: str | None, text: str, index: int) -> tuple[int, bool]:
    """Return the length of what stands for one character at `index`, and whether it is no blank."""
    if style == "'" and text.startswith("''", index):
        return 2, True
    escape = _ESCAPE.match(text, index) if style == '"' else None
    if escape is None:
        return 1, not text[index].isspace()
    code = escape[0][1:]
    if len(code) > 1 and code[0] in "xuU":
        return len(escape[0]), not chr(int(code[1:], 16)).isspace()
    return len(escape[0]), code[0] not in _BLANK_ESCAPES


def _before_expansion(pieces: Sequence[Piece], offset: int) -> int:
    if not pieces:
        return offset
    piece = pieces[bisect_right(pieces, offset, key=lambda piece: piece.start) - 1]
    return piece.source if piece.is_reference else piece.source + offset - piece.start
