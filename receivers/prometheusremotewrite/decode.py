"""A WriteRequest's bytes to metrics whose points stay rows of numbers (promql.md 6.1, 6.3).

A series that was seen before is recognised by a digest of its labels' bytes, which are not decoded again; if it has one
sample in the usual encoding, that is read together with all others of its kind in one go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import repeat

import numpy as np

from receivers.errors import DecodeError
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedRow,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
)
from receivers.prometheusremotewrite.refusals import Refusal
from receivers.prometheusremotewrite.schema import (
    Label,
    Message,
    MetricMetadata,
    TimeSeries,
    WireError,
    WriteRequest,
)

NAME = "__name__"
MAX_KNOWN_SERIES = 200_000
MAX_SAMPLES_PER_SERIES = 1024
"""Of one series in one request: what the largest window holds."""
MAX_SERIES = 100_000
"""Of one request, and as many families' metadata: Prometheus sends 2,000 samples; two bytes make a series."""
KNOWN_AT_ONCE = 256
"""Series of one part of a request, and families' metadata; each takes 3 us, and about as much where it is stored."""
NEW_AT_ONCE = 16
"""Series of one part whose labels are read, or that have several samples; a new one takes 60 us here and in the store."""
MAX_LABELS = 500
"""Of one series."""
MAX_REPEATS = 256
"""Of one series in one batch: what the store takes in one message."""
MAX_AHEAD_MS = 600_000
"""Samples further ahead of the clock are refused (promql.md 6.3)."""
MAX_FAMILIES = 10_000
MAX_METADATA_TEXT = 1_000
"""Characters of a help or unit text that are kept."""

_TYPES = (
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
)
_NANOS_PER_MS = 1_000_000

_KEY_BYTES = 16
"""No two series in the world have the same digest; the bytes themselves would cost 20 MB with 100,000 series."""

_TAIL = 18
"""Bytes of one sample as field 2 of a series, times from 2004 to 2109: 2 before it, 9 of value, 7 of time."""
_VALUE = slice(3, 11)
_TIME = slice(12, 18)
_ZERO_TAIL = 9
"""Bytes of the same with the value 0, which encoders leave out."""
_ZERO_BEGINS = b"\x12\x07"
_AS_ZERO = b"\x12\x10\x09" + bytes(8)
_FIXED = {0: 0x12, 1: 0x10, 2: 0x09, 11: 0x10}


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyMetadata:
    """What a writer tells about a metric family."""

    type: str
    help: str
    unit: str


@dataclass(slots=True)
class Rows:
    """The samples of one metric in one batch; implements `receivers.model.EncodedPoints`.

    A series' key is the digest of its labels' bytes: label sets that are only kept for who may ask again would take 1 KB each.
    """

    keys: list[bytes] = field(default_factory=list)
    series: list[bytes] = field(default_factory=list)
    """The labels' bytes."""
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    _by_key: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, key: bytes, series: bytes, time_ms: int, value: float) -> None:
        """Add one sample."""
        self.keys.append(key)
        self.series.append(series)
        self.times_ms.append(time_ms)
        self.values.append(value)

    def point_count(self) -> int:
        """Return how many samples there are."""
        return len(self.series)

    def decode(self) -> list[DataPoint]:
        """Return all data points."""
        return [
            NumberDataPoint(
                attributes=_read_labels(TimeSeries.FromString(series))[1],
                time_unix_nano=time_ms * _NANOS_PER_MS,
                value=value,
            )
            for series, time_ms, value in zip(self.series, self.times_ms, self.values, strict=True)
        ]

    def rows(self) -> Iterator[EncodedRow]:
        """Yield the value of each sample."""
        times = [time_ms * _NANOS_PER_MS for time_ms in self.times_ms]
        return map(EncodedRow, self.keys, times, self.values, repeat(None))

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        """Return the labels of the series, less its name; its start time is not known."""
        if not self._by_key:
            self._by_key = dict(zip(self.keys, self.series, strict=True))
        assert isinstance(key, bytes)  # noqa: S101 keys come from `rows`
        return _read_labels(TimeSeries.FromString(self._by_key[key]))[1], 0


class DuplicateLabelError(Exception):
    """A label occurs twice in one series."""


_Batch = dict[MetricHeader, Rows]


@dataclass(slots=True, kw_only=True)
class Written:
    """What a part of a request holds."""

    batches: list[list[Metric]]
    """To be handed on in this order; more than one only if a series has very many samples."""
    refused: Counter[Refusal]


