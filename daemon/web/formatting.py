"""Values of results as Prometheus' JSON writes them: numbers, times, label sets, vectors and matrices (promql.md 2.12, 7)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from json.encoder import encode_basestring
from typing import overload

from query.evaluate.results import QueryResult, ResultType
from query.labels import Labels
from query.queryable import Float64Array

MAX_KNOWN_LABELS = 20_000
"""Label sets whose JSON is kept, a few MB: rendering takes most of the time of a large answer."""

_SMALLEST_FIXED, _LARGEST_FIXED = 1e-6, 1e21
_ELEMENTS_AT_ONCE = 2048
_POINTS_AT_ONCE = 8192
_NOT_FINITE = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def format_value(value: float) -> str:
    """Return a sample's value: the shortest digits that mean it, with an exponent only outside [1e-6, 1e21)."""
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    if "e" not in text and "n" not in text:
        return text
    return _special(value, text)


def format_scalar(value: float) -> str:
    """Return a scalar's value, which never has an exponent."""
    text = repr(value)
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    return _expanded(text)


def format_time(time_ms: int) -> str:
    """Return a time in seconds: a whole number, or exactly three decimals."""
    sign = "-" if time_ms < 0 else ""
    seconds, rest = divmod(abs(time_ms), 1000)
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"


def quoted(text: str) -> str:
    """Return `text` as a JSON string, not escaped beyond need."""
    return encode_basestring(text)


def _go_on() -> None:
    """Let rendering go on."""


class Renderer:
    """Renders results; remembers the JSON of label sets, by the identity of the sequence that holds them.

    May be used by the event loop and one worker thread at once: the worst is work done twice.
    """

    def __init__(self, max_known_labels: int = MAX_KNOWN_LABELS) -> None:
        self._max_known_labels = max_known_labels
        self._known: dict[int, tuple[Sequence[Labels], Sequence[str]]] = {}
        self._number_known = 0

    def result(self, result: QueryResult, check: Callable[[], None] = _go_on) -> list[bytes]:
        """Return `{"resultType":...,"result":...}` in pieces; `check` is called before each, and may raise."""
        match result.type:
            case ResultType.VECTOR:
                data = _array(self._vector(result), check)
            case ResultType.MATRIX:
                data = _array(self._matrix(result), check)
            case ResultType.SCALAR:
                time, value = format_time(int(result.times_ms[0])), result.values[0]
                data = [f'[{time},"{format_scalar(float(value))}"]'.encode()]
            case ResultType.STRING:
                time = format_time(int(result.times_ms[0]))
                data = [f"[{time},{quoted(result.string)}]".encode(errors="replace")]
        return [f'{{"resultType":"{result.type}","result":'.encode(), *data, b"}"]

    def _vector(self, result: QueryResult) -> Iterator[str]:
        if not len(result.rows):
            return
        texts = self._texts(result.labels)
        middle = f',"value":[{format_time(int(result.times_ms[0]))},"'
        for first in range(0, len(result.rows), _ELEMENTS_AT_ONCE):
            part = slice(first, first + _ELEMENTS_AT_ONCE)
            rows: list[int] = result.rows[part].tolist()
            values = format_values(result.values[part])
            yield ",".join(
                [
                    f'{{"metric":{texts[row]}{middle}{value}"]}}'
                    for row, value in zip(rows, values, strict=True)
                ]
            )

    def _matrix(self, result: QueryResult) -> Iterator[str]:
        texts = self._texts(result.labels)
        rows: list[int] = result.rows.tolist()
        bounds = [0, *result.ends.tolist()]
        times = _Times()
        for first, last in _parts(bounds):
            start, end = bounds[first], bounds[last]
            points = [
                f'[{times[time_ms]},"{value}"]'
                for time_ms, value in zip(
                    result.times_ms[start:end].tolist(),
                    format_values(result.values[start:end]),
                    strict=True,
                )
            ]
            yield ",".join(
                [
                    f'{{"metric":{texts[rows[i]]},"values":['
                    f"{','.join(points[bounds[i] - start : bounds[i + 1] - start])}]}}"
                    for i in range(first, last)
                ]
            )

    def _texts(self, labels: Sequence[Labels]) -> Sequence[str]:
        """Return the JSON of each label set, made when it is looked at where there are too many to remember."""
        found = self._known.get(id(labels))
        if found is not None and found[0] is labels:
            return found[1]
        if len(labels) > self._max_known_labels:
            return _Texts(labels)
        texts = [format_labels(one) for one in labels]
        if self._number_known + len(texts) > self._max_known_labels:
            self._known, self._number_known = {}, 0
        self._known[id(labels)] = (labels, texts)
        self._number_known += len(texts)
        return texts


class _Texts(Sequence[str]):
    """The JSON of label sets, made anew whenever one is looked at."""

    def __init__(self, labels: Sequence[Labels]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [format_labels(one) for one in self._labels[index]]
        return format_labels(self._labels[index])


class _Times(dict[int, str]):
    """Times as text, each made once: most series have the same."""

    def __missing__(self, time_ms: int) -> str:
        text = self[time_ms] = format_time(time_ms)
        return text


def _parts(bounds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield ranges of elements with some thousand points each, one element at least."""
    first, number = 0, len(bounds) - 1
    while first < number:
        last = bisect_right(bounds, bounds[first] + _POINTS_AT_ONCE, first + 2, number + 1) - 1
        yield first, last
        first = last


def format_labels(labels: Labels) -> str:
    """Return a label set as a JSON object."""
    return f"{{{','.join([f'{quoted(name)}:{quoted(value)}' for name, value in labels])}}}"


def format_values(values: Float64Array) -> list[str]:
    """Return each value as `format_value` does, in one go."""
    return [
        text[:-2]
        if text[-2:] == ".0"
        else text
        if "e" not in text and "n" not in text
        else _special(float(text), text)
        for text in map(repr, values.tolist())
    ]


def _special(value: float, text: str) -> str:
    """Return what `repr` writes with an exponent or as a word."""
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    if _SMALLEST_FIXED <= abs(value) < _LARGEST_FIXED:
        return _expanded(text)
    return text


def _expanded(text: str) -> str:
    """Return the same digits without an exponent."""
    return f"{Decimal(text):f}".removesuffix(".0")


def _array(pieces: Iterator[str], check: Callable[[], None]) -> list[bytes]:
    """Return a JSON array of elements that come in pieces; one thread must not hold another up for long."""
    encoded = [b"["]
    for piece in pieces:
        check()
        if len(encoded) > 1:
            encoded.append(b",")
        encoded.append(piece.encode(errors="replace"))
    return [*encoded, b"]"]
