"""OTLP/JSON is protobuf in another spelling (otlp.md 2)."""

from __future__ import annotations

import json
import sys

import pytest

from receivers.errors import DecodeError
from receivers.otlp.json_body import transcode_json
from tests.receivers.otlp.reading import Reader, metrics
from tests.support.otlp_messages import read_whole
from tests.support.payload_text import written

TIME = '"timeUnixNano":"1700000000000000000"'


def _point(text: str) -> str:
    return f'{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{{{text}}}]}}}}]}}]}}]}}'


def _metric(text: str) -> str:
    return f'{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m",{text}}}]}}]}}]}}'


def _sum(text: str) -> str:
    return _metric(f'"sum":{{"dataPoints":[{{"asInt":5,{TIME}}}],"isMonotonic":true,{text}}}')


def _attribute(text: str) -> str:
    return _point(f'"asInt":5,{TIME},"attributes":[{{"key":"k",{text}}}]')


def _exemplar(text: str) -> str:
    return _point(f'"asInt":5,{TIME},"exemplars":[{{{text}}}]')


def _read(document: str | bytes) -> str:
    """Return what a document says as the official classes read it, good or bad."""
    raw = transcode_json(document.encode() if isinstance(document, str) else document)
    return written(read_whole(raw)).removeprefix("R{} ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"asInt":"5"', "5"),
        ('"asInt":5', "5"),
        ('"as_int":5', "5"),
        ('"asInt":5,"color":{"x":[1,null,{}]}', "5"),
        ('"asInt":9223372036854775807', "9223372036854775807"),
        ('"asInt":"-9223372036854775808"', "-9223372036854775808"),
        ('"asInt":"-5"', "-5"),
        ('"asDouble":1.5', "1.5"),
        ('"asDouble":"1.5"', "1.5"),
        ('"asDouble":"-1.5e3"', "-1500.0"),
        ('"asDouble":5', "5.0"),
        ('"asDouble":1e3', "1000.0"),
        ('"asDouble":"NaN"', "NaN"),
        ('"asDouble":"Infinity"', "+Inf"),
        ('"asDouble":"Inf"', "+Inf"),
        ('"asDouble":"-Infinity"', "-Inf"),
        ('"x":1', "null"),
        ('"asInt":5,"asDouble":1.5', "1.5"),
        ('"asDouble":1.5,"asInt":5', "5"),
        ('"asInt":5,"asDouble":1.5,"asInt":6', "6"),
        ('"asInt":5,"asInt":6', "6"),
        ('"asInt":5,"as_int":7', "7"),
        ('"asInt":5,"flags":1', "5!1"),
        ('"asInt":5,"flags":"1"', "5!1"),
        ('"asInt":5,"startTimeUnixNano":"1699999940000000000"', "5^-60"),
        ('"asInt":5,"start_time_unix_nano":1699999940000000000', "5^-60"),
        ('"asInt":5,"attributes":null,"exemplars":null', "5"),
    ],
)
def test_points(text: str, value: str) -> None:
    """Both spellings, both forms of a number, unknown fields; what comes last counts, within a oneof too."""
    assert _read(_point(f"{text},{TIME}")) == f"gauge m [{value}]"


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ('"timeUnixNano":"1700000001000000000"', "@1"),
        ('"timeUnixNano":1700000001000000000', "@1"),
        ('"time_unix_nano":1700000001000000000', "@1"),
        ('"timeUnixNano":"0"', "@none"),
    ],
)
def test_times(text: str, time: str) -> None:
    """Times are numbers or texts."""
    assert _read(_point(f'"asInt":5,{text}')) == f"gauge m [5{time}]"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('"aggregationTemporality":2', "csum"),
        ('"aggregation_temporality":1', "dsum"),
        ('"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE"', "csum"),
        ('"aggregationTemporality":0', "xsum"),
        ('"aggregationTemporality":2,"isMonotonic":false', "cud"),
    ],
)
def test_temporality(text: str, kind: str) -> None:
    """Temporality is a number or its full name."""
    assert _read(_sum(text)) == f"{kind} m [5]"


