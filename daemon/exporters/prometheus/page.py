"""Families to the text that Prometheus scrapes: format 0.0.4, and OpenMetrics 1.0 for those who ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from daemon.exporters.labels import format_number
from daemon.exporters.prometheus.table import FamilySnapshot, Shown
from receivers.model import (
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
OPEN_METRICS_TYPE = (
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
)
_TOTAL = "_total"


class Style(NamedTuple):
    """How a page is written."""

    open_metrics: bool = False
    timestamps: bool = False


class _Row(NamedTuple):
    """One line: `extra` is the label that stands last."""

    suffix: str
    extra: tuple[str, float] | None
    value: float | int


def write_page(families: Iterable[FamilySnapshot], style: Style) -> str:
    """Return the page with these families, in their order, series sorted by their labels."""
    lines: list[str] = []
    for family in families:
        lines += _write_family(family, style)
    if style.open_metrics:
        lines.append("# EOF")
    return "\n".join([*lines, ""]) if lines else ""


def _write_family(family: FamilySnapshot, style: Style) -> Iterator[str]:
    name, kind, base = family.name, family.kind, family.name
    if style.open_metrics and kind == "counter":
        if name.endswith(_TOTAL):
            name = name.removesuffix(_TOTAL)
        else:
            kind = "unknown"
    yield f"# HELP {name} {_escape_help(family.help, style)}"
    yield f"# TYPE {name} {kind}"
    for shown in sorted(family.series):
        yield from _write_series(base, shown, style)


def _write_series(name: str, shown: Shown, style: Style) -> Iterator[str]:
    labels = [f'{key}="{_escape(value)}"' for key, value in shown.labels]
    at = _timestamp(shown.point, style)
    for suffix, extra, value in _rows(shown.point):
        written = labels
        if extra is not None:
            written = [*labels, f'{extra[0]}="{_number(extra[1], style)}"']
        braces = f"{{{','.join(written)}}}" if written else ""
        text = str(value) if isinstance(value, int) else _number(value, style)
        yield f"{name}{suffix}{braces} {text}{at}"


def _rows(point: DataPoint) -> Sequence[_Row]:
    if isinstance(point, NumberDataPoint):
        return (_Row("", None, float(point.value or 0)),)
    if isinstance(point, SummaryDataPoint):
        quantiles = [_Row("", ("quantile", at), value) for at, value in point.quantile_values]
        return (*quantiles, _Row("_sum", None, point.sum), _Row("_count", None, point.count))
    buckets = list(_buckets(point))
    return (*buckets, _Row("_sum", None, point.sum or 0.0), _Row("_count", None, point.count))


def _buckets(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[_Row]:
    """Yield the counts up to each bound; of an exponential histogram only that of all."""
    total = 0
    if isinstance(point, HistogramDataPoint):
        for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
            total += count
            if bound != float("inf"):
                yield _Row("_bucket", ("le", bound), total)
    yield _Row("_bucket", ("le", float("inf")), point.count)


def _timestamp(point: DataPoint, style: Style) -> str:
    if not style.timestamps:
        return ""
    time_ms = point.time_unix_nano // 1_000_000
    return f" {time_ms / 1000!r}" if style.open_metrics else f" {time_ms}"


def _number(value: float, style: Style) -> str:
    text = format_number(value)
    return f"{text}.0" if style.open_metrics and text.lstrip("-").isdigit() else text


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escape_help(text: str, style: Style) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if style.open_metrics else text
