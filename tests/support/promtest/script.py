"""The commands of a script: text to `Clear`, `Load` and `Eval` (promql.md 4.4)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from query.labels import Labels
from tests.support.promtest.series import (
    START_TIMES,
    NotationError,
    Value,
    parse_labels,
    parse_ms,
    parse_number,
    parse_values,
    split_series,
)


class ScriptError(Exception):
    """A line that is no part of a script."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Drop all data."""

    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Write series: value i of each at i * step_ms."""

    line: int
    step_ms: int
    series: dict[Labels, list[Value]] = field(default_factory=dict)
    refused: str = ""
    """Why evaluations over this data cannot be judged here, or nothing."""


@dataclass(slots=True, kw_only=True)
class Expected:
    """What an evaluation must yield."""

    series: list[tuple[Labels, list[Value]]] = field(default_factory=list)
    scalar: float | None = None
    string: str | None = None
    matrix_ms: tuple[int, int, int] | None = None
    """Start, end and step of the range vector that an instant query must yield."""
    fails: bool = False
    ordered: bool = False
    warns: bool | None = None
    infos: bool | None = None
    histograms: bool = False
    texts: list[tuple[str, str, str]] = field(default_factory=list)
    """(fail, warn or info; msg or regex; text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eval:
    """Ask one question; an instant query has start = end and no step."""

    line: int
    query: str
    start_ms: int
    end_ms: int
    step_ms: int | None
    expected: Expected


Command = Clear | Load | Eval

_LOAD = re.compile(r"load(?P<nhcb>_with_nhcb)?\s+(?P<step>\S+)", re.IGNORECASE)
_INSTANT = re.compile(
    r"eval(?:_(?P<mode>fail|warn|info|ordered))?\s+instant\s+(?:at\s+(?P<at>\S+)\s+)?(?P<query>\S.*)",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"eval(?:_(?P<mode>fail|warn|info))?\s+range\s+from\s+(?P<start>\S+)\s+to\s+(?P<end>\S+)"
    r"\s+step\s+(?P<step>\S+)\s+(?P<query>\S.*)",
    re.IGNORECASE,
)
_EXPECT = re.compile(
    r"expect\s+(?P<what>fail|warn|no_warn|info|no_info|ordered)(?:\s+(?P<how>msg|regex):\s*(?P<text>.*))?"
)
_OLD_TEXT = re.compile(r"expected_fail_(?P<how>message|regexp)\s+(?P<text>.*)")
_EXPECT_STRING = re.compile(r"expect\s+string\s+(?P<text>.+)")
_EXPECT_MATRIX = re.compile(
    r"expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)", re.IGNORECASE
)


def parse_script(text: str) -> list[Command]:
    """Return the commands of a script.

    Raises:
        ScriptError: a line that is none.
    """
    return list(_commands(_blocks(text)))


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Yield the runs of lines that have no empty line between them; a comment counts as empty."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            block.append((number, stripped))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _commands(blocks: Iterator[list[tuple[int, str]]]) -> Iterator[Command]:
    for block in blocks:
        lines = list(block)
        while lines and lines[0][1].lower() == "clear":
            yield Clear(line=lines.pop(0)[0])
        if not lines:
            continue
        (number, first), *rest = lines
        try:
            yield _command(number, first, rest)
        except NotationError as error:
            raise ScriptError(number, str(error)) from error


def _command(number: int, first: str, rest: Sequence[tuple[int, str]]) -> Command:
    word = first.split(maxsplit=1)[0].lower()
    if word.startswith("load"):
        return _load(number, first, rest)
    if word.startswith("eval"):
        return _eval(number, first, rest)
    raise ScriptError(number, f"expected clear, load or eval, got {word!r}")


def _load(number: int, first: str, rest: Sequence[tuple[int, str]]) -> Load:
    found = _LOAD.fullmatch(first)
    if found is None:
        raise ScriptError(number, f"expected load and a duration, got {first!r}")
    refused = "load_with_nhcb: native histograms with custom buckets" if found["nhcb"] else ""
    series: dict[Labels, list[Value]] = {}
    for line, text in rest:
        labels, values = split_series(text)
        if labels.endswith(START_TIMES):
            refused = "start timestamps"
            continue
        try:
            series[parse_labels(labels)] = parse_values(values)
        except NotationError as error:
            raise ScriptError(line, str(error)) from error
    return Load(line=number, step_ms=parse_ms(found["step"]), series=series, refused=refused)


def _eval(number: int, first: str, rest: Sequence[tuple[int, str]]) -> Eval:
    expected = Expected()
    if found := _RANGE.fullmatch(first):
        start_ms, end_ms, step_ms = (parse_ms(found[name]) for name in ("start", "end", "step"))
        evaluation = Eval(
            line=number,
            query=found["query"],
            start_ms=start_ms,
            end_ms=end_ms,
            step_ms=step_ms,
            expected=expected,
        )
    elif found := _INSTANT.fullmatch(first):
        at_ms = parse_ms(found["at"] or "0")
        evaluation = Eval(
            line=number,
            query=found["query"],
            start_ms=at_ms,
            end_ms=at_ms,
            step_ms=None,
            expected=expected,
        )
    else:
        raise ScriptError(number, f"expected eval instant at or eval range from, got {first!r}")
    _mode(expected, (found["mode"] or "").lower())
    for line, text in rest:
        try:
            _expect(expected, text, number=line)
        except NotationError as error:
            raise ScriptError(line, str(error)) from error
    return evaluation


def _mode(expected: Expected, mode: str) -> None:
    """Take in what follows `eval` or `expect`."""
    match mode:
        case "fail":
            expected.fails = True
        case "ordered":
            expected.ordered = True
        case "warn" | "no_warn":
            expected.warns = mode == "warn"
        case "info" | "no_info":
            expected.infos = mode == "info"


def _expect(expected: Expected, text: str, *, number: int) -> None:
    """Take in one line below an eval."""
    if found := _EXPECT_STRING.fullmatch(text):
        expected.string = _string(found["text"])
    elif found := _EXPECT_MATRIX.fullmatch(text):
        start_ms, end_ms, step_ms = (parse_ms(part) for part in found.groups())
        expected.matrix_ms = (start_ms, end_ms, step_ms)
    elif found := _EXPECT.fullmatch(text):
        _mode(expected, found["what"])
        if found["how"]:
            expected.texts.append((found["what"], found["how"], found["text"].strip()))
    elif found := _OLD_TEXT.fullmatch(text):
        how = "msg" if found["how"] == "message" else "regex"
        expected.texts.append(("fail", how, found["text"]))
    elif text.split(maxsplit=1)[0] == "expect":
        raise ScriptError(number, f"expected one of the expect lines, got {text!r}")
    elif "{{" in text:
        expected.histograms = True
    else:
        _expect_values(expected, text)


def _expect_values(expected: Expected, text: str) -> None:
    try:
        expected.scalar = parse_number(text)
    except NotationError:
        labels, values = split_series(text)
        expected.series.append((parse_labels(labels), parse_values(values)))


def _string(text: str) -> str:
    """Return a quoted text; Go's and Python's escapes agree on all that the scripts use."""
    if text[:1] == "`" and text[-1:] == "`" and len(text) > 1:
        return text[1:-1]
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError) as error:
        raise NotationError(f"expected a quoted text, got {text!r}") from error
    if not isinstance(value, str):
        raise NotationError(f"expected a quoted text, got {text!r}")
    return value
