"""The header of each metric, at once, and the bytes of its data points, for later.

Nearly every encoder writes name, description and unit first, then the data, and of these the points first, so that three
slices of a metric tell whether its header is known. A metric in any other form goes by the message classes, which takes
three times as long. What the last bytes tell of temporality is checked when the points are read (`WireMetric`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from receivers.consumer import Count
from receivers.model import (
    NO_ATTRIBUTES,
    Attributes,
    MetricHeader,
    MetricType,
    Temporality,
)
from receivers.otlp import schema
from receivers.otlp.attributes import decode_attributes, decode_text
from receivers.otlp.cache import Cache
from receivers.otlp.points import KINDS, Kind
from receivers.otlp.refusals import Refusal

MAX_KNOWN_HEADERS = 8192

# Any: message objects; protobuf ships no types.
Message = Any

_DESCRIPTION, _UNIT, _POINT = 0x12, 0x1A, 0x0A
"""Fields as they begin on the wire: number times 8, and 2 for "length and bytes follow"."""
_LONG = 0x80
"""From this on a length takes a further byte."""
_TEMPORALITIES = frozenset({Temporality.DELTA, Temporality.CUMULATIVE})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """What a metric's header says of its points; `refusal` where all of them are bad."""

    header: MetricHeader
    kind: Kind
    refusal: Refusal | None
    ending: bytes
    """What stands after the points, where they stand first."""
    is_delta: bool
    keeps_start: bool
    """Whether the start time tells series apart: a gauge's means nothing."""


_Endings = dict[bytes, Layout]
"""The bytes after the points -> layout."""


class HeaderReader:
    """Remembers headers by their bytes: the same object for the same bytes."""

    __slots__ = ("_endings", "_layouts", "_max_attributes")

    def __init__(self, count: Count, max_attributes: int) -> None:
        self._max_attributes = max_attributes
        self._endings: Cache[bytes, _Endings] = Cache(MAX_KNOWN_HEADERS, count)
        """By the bytes of a metric up to the tag of its data."""
        self._layouts: Cache[tuple[object, ...], Layout] = Cache(MAX_KNOWN_HEADERS, count)

    def read(self, raw: bytes) -> tuple[Layout, bytes]:
        """Return what the metric's header says, and the bytes of its data.

        Raises:
            WireError: `raw` is no Metric.
            RefusedError: its header cannot be read.
        """
        # A wrong cut finds nothing: what is looked up are whole bytes of a header that was read before.
        try:
            at = 2 + raw[1]
            if raw[at] == _DESCRIPTION:
                size = raw[at + 1]
                at += 2 + size if size < _LONG else 3 + size - _LONG + (raw[at + 2] << 7)
            if raw[at] == _UNIT:
                at += 2 + raw[at + 1]
            at += 1
            endings = self._endings.get(raw[:at])
            if endings is not None:
                size = raw[at]
                at += 1
                if size >= _LONG:
                    size, at = size + ((raw[at] - 1) << 7), at + 1
                    if raw[at - 1] >= _LONG:
                        size, at = size + ((raw[at] - 1) << 14), at + 1
                if at + size == len(raw) and raw[at] == _POINT and raw[at - 1] < _LONG:
                    layout = endings.get(raw[-4:]) or endings.get(raw[-2:]) or endings.get(b"")
                    if layout is not None:
                        return layout, raw[at:]
        except IndexError:
            pass
        return self._read_any(raw)

    def _read_any(self, raw: bytes) -> tuple[Layout, bytes]:
        message, field, data = cut_metric(raw)
        layout = self._layout(message, field, data)
        raw_data = getattr(message, field) if field else b""
        if field is not None and not message.metadata and layout.refusal is None:
            self._learn(raw, message, field, layout)
        return layout, raw_data

    def _learn(self, raw: bytes, message: Message, field: str, layout: Layout) -> None:
        """Remember how such a metric begins and ends."""
        tag = schema.MetricParts(**{field: b""}).SerializeToString()[:-1]
        message.ClearField(field)
        message.DiscardUnknownFields()
        beginning = message.SerializeToString() + tag
        # A gauge's data have no fields but points; others would be as many endings as a sender likes.
        odd = layout.ending and not layout.kind.has_temporality
        if odd or not raw.startswith(beginning):
            return
        endings = self._endings.get(beginning)
        if endings is None:
            endings = {}
            self._endings.put(beginning, endings, len(beginning))
        endings[layout.ending] = layout

    def _layout(self, message: Message, field: str | None, data: Message) -> Layout:
        metadata = tuple(message.metadata)
        texts = (message.name, message.description, message.unit, *metadata)
        told = data.HasField("is_monotonic")
        key = (field, data.aggregation_temporality, data.is_monotonic, told, *texts)
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._build(message, field, data, self._attributes(metadata))
            self._layouts.put(key, layout, sum(map(len, texts)))
        return layout

    def _build(
        self, message: Message, field: str | None, data: Message, metadata: Attributes
    ) -> Layout:
        kind = KINDS[field] if field else None
        temporality, refusal = 0, None
        if kind is not None and kind.has_temporality:
            temporality = data.aggregation_temporality
            if temporality not in _TEMPORALITIES:
                temporality, refusal = 0, Refusal.NO_TEMPORALITY
        header = MetricHeader(
            name=decode_text(message.name),
            description=decode_text(message.description),
            unit=decode_text(message.unit),
            type=kind.type if kind else MetricType.NONE,
            temporality=Temporality(temporality),
            is_monotonic=data.is_monotonic and kind is not None and kind.type is MetricType.SUM,
            metadata=metadata,
        )
        if not header.name:
            refusal = Refusal.EMPTY_NAME
        data.ClearField("data_points")
        data.DiscardUnknownFields()
        return Layout(
            header=header,
            kind=kind or KINDS["gauge"],
            refusal=refusal,
            ending=data.SerializeToString(),
            is_delta=header.temporality is Temporality.DELTA,
            keeps_start=header.type is not MetricType.GAUGE,
        )

    def _attributes(self, raws: Sequence[bytes]) -> Attributes:
        return decode_attributes(raws, self._max_attributes) if raws else NO_ATTRIBUTES


def cut_metric(raw: bytes) -> tuple[Message, str | None, Message]:
    """Return a metric, the field of its data and that data.

    Raises:
        WireError: `raw` is no Metric.
    """
    message = schema.MetricParts.FromString(raw)
    field: str | None = message.WhichOneof("data")
    return message, field, schema.DataParts.FromString(getattr(message, field) if field else b"")
