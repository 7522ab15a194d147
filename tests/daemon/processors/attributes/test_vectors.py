"""The processors attributes and resource against the collector's results (otlp.md 4.1, 4.2)."""

from __future__ import annotations

import hashlib
import struct

import pytest

from receivers.consumer import RequestContext
from receivers.model import AnyValue
from tests.support.consumers import SinkConsumer
from tests.support.payload_text import write_attributes
from tests.support.payloads import batch
from tests.support.processing import build, process

A = (
    'R{host=a,n=5} S sc gauge m1 [1{k=a,n=5,d=1.5,b=true,s="10",e="",x=abc-42,l=[1,a]}]'
    ' csum m2 "s" [3{k=b}^-60]'
)
B = (
    "R{host=a} S sc gauge m1 [1{k=a}] csum m1 [3{k=b}] chist h [h(3;6;1,2;1,1,1){k=a}]"
    " cexp e [e(0;0;0;0:3;){k=a}] summ q [q(1;2;0.5=2){k=a}] none z [] gauge none0 []"
    " ;; R{host=b} S lib@1.2 gauge m1 [9{k=z}] ;; R{}"
)
CONTEXT = RequestContext("127.0.0.1", {"x-tenant": ("acme",), "x-two": ("a", "b")})
UNCHANGED: dict[str, AnyValue] = {}
_GONE = object()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def changes(kind: str, configuration: str, payload: str) -> list[dict[str, object]]:
    """Return for each data point, or resource, the attributes that differ afterwards."""
    before, sink = batch(payload), SinkConsumer()
    build(kind, configuration, sink).consume(batch(payload, context=CONTEXT))
    [after] = sink.batches
    found = []
    for was, became in zip(before.resource_metrics, after.resource_metrics, strict=True):
        if kind == "resource":
            found.append(difference(was.resource.attributes, became.resource.attributes))
            continue
        for one, other in zip(was.scope_metrics, became.scope_metrics, strict=True):
            for metric, changed in zip(one.metrics, other.metrics, strict=True):
                points = zip(metric.data_points, changed.data_points, strict=True)
                found += [difference(p.attributes, q.attributes) for p, q in points]
    return found


def difference(before: object, after: object) -> dict[str, object]:
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    missing = {key: _GONE for key in before if key not in after}
    new = {
        key: value
        for key, value in after.items()
        if write_attributes({key: value})
        != write_attributes({k: before[k] for k in before if k == key})
    }
    return missing | new


