"""`Format`: Go's Sprintf over OTTL values (spec/ottl.md 4.4). A wrong verb or a missing value gives text, no error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.durations import format_duration
from daemon.ottl.functions.gotext import MAX_DEPTH, format_json, to_datetime
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.functions.verbs import (
    Flags,
    format_boolean,
    format_bytes,
    format_integer,
    format_number,
    format_text,
    pad,
)
from daemon.ottl.values import Duration, Opaque, RawList, RawMap, Time, TypedSlice, Value

MAX_OUTPUT: Final = 1 << 20
"""Characters that one call may write; more is refused, since a width alone can ask for millions."""

_MAX_NUMBER: Final = 1_000_000
"""Go's own bound for widths, precisions and argument numbers; a larger one spoils the verb."""

_FLAG_CHARACTERS: Final = {"+": "plus", "-": "minus", "#": "sharp", " ": "space", "0": "zero"}
_TEXT_VERBS: Final = "vsxXq"


def sprintf(template: str, arguments: Sequence[Value]) -> str:
    """Return the template with its verbs replaced by the arguments, as Go writes them.

    Raises OttlEvaluationError when the text would exceed `MAX_OUTPUT` characters.
    """
    return _Printer(template, arguments).run()


class _Printer:
    """One pass over a template."""

    def __init__(self, template: str, arguments: Sequence[Value]) -> None:
        self._template = template
        self._arguments = arguments
        self._at = 0
        self._next = 0
        self._reordered = False
        self._good_index = True
        self._pieces: list[str] = []
        self._size = 0

    def run(self) -> str:
        while self._at < len(self._template):
            percent = self._template.find("%", self._at)
            end = len(self._template) if percent < 0 else percent
            self._write(self._template[self._at : end])
            self._at = end + 1
            if percent >= 0:
                self._verb()
        if not self._reordered and self._next < len(self._arguments):
            self._write(f"%!(EXTRA {', '.join(map(_described, self._arguments[self._next :]))})")
        return "".join(self._pieces)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            raise OttlEvaluationError(f"Format: the text exceeds {MAX_OUTPUT} characters")
        self._pieces.append(text)

    def _verb(self) -> None:
        self._good_index = True
        self._reordered = False
        names: dict[str, bool] = {}
        while self._peek() in _FLAG_CHARACTERS:
            names[_FLAG_CHARACTERS[self._peek()]] = True
            self._at += 1
        flags = Flags(**names)
        after_index = self._argument_index()
        flags, after_index = self._width(flags, after_index)
        flags, after_index = self._precision(flags, after_index)
        if not after_index:
            self._argument_index()
        verb = self._peek()
        if not verb:
            self._write("%!(NOVERB)")
            return
        self._at += 1
        self._write(self._print(verb, flags))

    def _print(self, verb: str, flags: Flags) -> str:
        if verb == "%":
            return "%"
        if not self._good_index:
            return f"%!{verb}(BADINDEX)"
        if self._next >= len(self._arguments):
            return f"%!{verb}(MISSING)"
        argument = self._arguments[self._next]
        self._next += 1
        if verb == "v":
            flags = replace(flags, sharp=False, sharp_v=flags.sharp, plus=False)
        return print_value(argument, verb, flags)

    def _width(self, flags: Flags, after_index: bool) -> tuple[Flags, bool]:
        if self._peek() == "*":
            self._at += 1
            width = self._star()
            if width is None:
                self._write("%!(BADWIDTH)")
            elif width < 0:
                return replace(flags, width=-width, minus=True, zero=False), False
            return replace(flags, width=width), False
        width = self._number()
        if after_index and width is not None:
            self._good_index = False
        return replace(flags, width=width), after_index

    def _precision(self, flags: Flags, after_index: bool) -> tuple[Flags, bool]:
        if self._peek() != "." or self._at + 1 == len(self._template):
            return flags, after_index
        self._at += 1
        if after_index:
            self._good_index = False
        after_index = self._argument_index()
        if self._peek() != "*":
            return replace(flags, precision=self._number() or 0), after_index
        self._at += 1
        precision = self._star()
        if precision is None:
            self._write("%!(BADPREC)")
        elif precision < 0:
            precision = None
            self._write("%!(BADPREC)")
        return replace(flags, precision=precision), False

    def _star(self) -> int | None:
        if self._next >= len(self._arguments):
            return None
        value = self._arguments[self._next]
        self._next += 1
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_NUMBER:
            return None
        return value

    def _number(self) -> int | None:
        start = self._at
        number = 0
        while self._peek().isascii() and self._peek().isdigit():
            if number > _MAX_NUMBER:
                self._at = len(self._template)
                return None
            number = number * 10 + int(self._peek())
            self._at += 1
        return number if self._at > start else None

    def _argument_index(self) -> bool:
        """Read `[n]` if it stands here; tell whether it was well formed."""
        if self._peek() != "[":
            return False
        self._reordered = True
        end = self._template.find("]", self._at)
        inside = self._template[self._at + 1 : end] if end > 0 else ""
        self._at = end + 1 if end > 0 else self._at + 1
        well_formed = inside.isascii() and inside.isdigit() and len(inside) < 8
        index = int(inside) - 1 if well_formed else -1
        if not 0 <= index < len(self._arguments):
            self._good_index = False
            return well_formed
        self._next = index
        return True

    def _peek(self) -> str:
        return self._template[self._at : self._at + 1]