class Decoder:
    """Remembers series and metadata between requests; both are bounded."""

    def __init__(
        self, *, max_known_series: int = MAX_KNOWN_SERIES, max_families: int = MAX_FAMILIES
    ) -> None:
        self._known: dict[bytes, MetricHeader] = {}
        """The metric of each series, by its key."""
        self._headers: dict[str, MetricHeader] = {}
        self._max_known_series = max_known_series
        self._max_families = max_families
        self._families: dict[str, FamilyMetadata] = {}

    @property
    def metadata(self) -> Mapping[str, FamilyMetadata]:
        """What writers told about metric families, by the family's name."""
        return self._families

    def decode(self, raw: bytes, at_ms: int) -> Iterator[Written]:
        """Yield the metrics of a request, and why some were left out, in parts of a millisecond's work at most.

        `raw` is not compressed. What is wrong with the request as a whole is told before the first part.

        Raises:
            DecodeError: It is no WriteRequest.
        """
        try:
            request = WriteRequest.FromString(raw)
        except WireError as error:
            raise DecodeError("remote write request", str(error) or "not protobuf") from error
        if max(len(request.timeseries), len(request.metadata)) > MAX_SERIES:
            raise DecodeError("remote write request", f"more than {MAX_SERIES} series: send less")
        for first in range(0, len(request.metadata), KNOWN_AT_ONCE):
            refused: Counter[Refusal] = Counter()
            for one in request.metadata[first : first + KNOWN_AT_ONCE]:
                self._keep_metadata(one, refused)
            yield Written(batches=[], refused=refused)
        latest_ms = at_ms + MAX_AHEAD_MS
        for first in range(0, len(request.timeseries), KNOWN_AT_ONCE):
            batch: _Batch = {}
            others = self._read_plain(
                request.timeseries[first : first + KNOWN_AT_ONCE], batch, latest_ms
            )
            if batch:
                yield _written([batch], Counter())
            for other in range(0, len(others), NEW_AT_ONCE):
                batches: list[_Batch] = [{}]
                refused = Counter()
                for one in others[other : other + NEW_AT_ONCE]:
                    self._read_one(one, batches, latest_ms, refused)
                yield _written(batches, refused)

    def _read_plain(self, raws: list[bytes], batch: _Batch, latest_ms: int) -> list[bytes]:
        """Read the plain ones of known series in one go; return the others, to be read one by one."""
        known: list[tuple[bytes, bytes, MetricHeader]] = []
        plain: list[bytes] = []
        get = self._known.get
        others = []
        for raw in raws:
            series = raw[:-_TAIL]
            key = _key(series)
            header = get(key)
            tail = raw[-_TAIL:]
            if header is None:
                series = raw[:-_ZERO_TAIL]
                key = _key(series)
                header = get(key)
                tail = _AS_ZERO + raw[2 - _ZERO_TAIL :]
                if header is None or raw[-_ZERO_TAIL : 2 - _ZERO_TAIL] != _ZERO_BEGINS:
                    others.append(raw)
                    continue
            known.append((key, series, header))
            plain.append(tail)
        if not known:
            return others
        times_ms, values, odd = _read_tails(plain, latest_ms)
        if odd:
            # Rare: something in there is no plain sample, or too far ahead.
            return raws
        for (key, series, header), time_ms, value in zip(known, times_ms, values, strict=True):
            rows = batch.get(header)
            if rows is None:
                rows = batch[header] = Rows()
            rows.keys.append(key)
            rows.series.append(series)
            rows.times_ms.append(time_ms)
            rows.values.append(value)
        return others

    def _read_one(
        self, raw: bytes, batches: list[_Batch], latest_ms: int, refused: Counter[Refusal]
    ) -> None:
        try:
            message = TimeSeries.FromString(raw)
            known = self._recognise(message, refused)
        except (WireError, UnicodeDecodeError):
            refused[Refusal.UNDECODABLE_SERIES] += 1
            return
        refused[Refusal.EXEMPLAR] += len(message.exemplars)
        refused[Refusal.NATIVE_HISTOGRAM] += len(message.histograms)
        if known is None:
            return
        key, series, header = known
        # Writers send a series' samples in time order.
        newest = message.samples[-MAX_SAMPLES_PER_SERIES:]
        refused[Refusal.SURPLUS_SAMPLE] += len(message.samples) - len(newest)
        samples = [(one.timestamp, one.value) for one in newest]
        if len(samples) > MAX_REPEATS:
            samples.sort(key=lambda sample: sample[0])
        for number, (time_ms, value) in enumerate(samples):
            if time_ms > latest_ms:
                refused[Refusal.TOO_FAR_AHEAD] += 1
                continue
            if number // MAX_REPEATS == len(batches):
                batches.append({})
            batches[number // MAX_REPEATS].setdefault(header, Rows()).add(
                key, series, time_ms, value
            )

    def _recognise(
        self, message: Message, refused: Counter[Refusal]
    ) -> tuple[bytes, bytes, MetricHeader] | None:
        """Return key, labels' bytes and metric of the series with these labels, None where it cannot be stored.

        Raises:
            WireError: A label is not protobuf.
            UnicodeDecodeError: A label is not UTF-8.
        """
        if len(message.labels) > MAX_LABELS:
            refused[Refusal.TOO_MANY_LABELS] += 1
            return None
        series = b"".join([b"\x0a" + _varint(len(label)) + label for label in message.labels])
        key = _key(series)
        header = self._known.get(key)
        if header is not None:
            return key, series, header
        try:
            metric, _ = _read_labels(message)
        except DuplicateLabelError:
            refused[Refusal.DUPLICATE_LABEL] += 1
            return None
        if not metric:
            refused[Refusal.NO_NAME] += 1
            return None
        if len(self._known) >= self._max_known_series:
            self._known.clear()
            self._headers.clear()
            refused[Refusal.CACHE_CLEARED] += 1
        header = self._headers.get(metric)
        if header is None:
            header = self._headers[metric] = MetricHeader(name=metric, type=MetricType.GAUGE)
        self._known[key] = header
        return key, series, header

    def _keep_metadata(self, raw: bytes, refused: Counter[Refusal]) -> None:
        try:
            message = MetricMetadata.FromString(raw)
            family = message.metric_family_name.decode()
            known = FamilyMetadata(
                type=_TYPES[message.type] if 0 <= message.type < len(_TYPES) else _TYPES[0],
                help=message.help.decode()[:MAX_METADATA_TEXT],
                unit=message.unit.decode()[:MAX_METADATA_TEXT],
            )
        except (WireError, UnicodeDecodeError):
            refused[Refusal.UNDECODABLE_METADATA] += 1
            return
        if family not in self._families and len(self._families) >= self._max_families:
            refused[Refusal.METADATA_LIMIT] += 1
        elif family:
            self._families[family] = known