def both(**attributes: object) -> list[dict[str, object]]:
    return [attributes, attributes]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ("{key: new, value: v, action: insert}", both(new="v")),
        ("{key: k, value: 5, action: upsert}", both(k=5)),
        ("{key: zz, value: true, action: UPSERT}", both(zz=True)),
        ("{key: zz, value: [1, x, {a: b}], action: upsert}", both(zz=[1, "x", {"a": "b"}])),
        ('{key: zz, value: "", action: upsert}', both(zz="")),
        ("{key: zz, value: 9223372036854775807, action: upsert}", both(zz=2**63 - 1)),
        ("{key: zz, from_attribute: k, action: insert}", [{"zz": "a"}, {"zz": "b"}]),
        ("{key: zz, default_value: dv, action: insert}", both(zz="dv")),
        ("{key: zz, from_context: metadata.x-tenant, action: upsert}", both(zz="acme")),
        ("{key: zz, from_context: X-Tenant, action: upsert}", both(zz="acme")),
        ("{key: zz, from_context: metadata.x-two, action: upsert}", both(zz="a;b")),
        ("{key: zz, from_context: auth.sub, default_value: d, action: upsert}", both(zz="d")),
        ("{key: zz, from_context: client.address, action: upsert}", both(zz="127.0.0.1")),
        ("{key: k, action: delete}", both(k=_GONE)),
        ('{pattern: "^[bde]$", action: delete}', [{"d": _GONE, "b": _GONE, "e": _GONE}, {}]),
        ('{key: k, pattern: "^n$", action: delete}', [{"k": _GONE, "n": _GONE}, {"k": _GONE}]),
        ("{key: k, action: hash}", [{"k": sha(b"a")}, {"k": sha(b"b")}]),
        (
            '{pattern: "^(n|d|b|e|l)$", action: hash}',
            [
                {
                    "b": sha(b"\x01"),
                    "d": sha(struct.pack("<d", 1.5)),
                    "e": sha(b""),
                    "l": "",
                    "n": sha(struct.pack("<q", 5)),
                },
                {},
            ],
        ),
        ('{key: x, pattern: "^(?P<k>[a-z]+)", action: extract}', [{"k": "abc"}, {}]),
        (
            '{key: x, pattern: "(?<w>c)(?P<opt>zz)?", action: extract}',
            [{"opt": "", "w": "c"}, {}],
        ),
        ("{key: s, converted_type: int, action: convert}", [{"s": 10}, {}]),
        ("{key: d, converted_type: int, action: convert}", [{"d": 1}, {}]),
        ("{key: b, converted_type: int, action: convert}", [{"b": 1}, {}]),
        ("{key: b, converted_type: double, action: convert}", [{"b": 1.0}, {}]),
        ("{key: n, converted_type: double, action: convert}", [{"n": 5.0}, {}]),
        ("{key: s, converted_type: double, action: convert}", [{"s": 10.0}, {}]),
        ("{key: d, converted_type: string, action: convert}", [{"d": "1.5"}, {}]),
        ("{key: b, converted_type: string, action: convert}", [{"b": "true"}, {}]),
        ("{key: l, converted_type: string, action: convert}", [{"l": '[1,"a"]'}, {}]),
        (
            (
                "{key: a, value: 1, action: insert}, {key: a, value: 2, action: update},"
                " {key: c, from_attribute: a, action: insert}, {key: a, action: delete}"
            ),
            both(c=2),
        ),
        ("{key: k, value: v, action: insert}", both()),
        ("{key: zz, value: v, action: update}", both()),
        ("{key: k, from_attribute: nope, action: update}", both()),
        ("{key: zz, from_context: metadata.nope, action: upsert}", both()),
        ("{key: zz, from_context: auth.sub, action: upsert}", both()),
        ('{key: x, pattern: "(?P<w>nope)", action: extract}', both()),
        ('{key: n, pattern: "(?P<w>5)", action: extract}', both()),
        ("{key: e, converted_type: int, action: convert}", both()),
        ("{key: e, converted_type: double, action: convert}", both()),
        ("{key: l, converted_type: int, action: convert}", both()),
    ],
)
def test_actions(actions: str, expected: list[dict[str, object]]) -> None:
    """What an action makes of the two data points of A (0 to 42)."""
    assert changes("attributes", f"actions: [{actions}]", A) == expected


@pytest.mark.parametrize(
    ("configuration", "touched"),
    [
        pytest.param("", "m1 m1 h e q m1", id="43"),
        pytest.param(
            'include: {match_type: regexp, metric_names: ["^.1$", h]}', "m1 m1 h m1", id="45"
        ),
        pytest.param("exclude: {match_type: strict, metric_names: [m1, h]}", "e q", id="46"),
        pytest.param('include: {match_type: strict, metric_names: "h,q"}', "h q", id="a text"),
        pytest.param(
            "include: {match_type: regexp, metric_names: [.]}\n"
            "exclude: {match_type: strict, metric_names: [m1]}",
            "h e q",
            id="both",
        ),
    ],
)
def test_include_and_exclude(configuration: str, touched: str) -> None:
    """Metrics are chosen by name; every kind of data point is changed (43, 45, 46)."""
    actions = "actions: [{key: t, value: 1, action: insert}]"
    result = process("attributes", f"{configuration}\n{actions}", B)
    assert " ".join(m.split()[1] for m in result.metrics if "t=1" in m) == touched


@pytest.mark.parametrize(
    ("actions", "payload", "expected"),
    [
        pytest.param(
            "{key: env, value: dev, action: insert}, {key: host, action: delete}",
            A,
            ["{env=dev,n=5}"],
            id="73",
        ),
        pytest.param(
            "{key: host2, from_attribute: host, action: upsert},"
            " {key: n, converted_type: string, action: convert}",
            A,
            ['{host=a,host2=a,n="5"}'],
            id="75",
        ),
        pytest.param(
            "{key: env, value: dev, action: insert}",
            B,
            ["{env=dev,host=a}", "{env=dev,host=b}", "{env=dev}"],
            id="76",
        ),
    ],
)
def test_resource(actions: str, payload: str, expected: list[str]) -> None:
    """Actions of the resource processor act on each resource, those without metrics included (73 to 76)."""
    sink = SinkConsumer()
    build("resource", f"attributes: [{actions}]", sink).consume(batch(payload))
    [taken] = sink.batches
    shown = [write_attributes(group.resource.attributes) for group in taken.resource_metrics]
    assert shown == expected
