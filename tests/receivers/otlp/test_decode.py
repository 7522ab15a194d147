"""Requests in, model out: what is kept, what is rejected and why (otlp.md 1.4, 3.1)."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from receivers.consumer import Sender
from receivers.errors import DecodeError
from receivers.model import NO_RECORDED_VALUE, EncodedDeltaPoints
from receivers.otlp.refusals import EXPLANATIONS, Refusal
from tests.receivers.otlp.reading import AT_MS, PEER, Reader, encoded, metrics, resources, senders
from tests.support.otlp_messages import request, request_bytes
from tests.support.payloads import EPOCH_S, payload, unix_nano

KEPT = [
    "R{} gauge m [5, 5.0{a=1}, NaN, +Inf, -Inf{b=2}]",
    'R{service.name=shop} S sc@1.2{k=v} csum m "s" [5{a=b}@10^1, 7@20]',
    "R{} cud m [-5@10^1, 0@10, 1.5{a=b}]",
    "R{} dsum m [5@10^5, 3{a=b}@10^5]",
    "R{} gauge m [5{by=0x01ff,d=1.5,f=false,i=-7,l=[1,[a,nil],{x=1}],m={x={y=z}},n=nil,s=text,t=true}]",
    "R{} chist h [h(6;12.5;1.0,2.5;1,2,3;0.5;9.0){a=b}@10^1, h(6;12.5;;), h(6;;1.0;2,4), h(0;0.0;;6)]",
    "R{} dhist h [h(6;12.5;1.0,2.5;1,2,3)@10^1]",
    "R{} cexp e [e(2;1;0.25;-1:2,3;4:1;12.5;-9.0;3.0){a=b}@10^1, e(20;0;0.0;1661953:1;;3.0), e(-10;0;0.0;;)]",
    "R{} summ q [q(4;8.0;0.5=2.0,0.99=3.0){a=b}@10^1, q(4;8.0;0.0=NaN,1.0=3.0), q(0;0.0;)]",
    "R{} none m [] gauge g [] csum s [] xsum x [] chist h [] summ q []",
    "R{} gauge m [5!1, null!1, 7{a=b}!3] summ q [q(0;0.0;)!1] chist h [h(0;;;)!1]",
    "R{host.name=a} gauge m [1] ;; R{host.name=b} S x gauge m [2] S y gauge m [3]",
]


@pytest.mark.parametrize("text", KEPT)
def test_kept_whole(text: str) -> None:
    """Every kind of metric, value and attribute comes out as it went in."""
    reader = Reader()
    assert reader.whole(text) == text
    assert not reader.counts


REJECTED = {
    "gauge m [5@none]": Refusal.NO_TIME,
    "gauge m [5@4200.001]": Refusal.TOO_FAR_AHEAD,
    "csum m [5{a=b}@4200.001^1]": Refusal.TOO_FAR_AHEAD,
    "gauge m [null]": Refusal.NO_VALUE,
    "csum m [null!2]": Refusal.NO_VALUE,
    "xsum m [5]": Refusal.NO_TEMPORALITY,
    "xud m [5]": Refusal.NO_TEMPORALITY,
    "xhist m [h(1;1;1;0,1)]": Refusal.NO_TEMPORALITY,
    "xexp m [e(0;0;0;0:1;;2)]": Refusal.NO_TEMPORALITY,
    "chist m [h(6;12;1,2;1,2)]": Refusal.WRONG_BUCKETS,
    "chist m [h(6;12;1,2;1,2,3,4)@10^1]": Refusal.WRONG_BUCKETS,
    "chist m [h(6;12;;1,2)]": Refusal.WRONG_BUCKETS,
    "chist m [h(6;12;2,1;1,2,3)@10^1]": Refusal.UNORDERED_BOUNDS,
    "chist m [h(6;12;1,1;1,2,3)]": Refusal.UNORDERED_BOUNDS,
    "chist m [h(6;12;NaN;1,2)@10^1]": Refusal.UNORDERED_BOUNDS,
    "chist m [h(6;12;1,NaN;1,2,3)@10^1]": Refusal.UNORDERED_BOUNDS,
    "cexp m [e(21;0;0;0:1;;1)]": Refusal.WRONG_SCALE,
    "cexp m [e(-11;0;0;0:1;;1)]": Refusal.WRONG_SCALE,
    "summ m [q(1;1;1.5=2)]": Refusal.WRONG_QUANTILE,
    "summ m [q(1;1;-0.5=2)]": Refusal.WRONG_QUANTILE,
    "summ m [q(1;1;NaN=2)]": Refusal.WRONG_QUANTILE,
    'gauge "" [5]': Refusal.EMPTY_NAME,
    f"cexp m [e(0;0;0;0:{','.join('1' * 1001)};;1)]": Refusal.TOO_MANY_BUCKETS,
    f"cexp m [e(0;0;0;;0:1,{','.join('0' * 1000)},1;1)]": Refusal.TOO_MANY_BUCKETS,
    f"gauge m [5{{{','.join(f'k{i}=1' for i in range(129))}}}]": Refusal.TOO_MANY_ATTRIBUTES,
    f"gauge m [5{{a={'[' * 65}{']' * 65}}}]": Refusal.NESTED_TOO_DEEP,
    f"gauge m [5{{a=[{','.join('1' * 1001)}]}}]": Refusal.NESTED_TOO_DEEP,
    f"R{{{','.join(f'k{i}=1' for i in range(129))}}} gauge m [5]": Refusal.TOO_MANY_ATTRIBUTES,
    f"S s{{{','.join(f'k{i}=1' for i in range(129))}}} gauge m [5]": Refusal.TOO_MANY_ATTRIBUTES,
}


@pytest.mark.parametrize("way", ["rows", "decode"])
@pytest.mark.parametrize("text", REJECTED)
def test_rejected(text: str, way: str) -> None:
    """A bad point is left out, counted by its reason and told with its metric's name; the good ones are kept."""
    refusal, reader = REJECTED[text], Reader()
    good = "S other gauge good [7]"
    found = reader.request(f"{text} {good}")
    read = [metric for metric in metrics(found) if getattr(encoded(metric), way)()]
    of_resource = text.startswith("R{")
    assert [metric.header.name for metric in read] == ([] if of_resource else ["good"])
    assert reader.counts[refusal] == found.rejections.count == (2 if of_resource else 1)
    told = found.rejections.message()
    assert EXPLANATIONS[refusal] in told
    assert told.startswith('metric "m"' if '""' not in text else 'metric ""')