def test_unknown_temporality() -> None:
    """An unknown number is passed on as it is; the point is rejected by who reads it."""
    reader = Reader()
    found = reader.request(transcode_json(_sum('"aggregationTemporality":9').encode()))
    assert not metrics(found)
    assert reader.counts == {"no_temporality": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"value":{"intValue":"5"}', "5"),
        ('"value":{"intValue":5}', "5"),
        ('"value":{"doubleValue":5}', "5.0"),
        ('"value":{"boolValue":true}', "true"),
        ('"value":{"stringValue":"v"}', "v"),
        ('"value":{"string_value":"v"}', "v"),
        ('"value":{"stringValue":null}', '""'),
        ('"value":{"bytesValue":"Af8="}', "0x01ff"),
        ('"value":{"bytesValue":""}', "0x"),
        ('"value":{"bytesValue":null}', "0x"),
        ('"value":{"arrayValue":{"values":[{"intValue":1},{},{"stringValue":"x"}]}}', "[1,nil,x]"),
        ('"value":{"arrayValue":{}}', "[]"),
        ('"value":{"kvlistValue":{"values":[{"key":"a","value":{"intValue":1}}]}}', "{a=1}"),
        ('"value":{"intValue":1,"stringValue":"last"}', "last"),
        ('"value":{}', "nil"),
        ('"value":null', "nil"),
        ('"x":1', "nil"),
    ],
)
def test_attributes(text: str, value: str) -> None:
    """Every kind of attribute."""
    assert _read(_attribute(text)) == f"gauge m [5{{k={value}}}]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            (
                '"histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"6","sum":12.5,"min":0,"max":9,'
                f'"bucketCounts":["1","2","3"],"explicitBounds":[1,2.5],{TIME}}}]}}'
            ),
            "chist m [h(6;12.5;1.0,2.5;1,2,3;0.0;9.0)]",
        ),
        (
            (
                '"histogram":{"aggregationTemporality":1,"dataPoints":[{"count":6,'
                f'"bucketCounts":[1,2,3],"explicitBounds":["1","2.5"],{TIME}}}]}}'
            ),
            "dhist m [h(6;;1.0,2.5;1,2,3)]",
        ),
        (
            (
                '"exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":6,"scale":-2,"zeroCount":"1",'
                f'"positive":{{"offset":-3,"bucketCounts":[2,"3"]}},"zeroThreshold":0.5,"negative":null,{TIME}}}]}}'
            ),
            "cexp m [e(-2;1;0.5;-3:2,3;)]",
        ),
        (
            (
                '"summary":{"dataPoints":[{"count":"4","sum":8,'
                f'"quantileValues":[{{"quantile":0.5,"value":2}}],{TIME}}}]}}'
            ),
            "summ m [q(4;8.0;0.5=2.0)]",
        ),
        ('"gauge":{"dataPoints":[]},"sum":{"aggregationTemporality":2}', "cud m []"),
        ('"gauge":null', "none m []"),
        ('"gauge":{},"unit":"s"', 'gauge m "s" []'),
        ('"gauge":{},"unit":null', "gauge m []"),
        (
            f'"gauge":{{"dataPoints":[{{"asInt":5,{TIME}}}],"dataPoints":[{{"asInt":6,{TIME}}}]}}',
            "gauge m [6]",
        ),
    ],
)
def test_metrics(text: str, expected: str) -> None:
    """Every kind of metric; numbers in lists are numbers or texts; of a list given twice the last counts."""
    assert _read(_metric(text)) == expected


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        "null",
        ' {"resourceMetrics":null} ',
        '{"resourceMetrics":[]}',
        '{"ResourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{}}]}]}]}',
        '{"resourceMetrics":[{"instrumentationLibraryMetrics":[{"metrics":[{"name":"m"}]}]}]}',
        '{"resourceMetrics":[null]}',
    ],
)
def test_nothing(document: str) -> None:
    """Empty documents, null and unknown keys hold nothing."""
    assert not Reader().request(transcode_json(document.encode())).batches


