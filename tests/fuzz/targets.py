"""What hostile input may meet: each target takes bytes, and raises nothing but what its parser documents."""

from __future__ import annotations

import contextlib
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from daemon.check import load_checked
from daemon.config.errors import InvalidConfigurationError
from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.statement import compile_statement
from daemon.scaler import schema
from daemon.scaler.keys import MetadataError
from daemon.scaler.metadata import parse_metadata
from daemon.snapshot.extension import _read_head
from daemon.snapshot.file import MAGIC, SnapshotError, read_snapshot
from daemon.web.envelope import ApiError
from daemon.web.parameters import Parameters
from query.dialect import Dialect, parse_metric_query, simple_form
from query.durations import parse_duration_ms
from query.errors import DurationError, QuerySyntaxError, UnsupportedQueryError
from query.parser import parse
from query.printer import print_expr
from query.store.dump import DumpError
from query.store.settings import StoreSettings
from query.store.store import Store
from receivers.consumer import Batch
from receivers.errors import DecodeError
from receivers.model import Resource, ResourceMetrics
from receivers.opencensus.decode import Decoder as OpenCensusDecoder
from receivers.opencensus.node import decode_node, decode_resource
from receivers.opencensus.page import PageMetric
from receivers.opencensus.page_names import Reader
from receivers.opencensus.pushes import Names, Pushes
from receivers.opencensus.stream import StreamState
from receivers.otlp.decode import Decoder as OtlpDecoder
from receivers.otlp.json_body import transcode_json
from receivers.prometheus.exposition import decode_page
from receivers.prometheusremotewrite.decode import Decoder as RemoteWriteDecoder
from receivers.prometheusremotewrite.receiver import uncompress
from tests.support import opencensus_messages as oc

NOW_MS = 1_730_419_260_000
MAX_BYTES = 2**20
HEAD = struct.Struct("<III")
PAGES = ("text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0")


def _text(data: bytes) -> str:
    """What a text field can hold: anything that UTF-8 can say."""
    return data.decode(errors="replace")


def _read(metrics: list[ResourceMetrics]) -> None:
    for resource in metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                encoded = metric.encoded
                for row in encoded.rows() if encoded else ():
                    assert encoded is not None
                    encoded.describe(row[0])
                assert list(metric.data_points) is not None


def _opencensus(data: bytes) -> None:
    state = StreamState(OpenCensusDecoder(_Ignored()), "10.0.0.1")
    state.receive(oc.HELLO, 0)
    batch: Batch | None = state.receive(data, NOW_MS)
    if batch is not None:
        _read(list(batch.resource_metrics))


class _Ignored(Counter[str]):
    """Counts what nobody asks for."""

    def __call__(self, reason: str, amount: int = 1, *_: object) -> None:
        self[str(reason)] += amount


def _node(data: bytes) -> None:
    node = decode_node(data)
    decode_resource(node, data)


def _otlp(data: bytes) -> None:
    decoder = OtlpDecoder(_Ignored())
    for _ in range(3):  # the third time it may be read as arrays
        request = decoder.decode(data, peer="10.0.0.1", at_ms=NOW_MS)
        if request.columns is not None:
            assert request.columns.are_of(request.columns.groups())
            assert request.columns.point_count == sum(
                len(list(metric.encoded.rows()))
                for metric in request.columns.metrics
                if metric.encoded
            )
        for _, metrics in request.batches:
            _read(list(metrics))


def _otlp_json(data: bytes) -> None:
    _otlp(transcode_json(data))


def _remote_write(data: bytes) -> None:
    decoder = RemoteWriteDecoder()
    raw = uncompress(data, MAX_BYTES)
    for _ in range(2):
        for part in decoder.decode(raw, NOW_MS):
            for metrics in part.batches:
                for metric in metrics:
                    assert list(metric.data_points)


def _page(data: bytes) -> None:
    for content_type in PAGES:
        with contextlib.suppress(DecodeError):
            decode_page(_text(data), content_type=content_type, at_unix_nano=NOW_MS * 10**6)


def _sidecar_page(data: bytes) -> None:
    """Read after a report of a counter and a distribution, in whole and cut, as rows and as points."""
    state = StreamState(OpenCensusDecoder(_Ignored()), "10.0.0.1")
    value = oc.distribution(3, 9.0, (1.0, 10.0), (1, 1, 1))
    metrics = (
        oc.ci("runtime/m", ("app_id", "status"), ("a", "200")),
        oc.metric(
            "lat/ms",
            oc.CUMULATIVE_DISTRIBUTION,
            ("app_id",),
            [(("a",), [oc.point(value, field="distribution_value")])],
        ),
    )
    pushes = Pushes(Names(), Resource())
    pushes.learn(cast("Batch", state.receive(oc.request(*metrics, node=oc.N1), NOW_MS)))
    [group] = pushes.read(_text(data), NOW_MS * 10**6, Reader(_Ignored()))
    assert len(group.scope_metrics[0].metrics) == 2
    for one in group.scope_metrics[0].metrics:
        assert isinstance(one, PageMetric)
        for part in one.cut(2):
            for row in part.rows():
                part.describe(row.key)
            assert len(part.data_points) <= max(part.point_count(), 2)