def _written(batches: list[_Batch], refused: Counter[Refusal]) -> Written:
    return Written(
        batches=[[Metric(h, encoded=rows) for h, rows in batch.items()] for batch in batches],
        refused=refused,
    )


def _read_labels(message: Message) -> tuple[str, dict[str, AnyValue]]:
    """Return the metric name, empty if there is none, and the other labels of a series.

    Raises:
        DuplicateLabelError: A label occurs twice.
        WireError: A label is not protobuf.
        UnicodeDecodeError: A label is not UTF-8.
    """
    labels: dict[str, str] = {}
    for raw in message.labels:
        label = Label.FromString(raw)
        name = label.name.decode()
        if name in labels:
            raise DuplicateLabelError(name)
        labels[name] = label.value.decode()
    metric = labels.pop(NAME, "")
    labels.pop("", None)
    return metric, dict(labels)


def _read_tails(joined: list[bytes], latest_ms: int) -> tuple[list[int], list[float], bool]:
    """Return time and value of the sample at each series' end, and whether one of them is none or too far ahead."""
    tails = np.frombuffer(b"".join(joined), dtype=np.uint8)
    tails = tails.reshape(-1, _TAIL)
    odd = any(bool((tails[:, at] != byte).any()) for at, byte in _FIXED.items())
    digits = tails[:, _TIME]
    odd = odd or bool((digits[:, :-1] < 0x80).any()) or bool((digits[:, -1] >= 0x80).any())
    times_ms = np.zeros(len(tails), dtype=np.int64)
    for i in range(digits.shape[1]):
        times_ms |= (digits[:, i].astype(np.int64) & 0x7F) << (7 * i)
    odd = odd or bool((times_ms > latest_ms).any())
    values = np.ascontiguousarray(tails[:, _VALUE]).view("<f8").reshape(-1)
    return times_ms.tolist(), values.tolist(), odd


def _key(series: bytes) -> bytes:
    return blake2b(series, digest_size=_KEY_BYTES).digest()


def _varint(number: int) -> bytes:
    """Return the length of a label as protobuf writes it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