def test_good_points_of_a_bad_metric() -> None:
    """A bad point costs itself alone, wherever it stands."""
    reader = Reader()
    text = "gauge m [1@none, 2, null, 3{a=b}, 4@9999, 5.0]"
    found = reader.request(text)
    [metric] = metrics(found)
    assert [row.value for row in encoded(metric).rows()] == [2, 3, 5.0]
    assert [point.value for point in metric.data_points] == [2, 3, 5.0]  # type: ignore[union-attr]
    assert reader.counts == {"no_time": 1, "no_value": 1, "too_far_ahead": 1}
    assert found.rejections.count == 3
    assert found.rejections.message() == 'metric "m": a data point without a time and 2 more'


def test_counted_once() -> None:
    """A rejected point counts once, however many branches read it."""
    reader = Reader()
    found = reader.request("gauge m [1@none, 2]")
    [metric] = metrics(found)
    points = encoded(metric)
    for _ in range(2):
        points.rows()
        points.decode()
    assert (reader.counts, found.rejections.count) == ({"no_time": 1}, 1)


def test_nothing_is_rejected_before_it_is_read() -> None:
    """What a filter drops is not looked at; what the header decides is there at once."""
    reader = Reader()
    found = reader.request('gauge m [1@none] gauge "" [1, 2] xsum x [3]')
    assert [metric.header.name for metric in metrics(found)] == ["m"]
    assert reader.counts == {"empty_name": 2, "no_temporality": 1}
    assert found.rejections.message() == 'metric "": a metric without a name and 2 more'


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("gauge m [1@none, 2, null]", 3),
        ("csum m [5]", 1),
        ("dsum m []", 0),
        ("chist h [h(6;12.5;1,2;1,2,3), h(1)]", 2),
        ("cexp e [e(0;0;0;0:1;;2)]", 1),
        ("summ q [q(4;8;0.5=2), q(1;1)]", 2),
        ("none n []", 0),
    ],
)
def test_points_are_counted_on_the_wire(text: str, points: int) -> None:
    """Who only counts points leaves them on the wire, and none is rejected by that."""
    reader = Reader()
    [metric] = metrics(reader.request(text))
    assert metric.point_count() == points
    assert metric.encoded is not None
    assert not reader.counts
    assert len(metric.data_points) == metric.point_count()