def test_snake_case_all_the_way() -> None:
    """Every key may be in snake_case."""
    document = (
        '{"resource_metrics":[{"schema_url":"u","scope_metrics":[{"metrics":[{"name":"m",'
        f'"exponential_histogram":{{"data_points":[{{"time_unix_nano":"{17 * 10**17}","zero_count":2,"count":2}}],'
        '"aggregation_temporality":2}}]}]}]}'
    )
    assert _read(document) == "cexp m [e(0;2;0.0;;)]"


def test_ids_are_hexadecimal() -> None:
    """Trace and span ids are in hex, of any case; an empty one is none."""
    raw = transcode_json(_exemplar('"spanId":"00ff00ff00ff00FF","traceId":"","asInt":1').encode())
    [metric] = metrics(Reader().request(raw))
    [exemplar] = metric.data_points[0].exemplars  # type: ignore[union-attr]
    assert (exemplar.span_id, exemplar.trace_id) == (bytes.fromhex("00ff00ff00ff00ff"), b"")


@pytest.mark.parametrize(
    ("written_name", "name"),
    [
        (rb"\u00e9\ud83d\ude00", "\u00e9\U0001f600"),
        ("\u00e9\U0001f600".encode(), "\u00e9\U0001f600"),
        (rb"a\ud83db", "a\ufffdb"),
        (rb"a\udc80b", "a\ufffdb"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d", r"\ud83d"),
    ],
)
def test_texts(written_name: bytes, name: str) -> None:
    """Text is any Unicode, escaped or not; half of a pair becomes U+FFFD."""
    body = (
        b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"' + written_name + b'"}]}]}]}'
    )
    [metric] = metrics(Reader().request(transcode_json(body)))
    assert metric.header.name == name


def test_text_that_is_not_utf8() -> None:
    """Bytes that are not UTF-8 cost the point that they belong to, not the others."""
    body = _metric(
        f'"gauge":{{"dataPoints":[{{"asInt":5,{TIME}}},'
        f'{{"asInt":6,{TIME},"attributes":[{{"key":"k","value":{{"stringValue":"BAD"}}}}]}}]}}'
    ).encode()
    reader = Reader()
    assert reader.whole(transcode_json(body.replace(b"BAD", b"\xff\xfe"))) == "R{} gauge m [5]"
    assert reader.counts == {"not_utf8": 1}


