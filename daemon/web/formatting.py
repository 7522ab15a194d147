"""Values of results as Prometheus' JSON writes them: numbers, times, label sets, vectors and matrices (promql.md 2.12, 7)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from json.encoder import encode_basestring

from query.evaluate.results import QueryResult, ResultType
from query.labels import Labels
from query.queryable import Float64Array

MAX_KNOWN_LABELS = 20_000
"""Label sets whose JSON is kept, a few MB: rendering takes most of the time of a large answer."""

_SMALLEST_FIXED, _LARGEST_FIXED = 1e-6, 1e21
_PIECES_AT_ONCE = 2048
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


class Renderer:
    """Renders results; remembers the JSON of label sets, by the identity of the sequence that holds them.

    May be used by the event loop and one worker thread at once: the worst is work done twice.
    """

    def __init__(self, max_known_labels: int = MAX_KNOWN_LABELS) -> None:
        self._max_known_labels = max_known_labels
        self._known: dict[int, tuple[Sequence[Labels], list[str]]] = {}
        self._number_known = 0

    def result(self, result: QueryResult) -> list[bytes]:
        """Return `{"resultType":...,"result":...}` in pieces."""
        match result.type:
            case ResultType.VECTOR:
                data = self._vector(result)
            case ResultType.MATRIX:
                data = self._matrix(result)
            case ResultType.SCALAR:
                time, value = format_time(int(result.times_ms[0])), result.values[0]
                data = [f'[{time},"{format_scalar(float(value))}"]'.encode()]
            case ResultType.STRING:
                time = format_time(int(result.times_ms[0]))
                data = [f"[{time},{quoted(result.string)}]".encode(errors="replace")]
        return [f'{{"resultType":"{result.type}","result":'.encode(), *data, b"}"]

    def _vector(self, result: QueryResult) -> list[bytes]:
        if not len(result.rows):
            return [b"[]"]
        texts, time = self._texts(result.labels), format_time(int(result.times_ms[0]))
        middle = f',"value":[{time},"'
        return _array(
            [
                f'{{"metric":{texts[row]}{middle}{value}"]}}'
                for row, value in zip(
                    result.rows.tolist(), format_values(result.values), strict=True
                )
            ]
        )

    def _matrix(self, result: QueryResult) -> list[bytes]:
        texts = self._texts(result.labels)
        times_ms: list[int] = result.times_ms.tolist()
        times = {time_ms: format_time(time_ms) for time_ms in set(times_ms)}
        points = [
            f'[{times[time_ms]},"{value}"]'
            for time_ms, value in zip(times_ms, format_values(result.values), strict=True)
        ]
        rows: list[int] = result.rows.tolist()
        bounds = [0, *result.ends.tolist()]
        return _array(
            [
                f'{{"metric":{texts[row]},"values":[{",".join(points[start:end])}]}}'
                for row, start, end in zip(rows, bounds, bounds[1:], strict=False)
            ]
        )

    def _texts(self, labels: Sequence[Labels]) -> list[str]:
        """Return the JSON of each label set."""
        found = self._known.get(id(labels))
        if found is not None and found[0] is labels:
            return found[1]
        texts = [format_labels(one) for one in labels]
        if len(texts) <= self._max_known_labels:
            if self._number_known + len(texts) > self._max_known_labels:
                self._known, self._number_known = {}, 0
            self._known[id(labels)] = (labels, texts)
            self._number_known += len(texts)
        return texts


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


def _array(elements: Sequence[str]) -> list[bytes]:
    """Return the elements as a JSON array, in pieces: one thread must not hold another up for long."""
    pieces = [
        f"{',' if first else '['}{','.join(elements[first : first + _PIECES_AT_ONCE])}"
        for first in range(0, len(elements), _PIECES_AT_ONCE)
    ]
    return [*(piece.encode(errors="replace") for piece in pieces or ["["]), b"]"]