def test_many_empty_buckets() -> None:
    """Leading and trailing buckets without a count do not count, and are left out of very many."""
    text = f"cexp m [e(0;0;0.0;-1100:{'0,' * 1100}5,1{',0' * 1100};;1.0)]"
    assert Reader().whole(text) == "R{} cexp m [e(0;0;0.0;0:5,1;;1.0)]"


def test_start_after_time() -> None:
    """A start after the point's time is treated as absent, in rows as in points."""
    reader = Reader()
    [metric] = metrics(reader.request("csum m [5{a=b}@10^11]"))
    [row] = encoded(metric).rows()
    assert encoded(metric).describe(row.key) == ({"a": "b"}, 0)
    assert metric.data_points[0].start_time_unix_nano == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("csum m [5{a=b}@10^1, 6.0@11]", [(5, None, {"a": "b"}, "1"), (6.0, None, {}, "none")]),
        ("cud m [5{a=b}@10^1]", [(5, None, {"a": "b"}, "1")]),
        ("gauge m [5{a=b}@10^1]", [(5, None, {"a": "b"}, "none")]),
        ("dsum m [5{a=b}@10^1]", [(5, None, {"a": "b"}, "none")]),
        ("chist m [h(6;12.5;1,2;1,2,3){a=b}@10^1]", [(6, 12.5, {"a": "b"}, "1")]),
        ("chist m [h(6;12.5;1,2;1,2,3;0;9){a=b}@10^1]", [(6, 12.5, {"a": "b"}, "1")]),
        ("chist m [h(6;;1,2;1,2,3)]", [(6, None, {}, "none")]),
        ("dhist m [h(6;12.5;1,2;1,2,3){a=b}@10^1]", [(6, 12.5, {"a": "b"}, "none")]),
        ("cexp m [e(0;0;0;0:4;;8){a=b}@10^1]", [(4, 8.0, {"a": "b"}, "1")]),
        ("cexp m [e(0;0;0;0:4;;)]", [(4, None, {}, "none")]),
        ("summ m [q(4;8;0.5=2){a=b}@10^1]", [(4, 8.0, {"a": "b"}, "1")]),
    ],
)
def test_rows(text: str, expected: list[Any]) -> None:
    """A row has the value, or count and sum; its key tells attributes and, where it means something, the start."""
    reader = Reader()
    for _ in range(2):
        points = encoded(metrics(reader.request(text))[0])
        found = [(row, *points.describe(row.key)) for row in points.rows()]
        assert [(row.value, row.sum, attributes, start) for row, attributes, start in found] == [
            (value, total, attributes, unix_nano(start))
            for value, total, attributes, start in expected
        ]


@pytest.mark.parametrize(
    ("text", "has_sum"),
    [
        ("gauge m [5!1]", False),
        ("csum m [null!1]", False),
        ("chist m [h(6;12;1;1,5)!1]", True),
        ("cexp m [e(0;0;0;0:4;;)!1]", True),
        ("summ m [q(4;8;0.5=2)!1]", True),
    ],
)
def test_no_recorded_value(text: str, has_sum: bool) -> None:
    """A point without a recorded value is a stale marker in its row, whatever value it has."""
    points = encoded(metrics(Reader().request(text))[0])
    [row] = points.rows()
    marker = struct.pack("<d", NO_RECORDED_VALUE)
    assert struct.pack("<d", row.value) == marker
    assert (row.sum is not None) == has_sum
    if row.sum is not None:
        assert struct.pack("<d", row.sum) == marker


def test_delta_starts() -> None:
    """Of a delta metric the key stays the same while the start moves on, which is told apart, for good points only."""
    reader = Reader()
    first = encoded(metrics(reader.request("dsum m [5{a=b}@10^0, 1@none^3, 3@10]"))[0])
    second = encoded(metrics(reader.request("dsum m [5{a=b}@20^10]"))[0])
    assert isinstance(first, EncodedDeltaPoints)
    assert isinstance(second, EncodedDeltaPoints)
    assert list(second.starts_unix_nano()) == [unix_nano("10")]
    assert [row.key for row in second.rows()] == [row.key for row in first.rows()][:1]
    assert list(first.starts_unix_nano()) == [unix_nano("0"), 0]
    assert not isinstance(encoded(metrics(reader.request("csum m [5]"))[0]), EncodedDeltaPoints)