WRONG_POINTS = [
    '"asInt":5.0',
    '"asInt":5.7',
    '"asInt":"5.0"',
    '"asInt":"x"',
    '"asInt":"9223372036854775808"',
    '"asInt":9223372036854775808',
    '"asInt":1e3',
    '"asInt":null',
    '"asInt":true',
    '"asInt":""',
    '"asInt":" 5"',
    '"asInt":"1_0"',
    '"asInt":"\u0665"',
    '"asInt":[]',
    '"asDouble":1e999',
    '"asDouble":"1e999"',
    '"asDouble":"1_0"',
    '"asDouble":" 1"',
    '"asDouble":""',
    f'"asDouble":{"9" * 400}',
    '"asDouble":true',
    '"asDouble":null',
    '"timeUnixNano":"x"',
    '"timeUnixNano":1.7e18',
    '"timeUnixNano":-1',
    '"timeUnixNano":18446744073709551616',
    '"flags":-1',
    '"flags":4294967296',
    '"attributes":{}',
    '"attributes":"x"',
    '"attributes":[5]',
    '"attributes":[{"key":5}]',
]
WRONG = {
    **{
        _point(text): "resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0]"
        for text in WRONG_POINTS
    },
    **{
        _sum(text): f"metrics[0].sum.{text[1 : text.index(chr(34), 1)]}: expected "
        for text in (
            '"aggregationTemporality":"2"',
            '"aggregationTemporality":"DELTA"',
            '"aggregationTemporality":null',
            '"aggregationTemporality":2.0',
            '"aggregationTemporality":2147483648',
            '"isMonotonic":"true"',
            '"isMonotonic":1',
            '"isMonotonic":null',
        )
    },
    **{
        _attribute(f'"value":{text}'): "dataPoints[0].attributes[0].value"
        for text in (
            '{"stringValue":5}',
            '{"bytesValue":"!!"}',
            '{"bytesValue":"-_8="}',
            '{"bytesValue":"Af8"}',
            '{"bytesValue":5}',
            '{"bytesValue":"\u00e9"}',
            '{"boolValue":"true"}',
            '{"arrayValue":[]}',
            "[]",
            '"x"',
        )
    },
    **{
        _exemplar(text): "exemplars[0]."
        for text in (
            '"spanId":"AP8A/wD/AP8="',
            '"spanId":"00ff00"',
            '"spanId":"00ff00ff00ff00fg"',
            '"spanId":5',
            '"traceId":"00ff00ff00ff00ff"',
        )
    },
    _metric('"gauge":[]'): "metrics[0].gauge: expected an object, got a list",
    _metric('"name":5'): "metrics[0].name: expected a text, got 5",
    _metric('"gauge":{"dataPoints":{}}'): "gauge.dataPoints: expected a list, got an object",
    _metric(
        '"histogram":{"dataPoints":[{"count":-1}]}'
    ): "histogram.dataPoints[0].count: expected an integer",
    _metric('"histogram":{"dataPoints":[{"bucketCounts":[1,null]}]}'): "bucketCounts[1]: expected",
    _metric(
        '"histogram":{"dataPoints":[{"bucketCounts":5}]}'
    ): "bucketCounts: expected a list, got 5",
    '{"resourceMetrics":{}}': "resourceMetrics: expected a list, got an object",
    _point('"asDouble":NaN'): 'not JSON: NaN must be a text: "NaN"',
    _point('"asDouble":Infinity'): 'not JSON: Infinity must be a text: "Infinity"',
    _point('"asDouble":-Infinity'): 'not JSON: -Infinity must be a text: "-Infinity"',
    "": "not JSON",
    '"x"': 'document: expected an object, got "x"',
    "[]": "document: expected an object, got a list",
    "5": "document: expected an object",
    '{"resourceMetrics":[': "not JSON",
    "{} {}": "not JSON",
    "{}x": "not JSON",
    "{} // comment": "not JSON",
    '{"resourceMetrics":[],}': "not JSON",
    "\ufeff{}": "not JSON",
    '{"a":"\n"}': "not JSON",
    "9" * 5_000: "not JSON",
    "[" * 100_000: "nested too deep",
    '{"a":' * 100_000: "nested too deep",
}


@pytest.mark.parametrize("document", WRONG, ids=lambda text: text[-60:])
def test_wrong(document: str) -> None:
    """What is no JSON, or not what a field takes, is an error that says where and what was expected."""
    with pytest.raises(DecodeError) as error:
        transcode_json(document.encode())
    assert str(error.value).startswith("cannot decode OTLP/JSON request: ")
    assert WRONG[document] in str(error.value)
    assert len(str(error.value)) < 400


def test_says_what_was_expected() -> None:
    """An error names the place, what is taken there and what was found."""
    with pytest.raises(DecodeError) as error:
        transcode_json(_point('"asInt":5.5').encode())
    assert str(error.value) == (
        "cannot decode OTLP/JSON request: resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0].asInt: "
        "expected an integer from -9223372036854775808 to 9223372036854775807, as number or text, got 5.5"
    )


def test_nested_arrays() -> None:
    """Arrays within arrays are taken as deep as the decoder goes; deeper ones cost their point alone."""
    for depth, kept in ((64, True), (65, False), (200, False)):
        value = '{"arrayValue":{"values":[' * depth + "]}}" * depth
        reader = Reader()
        [metric] = metrics(reader.request(transcode_json(_attribute(f'"value":{value}').encode())))
        assert bool(metric.data_points) == kept
        assert bool(reader.counts) != kept


def test_same_recursion_limit() -> None:
    """A document nested as deep as Python's own stack allows leaves that limit alone."""
    before = sys.getrecursionlimit()
    value = '{"arrayValue":{"values":[' * 1_000 + "]}}" * 1_000
    with pytest.raises(DecodeError, match="nested too deep"):
        transcode_json(_attribute(f'"value":{value}').encode())
    assert sys.getrecursionlimit() == before


def test_long_values_are_cut() -> None:
    """An error shows the beginning of a wrong value only."""
    with pytest.raises(DecodeError) as error:
        transcode_json(json.dumps("x" * 10_000).encode())
    assert len(str(error.value)) < 200
