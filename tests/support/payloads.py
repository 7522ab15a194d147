"""Metrics as short texts: what a test puts in is read here, what comes out is written by `payload_text`.

    payload    resource ( " ;; " resource )*
    resource   R{attributes} then scopes and metrics; R{} may be left out in front of the first
    scope      S name[@version][{attributes}]; metrics before the first scope are in one without a name
    metric     type name ["unit"] [point, point]
    type       gauge | none | summ | (c|d|x)(sum|ud|hist|exp)
               (c cumulative, d delta, x temporality unspecified; sum is monotonic, ud goes up and down)
    point      value{attributes}@time^start!flags       seconds after 1700000000; @0 unless said, @none is without time
    value      5 int | 5.0, NaN, +Inf, -Inf double | null
               h(count;sum;bounds;bucket counts;min;max) | q(count;sum;quantile=value,...)
               e(scale;zero count;zero threshold;offset:positive counts;offset:negative counts;sum;min;max)
    attributes k=text, k="any text", k=5 int, k=1.5 double, k=true, k=nil, k=[..], k={..}, k=0x01ff bytes

What stands last in a value may be left out, a part between two semicolons may be empty: absent. The count of an
exponential histogram is that of its buckets. Names and keys may be quoted as JSON does it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal

from receivers.consumer import NO_CONTEXT, Batch, RequestContext, Sender
from receivers.model import (
    AnyValue,
    DataPoint,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)

SENDER = Sender("test", "one")
EPOCH_S = 1_700_000_000
TEMPORALITIES = {
    "c": Temporality.CUMULATIVE,
    "d": Temporality.DELTA,
    "x": Temporality.UNSPECIFIED,
}
KINDS = {
    "sum": (MetricType.SUM, True),
    "ud": (MetricType.SUM, False),
    "hist": (MetricType.HISTOGRAM, False),
    "exp": (MetricType.EXPONENTIAL_HISTOGRAM, False),
}
PLAIN_KINDS = {
    "gauge": MetricType.GAUGE,
    "summ": MetricType.SUMMARY,
    "none": MetricType.NONE,
}
INTEGER = re.compile(r"-?[0-9]+\Z")
DOUBLE = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z|NaN\Z|[+-]Inf\Z")
WORDS: dict[str, AnyValue] = {"true": True, "false": False, "nil": None}

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_TYPE = re.compile(r"(gauge|summ|none|[cdx](?:sum|ud|hist|exp))(?= )")
_NAME = re.compile(r"[^\s@{\[\"]+")
_SCOPE = re.compile(r"S ")
_KEY = re.compile(r"[^\s=,{}\[\]\"]+")
_BARE = re.compile(r"[^,{}\[\]\"]+")
_VALUE = re.compile(r"([hqe])\(([^)]*)\)|([^\s{@^!,\]]+)")
_SECONDS = re.compile(r"none|-?[0-9]+(?:\.[0-9]+)?")
_FLAGS = re.compile(r"[0-9]+")


def batch(
    text: str,
    sender: Sender = SENDER,
    received_at_ms: int = EPOCH_S * 1000,
    context: RequestContext = NO_CONTEXT,
) -> Batch:
    """Return one message that holds what `text` says."""
    return Batch(sender, received_at_ms, payload(text), context)


def payload(text: str) -> list[ResourceMetrics]:
    """Return what `text` says, or raise a ValueError that shows where it cannot be read."""
    cursor = _Cursor(text)
    resources = [_resource(cursor)]
    while cursor.takes(";;"):
        resources.append(_resource(cursor))
    cursor.end()
    return resources


def unix_nano(seconds: str) -> int:
    """Return the time that a point's text gives: 0 for `none`."""
    return 0 if seconds == "none" else int((Decimal(seconds) + EPOCH_S) * 1_000_000_000)