def test_first_of_equal_keys() -> None:
    """Of equal attribute keys the first counts, on every level."""
    message = request(payload("R{k=1} gauge m [5{k=1}]"))
    part = message.resource_metrics[0]
    point = part.scope_metrics[0].metrics[0].gauge.data_points[0]
    for pairs in (part.resource.attributes, point.attributes):
        pairs.add(key="k").value.string_value = "second"
        nested = pairs.add(key="m").value.kvlist_value.values
        nested.add(key="x").value.int_value = 1
        nested.add(key="x").value.int_value = 2
    assert Reader().whole(message.SerializeToString()) == "R{k=1,m={x=1}} gauge m [5{k=1,m={x=1}}]"


def test_everything_else() -> None:
    """Schema addresses, dropped counts, metadata and exemplars are kept for OTTL and exporters."""
    message = request(payload("S sc gauge m [5, 6]"))
    part = message.resource_metrics[0]
    part.schema_url, part.resource.dropped_attributes_count = "r", 2
    scope = part.scope_metrics[0]
    scope.schema_url, scope.scope.dropped_attributes_count = "s", 3
    metric = scope.metrics[0]
    metric.metadata.add(key="k").value.string_value = "v"
    exemplar = metric.gauge.data_points[0].exemplars.add(
        time_unix_nano=9, as_int=-4, span_id=b"s" * 8, trace_id=b"t" * 16
    )
    exemplar.filtered_attributes.add(key="user").value.string_value = "x"
    metric.gauge.data_points[0].exemplars.add(as_double=1.5)
    [resource] = resources(Reader().request(message.SerializeToString()))
    [found] = resource.scope_metrics
    assert (resource.resource.schema_url, resource.resource.dropped_attributes_count) == ("r", 2)
    assert (found.scope.schema_url, found.scope.dropped_attributes_count) == ("s", 3)
    assert found.metrics[0].header.metadata == {"k": "v"}
    first, second = found.metrics[0].data_points
    exemplars = first.exemplars  # type: ignore[union-attr]
    assert [one.value for one in exemplars] == [-4, 1.5]
    assert exemplars[0].filtered_attributes == {"user": "x"}
    assert (exemplars[0].span_id, exemplars[0].trace_id) == (b"s" * 8, b"t" * 16)
    assert exemplars[0].time_unix_nano == 9
    assert not second.exemplars  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("find", "lost"),
    [
        (b"point-key", 1),
        (b"point-value", 1),
        (b"metric-unit", 2),
        (b"scope-name", 2),
        (b"resource-value", 2),
    ],
)
def test_text_that_is_not_utf8(find: bytes, lost: int) -> None:
    """Text that is not UTF-8 costs the points that it belongs to, and nothing else."""
    reader = Reader()
    text = (
        'R{k=resource-value} S scope-name gauge m "metric-unit" [1{point-key=point-value}, 2]'
        " ;; R{} gauge other [7]"
    )
    raw = request(payload(text)).SerializeToString().replace(find, b"\xff" * len(find))
    found = reader.request(raw)
    values = [row.value for metric in metrics(found) for row in encoded(metric).rows()]
    assert values == ([2, 7] if lost == 1 else [7])
    assert reader.counts == {"not_utf8": lost}


def test_name_that_is_not_utf8() -> None:
    """A metric whose name is not text is told with what can be shown of it."""
    reader = Reader()
    raw = request(payload("gauge name [1, 2]")).SerializeToString().replace(b"name", b"na\xffe")
    found = reader.request(raw)
    assert not metrics(found)
    assert found.rejections.message() == 'metric "na\ufffde": text that is not UTF-8 and 1 more'


def test_malformed_exemplar() -> None:
    """An exemplar that cannot be read is left out and counted; its point is kept."""
    message = request(payload("gauge m [5]"))
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    point.exemplars.add().filtered_attributes.add(key="broken!!")
    reader = Reader()
    raw = message.SerializeToString().replace(b"broken!!", b"\xff" * 8)
    [metric] = metrics(reader.request(raw))
    assert [row.value for row in encoded(metric).rows()] == [5]
    assert metric.data_points[0].exemplars == []  # type: ignore[union-attr]
    assert reader.counts == {"bad_exemplar": 1}