def _promql(data: bytes) -> None:
    printed = print_expr(parse(_text(data)))
    assert print_expr(parse(printed)) == printed


def _metric_query(data: bytes) -> None:
    text = _text(data)
    for dialect in Dialect:
        with contextlib.suppress(QuerySyntaxError, UnsupportedQueryError):
            simple_form(parse_metric_query(text, dialect=dialect).expr, text)


def _condition(data: bytes) -> None:
    for prefixed in (False, True):
        with contextlib.suppress(OttlBuildError):
            compile_condition(_text(data), "datapoint", prefixed=prefixed)


def _statement(data: bytes) -> None:
    for prefixed in (False, True):
        with contextlib.suppress(OttlBuildError):
            compile_statement(_text(data), "datapoint", prefixed=prefixed)


def _metadata(data: bytes) -> None:
    """Lines of `key=value`."""
    pairs = [line.partition("=") for line in _text(data).splitlines()]
    entries = {key: value for key, _, value in pairs}
    parse_metadata(entries, {"named": entries})


def _configuration(data: bytes) -> None:
    load_checked(_text(data), {"NAME": "value"})


def _snapshot(data: bytes) -> None:
    """A file of any bytes."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(data)
        slices = read_snapshot(Path(file.name))
        _read_head(next(slices, {}))
        for _ in Store(StoreSettings(), lambda *_: None).load(slices, NOW_MS):
            pass


def _dump(data: bytes) -> None:
    """A file whose checksums are right: a line for each part, its JSON and the hexadecimal of its arrays."""
    whole = bytearray(MAGIC)
    for line in data.splitlines():
        text, _, digits = line.partition(b"\t")
        try:
            arrays = bytes.fromhex(digits.decode(errors="replace"))
        except ValueError:
            arrays = digits
        whole += HEAD.pack(len(text), len(arrays), zlib.crc32(arrays, zlib.crc32(text)))
        whole += text + arrays
    _snapshot(bytes(whole + HEAD.pack(0, 0, 0)))


def _duration(data: bytes) -> None:
    for bare_seconds in (False, True):
        with contextlib.suppress(DurationError):
            parse_duration_ms(_text(data), bare_seconds=bare_seconds)


def _parameters(data: bytes) -> None:
    parameters = Parameters(data)
    names: Mapping[str, Callable[[], object]] = {
        "time": lambda: parameters.time_ms("time", 0),
        "step": lambda: parameters.duration_ms("step"),
        "timeout": lambda: parameters.required_duration_ms("timeout"),
        "limit": parameters.limit,
        "match[]": parameters.selectors,
    }
    for read in names.values():
        with contextlib.suppress(ApiError):
            read()


def _scaler(data: bytes) -> None:
    for name in ("ScaledObjectRef", "GetMetricsRequest"):
        with contextlib.suppress(schema.DecodeError):
            message = schema.decode(name, data)
            ref = message if name == "ScaledObjectRef" else message.scaledObjectRef
            with contextlib.suppress(MetadataError):
                parse_metadata(dict(ref.scalerMetadata), {})


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[type[Exception], ...]]] = {
    "opencensus": (_opencensus, (DecodeError,)),
    "node": (_node, (DecodeError,)),
    "otlp": (_otlp, (DecodeError,)),
    "otlp_json": (_otlp_json, (DecodeError,)),
    "remote_write": (_remote_write, (DecodeError,)),
    "page": (_page, ()),
    "sidecar_page": (_sidecar_page, (DecodeError,)),
    "promql": (_promql, (QuerySyntaxError,)),
    "metric_query": (_metric_query, ()),
    "ottl_condition": (_condition, ()),
    "ottl_statement": (_statement, ()),
    "metadata": (_metadata, (MetadataError,)),
    "configuration": (_configuration, (InvalidConfigurationError,)),
    "snapshot": (_snapshot, (SnapshotError, DumpError)),
    "dump": (_dump, (SnapshotError, DumpError)),
    "duration": (_duration, ()),
    "parameters": (_parameters, (ApiError,)),
    "scaler": (_scaler, ()),
}
"""By name: what is run, and which errors it documents."""


def run(name: str, data: bytes) -> None:
    """Give one input to a target; what it raises is a finding."""
    target, documented = TARGETS[name]
    with contextlib.suppress(*documented):
        target(data)