class _Cursor:
    """A position in a text; spaces and line ends before a token do not count."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0

    def takes(self, token: str, *, spaced: bool = True) -> bool:
        """Move past `token` if it stands here; `spaced` says whether blanks may come before it."""
        at = self._after_blanks() if spaced else self._at
        if self._text.startswith(token, at):
            self._at = at + len(token)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Move past what `pattern` finds here, and return it."""
        found = pattern.match(self._text, self._after_blanks())
        if found:
            self._at = found.end()
        return found

    def expect(self, token: str) -> None:
        if not self.takes(token):
            self.fail(token)

    def need(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        return self.match(pattern) or self.fail(what)

    def fail(self, what: str) -> re.Match[str]:
        raise ValueError(f"expected {what} at {self._text[self._at : self._at + 40]!r}")

    def end(self) -> None:
        if self._after_blanks() < len(self._text):
            self.fail("the end")

    def _after_blanks(self) -> int:
        at = self._at
        while self._text[at : at + 1].isspace():
            at += 1
        return at


def _resource(cursor: _Cursor) -> ResourceMetrics:
    attributes: dict[str, AnyValue] = {}
    if cursor.takes("R{"):
        attributes = _attributes(cursor)
    scopes: list[ScopeMetrics] = []
    if metrics := _metrics(cursor):
        scopes.append(ScopeMetrics(Scope(), metrics))
    while cursor.match(_SCOPE):
        scopes.append(ScopeMetrics(_scope(cursor), _metrics(cursor)))
    return ResourceMetrics(Resource(attributes=attributes), scopes)


def _scope(cursor: _Cursor) -> Scope:
    name = _word(cursor, _NAME, "a scope's name")
    version = _word(cursor, _NAME, "a version") if cursor.takes("@", spaced=False) else ""
    attributes = _attributes(cursor) if cursor.takes("{", spaced=False) else {}
    return Scope(name=name, version=version, attributes=attributes)


def _metrics(cursor: _Cursor) -> list[Metric]:
    metrics: list[Metric] = []
    while found := cursor.match(_TYPE):
        kind = found[1]
        name = _word(cursor, _NAME, "a metric's name")
        unit = cursor.match(_QUOTED)
        header = _header(kind, name, json.loads(unit[0]) if unit else "")
        metrics.append(Metric(header, data_points=_points(cursor, header.type)))
    return metrics


def _header(kind: str, name: str, unit: str) -> MetricHeader:
    if kind in PLAIN_KINDS:
        return MetricHeader(name=name, unit=unit, type=PLAIN_KINDS[kind])
    metric_type, monotonic = KINDS[kind[1:]]
    return MetricHeader(
        name=name,
        unit=unit,
        type=metric_type,
        temporality=TEMPORALITIES[kind[0]],
        is_monotonic=monotonic,
    )


def _points(cursor: _Cursor, kind: MetricType) -> list[DataPoint]:
    cursor.expect("[")
    if cursor.takes("]"):
        return []
    points = [_point(cursor, kind)]
    while cursor.takes(","):
        points.append(_point(cursor, kind))
    cursor.expect("]")
    return points


def _point(cursor: _Cursor, kind: MetricType) -> DataPoint:
    found = cursor.need(_VALUE, "a value")
    point = _value(found[1] or "", found[2] or found[3] or "")
    if type(point) is not _POINTS[kind]:
        cursor.fail(f"a point of a {kind.name}, not {found[0]} before what stands")
    if cursor.takes("{", spaced=False):
        point.attributes = _attributes(cursor)
    point.time_unix_nano = unix_nano("0")
    if cursor.takes("@", spaced=False):
        point.time_unix_nano = unix_nano(cursor.need(_SECONDS, "a time")[0])
    if cursor.takes("^", spaced=False):
        point.start_time_unix_nano = unix_nano(cursor.need(_SECONDS, "a start time")[0])
    if cursor.takes("!", spaced=False):
        point.flags = int(cursor.need(_FLAGS, "flags")[0])
    return point


def _value(form: str, text: str) -> DataPoint:
    if not form:
        return NumberDataPoint(value=None if text == "null" else _number(text))
    parts = [part.strip() for part in text.split(";")]
    return _FORMS[form]([*parts, *[""] * (8 - len(parts))])


def _number(text: str) -> int | float:
    return int(text) if INTEGER.match(text) else float(text)


def _histogram(parts: list[str]) -> HistogramDataPoint:
    count, total, bounds, counts, least, most = parts[:6]
    return HistogramDataPoint(
        count=int(count or 0),
        sum=_optional(total),
        explicit_bounds=[float(bound) for bound in _items(bounds)],
        bucket_counts=[int(each) for each in _items(counts)],
        min=_optional(least),
        max=_optional(most),
    )


def _exponential(parts: list[str]) -> ExponentialHistogramDataPoint:
    scale, zero_count, threshold, positive, negative, total, least, most = parts
    point = ExponentialHistogramDataPoint(
        scale=int(scale or 0),
        zero_count=int(zero_count or 0),
        zero_threshold=float(threshold or "0"),
        positive=_buckets(positive),
        negative=_buckets(negative),
        sum=_optional(total),
        min=_optional(least),
        max=_optional(most),
    )
    counts = (*point.positive.bucket_counts, *point.negative.bucket_counts)
    point.count = point.zero_count + sum(counts)
    return point


def _buckets(text: str) -> ExponentialBuckets:
    offset, _, counts = text.partition(":")
    return ExponentialBuckets(
        offset=int(offset or 0), bucket_counts=[int(each) for each in _items(counts)]
    )


def _summary(parts: list[str]) -> SummaryDataPoint:
    count, total, quantiles = parts[:3]
    pairs = [item.partition("=") for item in _items(quantiles)]
    return SummaryDataPoint(
        count=int(count or 0),
        sum=float(total or "0"),
        quantile_values=[QuantileValue(float(at), float(value)) for at, _, value in pairs],
    )


def _items(text: str) -> list[str]:
    return text.split(",") if text else []


def _optional(text: str) -> float | None:
    return float(text) if text else None


_FORMS: dict[str, Callable[[list[str]], DataPoint]] = {
    "h": _histogram,
    "e": _exponential,
    "q": _summary,
}
_POINTS: dict[MetricType, type[DataPoint] | None] = {
    MetricType.NONE: None,
    MetricType.GAUGE: NumberDataPoint,
    MetricType.SUM: NumberDataPoint,
    MetricType.HISTOGRAM: HistogramDataPoint,
    MetricType.EXPONENTIAL_HISTOGRAM: ExponentialHistogramDataPoint,
    MetricType.SUMMARY: SummaryDataPoint,
}


def _attributes(cursor: _Cursor) -> dict[str, AnyValue]:
    """Return what stands between the brace that was taken and the one that closes it."""
    attributes: dict[str, AnyValue] = {}
    if cursor.takes("}"):
        return attributes
    while True:
        key = _word(cursor, _KEY, "an attribute's key")
        cursor.expect("=")
        attributes[key] = _any_value(cursor)
        if cursor.takes("}"):
            return attributes
        cursor.expect(",")


def _any_value(cursor: _Cursor) -> AnyValue:
    if cursor.takes("{"):
        return _attributes(cursor)
    if cursor.takes("["):
        return _list(cursor)
    if quoted := cursor.match(_QUOTED):
        return str(json.loads(quoted[0]))
    return _bare(cursor.need(_BARE, "a value")[0].strip())


def _list(cursor: _Cursor) -> list[AnyValue]:
    values: list[AnyValue] = []
    if cursor.takes("]"):
        return values
    while True:
        values.append(_any_value(cursor))
        if cursor.takes("]"):
            return values
        cursor.expect(",")


def _bare(text: str) -> AnyValue:
    if text in WORDS:
        return WORDS[text]
    if text.startswith("0x"):
        return bytes.fromhex(text[2:])
    return _number(text) if DOUBLE.match(text) else text


def _word(cursor: _Cursor, pattern: re.Pattern[str], what: str) -> str:
    if quoted := cursor.match(_QUOTED):
        return str(json.loads(quoted[0]))
    return cursor.need(pattern, what)[0]