@pytest.mark.parametrize(
    "raw",
    [b"text", b"\x08\x01\x0a", b"\x0a\x05\x0a", b"\x0a\x02\x12\xff", b"\x0a\x01\xff"],
    ids=["text", "truncated", "short", "scope", "resource"],
)
def test_no_request(raw: bytes) -> None:
    """What is no request at all is an error."""
    with pytest.raises(DecodeError, match="cannot decode OTLP request: "):
        Reader().request(raw)


def test_senselessly_many_metrics() -> None:
    """Two bytes make a metric: a request with more than 200,000 of them is refused at once."""
    for raw in (b"\x12\x00" * 200_001, b"\x0a\x00"):
        scope = b"\x12" + _length(raw) + raw
        resource = b"\x0a" + _length(scope) + scope
        if len(raw) > 2:
            with pytest.raises(DecodeError, match="more than 200000 metrics"):
                Reader().request(resource)
        else:
            assert not Reader().request(resource).batches
    with pytest.raises(DecodeError, match="more than 200000 metrics"):
        Reader().request(b"\x0a\x00" * 200_001)


def _length(raw: bytes) -> bytes:
    size, out = len(raw), bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size])


@pytest.mark.parametrize("text", [b"", b"\x0a\x00", b"\x0a\x02\x12\x00"])
def test_empty_request(text: bytes) -> None:
    """A request without metrics holds nothing."""
    found = Reader().request(text)
    assert (found.batches, found.rejections.count) == ([], 0)


def test_unknown_fields() -> None:
    """Fields of a later version are ignored, on every level that is looked at."""
    message = request(payload("csum m [5{a=b}@10^1]"))
    unknown = b"\x98\x06\x01"
    metric = message.resource_metrics[0].scope_metrics[0].metrics[0]
    for part in (metric.sum.data_points[0], metric.sum, metric, message):
        part.MergeFromString(unknown)
    for _ in range(2):
        [found] = metrics(Reader().request(message.SerializeToString()))
        assert [row.value for row in encoded(found).rows()] == [5]


def test_same_bytes_same_objects() -> None:
    """Resource, scope and header are the same objects in every request that says the same."""
    reader = Reader()
    text = 'R{a=b} S sc csum m "s" [5] chist h [h(6;;;)]'
    first, second = (resources(reader.request(text))[0] for _ in range(2))
    assert first.resource is second.resource
    assert first.scope_metrics[0].scope is second.scope_metrics[0].scope
    for one, other in zip(
        first.scope_metrics[0].metrics, second.scope_metrics[0].metrics, strict=True
    ):
        assert one.header is other.header


def test_headers_apart() -> None:
    """Metrics that differ in one part of the header only are not mixed up, whichever came first."""
    reader = Reader()
    texts = [
        f"{kind} m{unit} [5, 6]"
        for kind in ("csum", "dsum", "cud", "dud", "gauge")
        for unit in ("", ' "s"')
    ]
    texts += [f"R{{}} {text}" for text in texts]
    for text in [*texts, *reversed(texts)]:
        assert reader.whole(text) == "R{} " + text.removeprefix("R{} ")


def test_misleading_ending() -> None:
    """A sum without temporality whose last attribute ends like one with it is rejected all the same."""
    reader = Reader()
    good = request(payload("csum m [5, 6]")).SerializeToString()
    reader.request(good)
    message = request(payload("xsum m [5, 6{k=0x10021801}]"))
    message.resource_metrics[0].scope_metrics[0].metrics[0].sum.is_monotonic = False
    found = reader.request(message.SerializeToString())
    assert [row for metric in metrics(found) for row in encoded(metric).rows()] == []
    assert reader.counts == {"no_temporality": 2}


def test_senders() -> None:
    """Each process is a sender of its own, in order of first appearance; without identity it is the peer."""
    found = Reader().request(
        "R{service.instance.id=one} gauge m [1] ;; R{} gauge m [2] ;; R{host.name=h} gauge m [3]"
        " ;; R{service.instance.id=one,x=y} gauge m [4]"
    )
    assert senders(found) == [
        Sender("otlp", "service.instance.id=one"),
        Sender("otlp", PEER),
        Sender("otlp", "host.name=h"),
    ]
    assert [len(batch) for _, batch in found.batches] == [2, 1, 1]


def test_limit_of_time() -> None:
    """Exactly 10 minutes ahead is still taken."""
    text = f"R{{}} gauge m [5@{AT_MS // 1000 + 600 - EPOCH_S}]"
    assert Reader().whole(text) == text


