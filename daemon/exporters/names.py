"""Prometheus names for OTLP metrics: the translation that `add_metric_suffixes` asks for (otlp.md 3.4).

Histograms and summaries get `_bucket`, `_count` and `_sum` behind what is returned here.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from receivers.model import MetricHeader, MetricType

_NOT_IN_PIECE = re.compile(r"[^A-Za-z0-9:]+")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_:]+")

_UNITS = MappingProxyType(
    {
        "d": "days",
        "h": "hours",
        "min": "minutes",
        "s": "seconds",
        "ms": "milliseconds",
        "us": "microseconds",
        "ns": "nanoseconds",
        "By": "bytes",
        "KiBy": "kibibytes",
        "MiBy": "mebibytes",
        "GiBy": "gibibytes",
        "TiBy": "tebibytes",
        "KBy": "kilobytes",
        "MBy": "megabytes",
        "GBy": "gigabytes",
        "TBy": "terabytes",
        "m": "meters",
        "V": "volts",
        "A": "amperes",
        "J": "joules",
        "W": "watts",
        "g": "grams",
        "Cel": "celsius",
        "Hz": "hertz",
        "1": "",
        "%": "percent",
    }
)
"""Units of UCUM and their words; any other unit stands for itself."""
_PER_UNITS = MappingProxyType(
    {
        "s": "second",
        "m": "minute",
        "h": "hour",
        "d": "day",
        "w": "week",
        "mo": "month",
        "y": "year",
    }
)
"""The same behind the `/`."""


def prometheus_name(header: MetricHeader, *, add_suffixes: bool, namespace: str = "") -> str:
    """Return the metric's name as Prometheus' users write it; empty where nothing of it is left.

    `add_suffixes` appends the unit, and `_total` to monotonic sums, delta ones too. Without it the name is only cleaned.
    """
    name = "_".join(_pieces(header)) if add_suffixes else _clean(header.name)
    if name and (front := _clean(namespace)):
        name = f"{front}_{name}"
    return f"_{name}" if name[:1].isdigit() else name


def _clean(name: str) -> str:
    """Return `name` with one `_` for each run of characters that no name may hold, and none for those at its ends."""
    return "_".join(filter(None, _NOT_IN_NAME.split(name)))


def _pieces(header: MetricHeader) -> list[str]:
    """Return the words of the name, followed by those of its unit and kind that it lacks."""
    pieces = [piece for piece in _NOT_IN_PIECE.split(header.name) if piece]
    for word in _unit_words(header.unit):
        if word not in pieces:
            pieces.append(word)
    if header.type is MetricType.SUM and header.is_monotonic:
        return _with_last(pieces, "total")
    if header.type is MetricType.GAUGE and header.unit == "1":
        return _with_last(pieces, "ratio")
    return pieces


def _with_last(pieces: list[str], last: str) -> list[str]:
    return [*[piece for piece in pieces if piece != last], last]


def _unit_words(unit: str) -> list[str]:
    """Return `bytes` and `per_second` of `By/s`; an annotation in braces is no unit."""
    main, _, per = unit.partition("/")
    main_word, per_word = _unit_word(main, _UNITS), _unit_word(per, _PER_UNITS)
    return [*([main_word] if main_word else []), *([f"per_{per_word}"] if per_word else [])]


def _unit_word(part: str, words: MappingProxyType[str, str]) -> str:
    part = part.strip()
    if "{" in part or "}" in part:
        return ""
    return _NOT_IN_PIECE.sub("_", words.get(part, part)).removeprefix("_")
