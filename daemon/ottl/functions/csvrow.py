"""`ParseCSV`: one row of comma-separated values with its header (spec/ottl.md 4.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.declare import TARGET
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value

_MODES: Final = ("strict", "lazyQuotes", "ignoreQuotes")


def _bind(literals: Mapping[str, Value]) -> Function:
    delimiter = _character(literals, "delimiter", ",")
    between_names = _character(literals, "header_delimiter", delimiter)
    mode = literals.get("mode") or "strict"
    if mode not in _MODES:
        raise OttlBuildError(f"ParseCSV: mode: expected one of {', '.join(_MODES)}, got {mode!r}")
    if mode != "ignoreQuotes" and delimiter in {'"', "\r", "\n", "\ufffd"}:
        raise OttlBuildError(f"ParseCSV: delimiter: {delimiter!r} cannot separate fields")
    split: Callable[[str], list[str]] = (
        (lambda row: row.split(delimiter))
        if mode == "ignoreQuotes"
        else (lambda row: split_row(row, delimiter, lazy=mode == "lazyQuotes"))
    )

    def parse(target: str, header: str, *_options: Value) -> dict[str, Value]:
        if not header:
            raise OttlEvaluationError("ParseCSV: expected a header, got an empty text")
        names, fields = header.split(between_names), split(target)
        if len(names) != len(fields):
            raise OttlEvaluationError(f"ParseCSV: expected {len(names)} fields, got {len(fields)}")
        return dict(zip(names, fields, strict=True))

    return parse


def _character(literals: Mapping[str, Value], name: str, default: str) -> str:
    given = literals.get(name)
    if given is None:
        return default
    if not isinstance(given, str) or len(given) != 1:
        raise OttlBuildError(f"ParseCSV: {name}: expected a single character, got {given!r}")
    return given


def split_row(row: str, delimiter: str, *, lazy: bool) -> list[str]:
    """Return the fields of a row; further lines go on in the last field of the line before.

    A line whose first field is bad is an error; after a bad later field the rest of that line is left out, as the
    collector does. Lazy quoting lets quotes stand inside of fields.
    """
    fields: list[str] = []
    lines = _Lines(row)
    while (line := lines.next()) is not None:
        if line == "\n":
            continue
        found = _split_line(line, lines, delimiter, lazy)
        if fields:
            fields[-1] += "\n" + found[0]
            fields += found[1:]
        else:
            fields = found
    if not fields:
        raise OttlEvaluationError("ParseCSV: expected a row, got an empty text")
    return fields


class _Lines:
    """The lines of a text, each with its newline; a carriage return before it goes."""

    def __init__(self, text: str) -> None:
        pieces = text.replace("\r\n", "\n").split("\n")
        self._lines = [piece + "\n" for piece in pieces[:-1]]
        if pieces[-1]:
            self._lines.append(pieces[-1].removesuffix("\r"))
        self._at = 0

    def next(self) -> str | None:
        """Return the next line, or None after the last."""
        if self._at == len(self._lines):
            return None
        self._at += 1
        return self._lines[self._at - 1]


def _split_line(line: str, lines: _Lines, delimiter: str, lazy: bool) -> list[str]:
    fields: list[str] = []
    rest: str | None = line
    while rest is not None:
        if rest.startswith('"'):
            field, rest, good = _quoted(rest[1:], lines, delimiter, lazy)
        else:
            field, found, after = rest.partition(delimiter)
            rest = after if found else None
            field = field if found else field.removesuffix("\n")
            good = lazy or '"' not in field
        if not good:
            break
        fields.append(field)
    if not fields:
        raise OttlEvaluationError('ParseCSV: a " stands inside of a field, or one is never closed')
    return fields


def _quoted(rest: str, lines: _Lines, delimiter: str, lazy: bool) -> tuple[str, str | None, bool]:
    """Return a quoted field, what follows its delimiter (None at the end of the row) and whether it is well formed."""
    pieces: list[str] = []
    while True:
        before, quote, after = rest.partition('"')
        pieces.append(before)
        if not quote:
            following = lines.next() if before else None
            if following is None:
                return "".join(pieces), None, lazy
            rest = following
        elif after.startswith('"'):
            pieces.append('"')
            rest = after[1:]
        elif after.startswith(delimiter):
            return "".join(pieces), after[1:], True
        elif after in {"", "\n"}:
            return "".join(pieces), None, True
        elif lazy:
            pieces.append('"')
            rest = after
        else:
            return "", None, False


def _option(name: str) -> Param:
    return Param(name, ParamKind.LITERAL_STRING, optional=True)


CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="ParseCSV",
        params=(
            TARGET,
            Param("header", ParamKind.STRING),
            _option("delimiter"),
            _option("header_delimiter"),
            _option("mode"),
        ),
        bind=_bind,
    ),
)