def _values(reader: Reader, raw: bytes | str) -> list[float]:
    return [row.value for metric in metrics(reader.request(raw)) for row in encoded(metric).rows()]


@pytest.mark.parametrize("points", [1, 2, 100, 1_000, 20_000])
def test_any_size(points: int) -> None:
    """A metric is recognised whatever its length, with the same header each time."""
    reader = Reader()
    text = f"csum m [{', '.join(f'{i}{{a={i}}}@10^1' for i in range(points))}]"
    raw = request_bytes(payload(text))
    headers = set()
    for _ in range(2):
        assert _values(reader, raw) == list(range(points))
        headers |= {metric.header for metric in metrics(reader.request(raw))}
    assert len(headers) == 1


def test_mixed_numbers() -> None:
    """Whole numbers and others may alternate within a metric."""
    reader = Reader()
    for _ in range(2):
        assert _values(reader, "csum m [1@10^1, 2.5@10^1, 3@10^1, 4@10^1, 5.5, 6, null@10^1]") == [
            *[1, 2.5, 3, 4],
            *[5.5, 6],
        ]
    assert reader.counts == {"no_value": 2}


def test_plain_form_of_everything() -> None:
    """What looks like the usual form in part is read as what it is."""
    reader = Reader()
    known = "gauge m [5{a=b}]"
    assert _values(reader, known) == [5]
    time = struct.pack("<BQ", 0x19, unix_nano("0"))
    value = struct.pack("<Bq", 0x31, 7)
    cases = {
        b"": "no_time",
        b"\x11": "undecodable",
        b"\x11" + bytes(8): "no_time",
        b"\x11" + bytes(8) + value: "no_time",
        b"\x11" + bytes(8) + time: "no_value",
        time: "no_value",
        value: "no_time",
        bytes(27): "undecodable",
        b"\x11" + bytes(8) + b"\x11" + bytes(8) + value: "no_time",
        b"\x11" + bytes(8) + time + b"\x09" + bytes(8): "no_value",
        b"\x11" + bytes(8) + time[:-1]: "undecodable",
    }
    for point, reason in cases.items():
        message = request(payload(known))
        data = b"\x0a" + _length(point) + point
        metric = b"\x0a\x01m" + b"\x2a" + _length(data) + data
        scope = b"\x12" + _length(metric) + metric
        part = b"\x12" + _length(scope) + scope
        raw = message.SerializeToString() + b"\x0a" + _length(part) + part
        reader.counts.clear()
        assert _values(reader, raw) == [5]
        assert reader.counts == {reason: 1}, point
    assert _values(reader, known) == [5]


def test_long_histograms() -> None:
    """Histograms of any number of buckets are read, known or not."""
    reader = Reader()
    for buckets in (1, 2, 15, 16, 200, 3_000):
        bounds = ",".join(str(float(i)) for i in range(buckets))
        counts = ",".join("1" * (buckets + 1))
        text = f"R{{}} chist h [h({buckets + 1};2.5;{bounds};{counts};0.0;9.0){{a=b}}@10^1]"
        for _ in range(2):
            assert reader.whole(text) == text
            assert _values(reader, text) == [buckets + 1]
    assert not reader.counts


def test_histograms_with_exemplars_and_flags() -> None:
    """Fields beside the usual ones change nothing of a histogram's count and sum."""
    reader = Reader()
    message = request(
        payload("chist h [h(3;2.5;1.0;1,2;0.0;9.0){a=b}@10^1, h(3;2.5;1.0;1,2){a=b}@10^1]")
    )
    assert _values(reader, message.SerializeToString()) == [3, 3]
    points = message.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points
    points[0].exemplars.add(as_double=1.0)
    points[1].flags = 2
    assert _values(reader, message.SerializeToString()) == [3, 3]
    points[0].ClearField("sum")
    found = encoded(metrics(reader.request(message.SerializeToString()))[0]).rows()
    assert [row.sum for row in found] == [None, 2.5]


def _wrapped(metric: bytes, scope: bytes = b"", resource: bytes = b"") -> bytes:
    """Return a request with one metric, its scope and its resource as bytes."""
    parts = b"\x0a" + _length(scope) + scope + b"\x12" + _length(metric) + metric
    part = b"\x0a" + _length(resource) + resource + b"\x12" + _length(parts) + parts
    return b"\x0a" + _length(part) + part