def print_value(value: Value, verb: str, flags: Flags, depth: int = 0) -> str:
    """Return one value written by one verb."""
    if depth > MAX_DEPTH:
        raise OttlEvaluationError(f"Format: a list or map nests deeper than {MAX_DEPTH}")
    if verb == "T":
        return pad(go_type(value), flags)
    if value is None and (verb == "v" or depth):
        return pad("<nil>", flags) if not depth else "<nil>"
    if isinstance(value, TypedSlice):
        value = list(value.items)
    if isinstance(value, list):
        return f"[{_joined(print_value(v, verb, flags, depth + 1) for v in value)}]"
    if isinstance(value, dict):
        members = (
            f"{print_value(key, verb, flags, depth + 1)}:{print_value(value[key], verb, flags, depth + 1)}"
            for key in sorted(value)
        )
        return f"map[{_joined(members)}]"
    text = _print_scalar(value, verb, flags)
    return text if text is not None else _bad_verb(value, verb, flags)


def _joined(texts: Iterable[str]) -> str:
    pieces: list[str] = []
    size = 0
    for text in texts:
        size += len(text) + 1
        if size > MAX_OUTPUT:
            raise OttlEvaluationError(f"Format: the text exceeds {MAX_OUTPUT} characters")
        pieces.append(text)
    return " ".join(pieces)


def _print_scalar(value: Value, verb: str, flags: Flags) -> str | None:
    match value:
        case bool():
            return format_boolean(value, verb, flags)
        case int():
            return format_integer(value, verb, flags)
        case float():
            return format_number(value, verb, flags)
        case str():
            return format_text(value, verb, flags)
        case bytes():
            return format_bytes(value, verb, flags)
        case Duration() if verb in _TEXT_VERBS:
            return format_text(format_duration(value), verb, flags)
        case Duration():
            return format_integer(value.nanoseconds, verb, flags)
        case Time() if verb in _TEXT_VERBS:
            return format_text(_time_text(value), verb, flags)
        case Opaque() if verb in _TEXT_VERBS:
            text = value.target.hex() if isinstance(value.target, bytes) else format_json(value)
            return format_text(text, verb, flags)
        case _:
            return None


def _bad_verb(value: Value, verb: str, flags: Flags) -> str:
    return f"%!{verb}({_described(value, flags)})"


def _described(value: Value, flags: Flags | None = None) -> str:
    if value is None:
        return "<nil>"
    return f"{go_type(value)}={print_value(value, 'v', flags or Flags())}"


def go_type(value: Value) -> str:
    """Return the name of the Go type that the collector holds such a value in."""
    match value:
        case TypedSlice():
            return "[]" + value.element
        case RawList():
            return "[]interface {}"
        case RawMap():
            return "map[string]interface {}"
        case Opaque():
            return value.name
        case _:
            return next(name for kind, name in _GO_TYPES if isinstance(value, kind))


_GO_TYPES: Final[tuple[tuple[type, str], ...]] = (
    (type(None), "<nil>"),
    (bool, "bool"),
    (int, "int64"),
    (float, "float64"),
    (str, "string"),
    (bytes, "[]uint8"),
    (list, "pcommon.Slice"),
    (dict, "pcommon.Map"),
    (Time, "time.Time"),
    (Duration, "time.Duration"),
)


def _time_text(time: Time) -> str:
    moment = to_datetime(time)
    fraction = f"{time.unix_nano % 10**9:09d}".rstrip("0")
    point = "." if fraction else ""
    offset = moment.strftime("%z")[:5]
    return f"{moment.year:04d}-{moment:%m-%d %H:%M:%S}{point}{fraction} {offset} {moment.tzname()}"


def _bind(literals: Mapping[str, Value]) -> Function:
    template = str(literals["format"])
    return lambda _format, vals: sprintf(template, vals)


CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="Format",
        params=(
            Param("format", ParamKind.LITERAL_STRING),
            Param("vals", ParamKind.ANY, many=True),
        ),
        bind=_bind,
    ),
)