GOOD = b"\x0a\x01m\x2a\x04\x0a\x00\x0a\x00"
BROKEN = b"\x0a\xff"


@pytest.mark.parametrize(
    ("raw", "lost"),
    [
        (_wrapped(BROKEN), 1),
        (_wrapped(b"\x0a\x01m\x2a\x02\x0a\xff"), 1),
        (_wrapped(GOOD, scope=BROKEN), 2),
        (_wrapped(GOOD, resource=BROKEN), 2),
        (_wrapped(BROKEN, scope=BROKEN), 1),
    ],
    ids=["metric", "data", "scope", "resource", "metric-and-scope"],
)
def test_malformed_parts(raw: bytes, lost: int) -> None:
    """A part that is no protobuf costs its points, as far as they can be counted, and no neighbour."""
    reader = Reader()
    _values(reader, _wrapped(GOOD.replace(b"\x0a\x00\x0a\x00", b"\x0a\x02\x08\x00")))
    reader.counts.clear()
    good = request_bytes(payload("gauge good [7]"))
    for text in (good + raw, raw + good):
        assert _values(reader, text) == [7]
    assert reader.counts == {"undecodable": 2 * lost}


def test_header_of_known_bytes_with_malformed_data() -> None:
    """A known header in front of data that are no protobuf costs one point."""
    reader = Reader()
    good = request_bytes(payload("csum m [5, 6]"))
    assert _values(reader, good) == [5, 6]
    at = good.index(b"\x11" if b"\x11" in good else b"\x19")
    broken = good[: at - 1] + b"\x7f" + good[at:]
    found = reader.request(broken)
    assert [list(encoded(metric).rows()) for metric in metrics(found)] == [[]]
    assert found.rejections.count == 1
    [metric] = metrics(found)
    assert metric.data_points == []


def test_too_many_points() -> None:
    """A metric with senselessly many points is refused whole, before they are looked at."""
    reader = Reader()
    point = b"\x0a\x00" * 200_001
    raw = _wrapped(b"\x0a\x01m\x2a" + _length(point) + point)
    assert _values(reader, raw) == []
    assert reader.counts == {"too_many_points": 200_001}


def test_attributes_out_of_all_proportion_are_refused_quickly() -> None:
    """100,000 attributes of one point are not looked at one by one."""
    reader = Reader()
    message = request(payload("gauge m [5]"))
    point = message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0]
    for number in range(100_000):
        point.attributes.add(key=str(number))
    assert _values(reader, message.SerializeToString()) == []
    assert reader.counts == {"too_many_attributes": 1}


def test_points_belong_to_who_reads_them() -> None:
    """Attributes that a reader changes are its own."""
    reader = Reader()
    text = "csum m [5{a=b,l=[1]}@10^1, 6{a=b}@10^1]"
    for _ in range(3):
        [metric] = metrics(reader.request(text))
        for point in metric.data_points:
            point.attributes["a"] = "changed"
            if isinstance(nested := point.attributes.get("l"), list):
                nested.append(2)
    assert reader.whole("R{} " + text) == "R{} csum m [5{a=b,l=[1]}@10^1, 6{a=b}@10^1]"


def test_attribute_that_is_none() -> None:
    """An attribute that is no protobuf costs its point."""
    reader = Reader()
    raw = request_bytes(payload("gauge m [5, 6{k=abc}]"))
    at = raw.index(b"\x0a\x01k")
    assert _values(reader, raw[:at] + b"\x0f" + raw[at + 1 :]) == [5]
    assert reader.counts == {"undecodable": 1}


def test_empty_metric() -> None:
    """A metric without anything in it is dropped; there is no point to count."""
    reader = Reader()
    assert not metrics(reader.request(_wrapped(b"")))
    assert not reader.counts


def test_fields_that_a_gauge_does_not_have() -> None:
    """A gauge with the temporality of a sum is a gauge, and leaves nothing behind that others would find."""
    reader = Reader()
    points = b"\x0a\x12\x19" + struct.pack("<Q", unix_nano("0")) + b"\x31" + struct.pack("<q", 5)
    for ending in (b"", b"\x10\x02\x18\x01", b"\x10\x07", b""):
        data = points + ending
        raw = _wrapped(b"\x0a\x01m\x2a" + _length(data) + data)
        assert reader.whole(raw) == "R{} gauge m [5]"
        assert _values(reader, raw) == [5]
    assert not reader.counts
