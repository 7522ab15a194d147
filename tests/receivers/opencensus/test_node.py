"""opencensus.md 7 table B: Node and Resource -> resource attributes, and who the sender is."""

from __future__ import annotations

from typing import Any

import pytest

from receivers.consumer import Batch
from receivers.errors import DecodeError
from receivers.opencensus.decode import Decoder
from receivers.opencensus.node import decode_node, decode_resource, sender_identity
from receivers.opencensus.stream import StreamState
from tests.receivers.opencensus.reading import metrics_of
from tests.support.consumers import Counts
from tests.support.opencensus_messages import N1, R0, Node, S, ci, node, request, resource

N1_ATTRIBUTES = {
    "host.name": "pod-a",
    "process.pid": 7,
    "opencensus.starttime": "2024-11-01T00:00:00.5Z",
    "telemetry.sdk.language": "go",
    "telemetry.sdk.version": "0.24.0",
    "opencensus.exporterversion": "0.0.1",
}


def attributes_of(node_message: Any, resource_message: Any = R0) -> dict[str, Any]:
    parts = decode_node(node_message.SerializeToString())
    return dict(decode_resource(parts, resource_message.SerializeToString()).attributes)


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in N1_ATTRIBUTES.items() if key not in keys}


def changed(**fields: Any) -> Any:
    """N1 with fields set: "identifier.pid" is written identifier__pid."""
    message = Node()
    message.CopyFrom(N1)
    for path, value in fields.items():
        *parents, last = path.split("__")
        target = message
        for parent in parents:
            target = getattr(target, parent)
        setattr(target, last, value)
    return message


def with_attributes(attributes: dict[str, str]) -> Any:
    message = changed()
    message.attributes.update(attributes)
    return message


CASES = {
    "B1": (N1, R0, N1_ATTRIBUTES),
    "B2": (node(""), R0, without("host.name")),
    "B3": (node(pid=0), R0, without("process.pid")),
    "B4 absent": (node(start=None), R0, without("opencensus.starttime")),
    "B6": (changed(service_info__name="svc"), R0, {**N1_ATTRIBUTES, "service.name": "svc"}),
    "B7": (with_attributes({"a": "1", "host.name": "x"}), R0, {**N1_ATTRIBUTES, "a": "1"}),
    "B8": (
        N1,
        resource("container", {"cloud.zone": "z1", "l": "1"}),
        {
            **N1_ATTRIBUTES,
            "opencensus.resourcetype": "container",
            "cloud.availability_zone": "z1",
            "l": "1",
        },
    ),
    "B9": (with_attributes({"k": "node"}), resource("", {"k": "res"}), {**N1_ATTRIBUTES, "k": "node"}),
    "B14": (Node(), resource("", {"pod": "p1"}), {"pod": "p1"}),
    "B16": (Node(), R0, {}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("node_message", "resource_message", "expected"), CASES.values(), ids=CASES
)
def test_attributes(node_message: Any, resource_message: Any, expected: dict[str, Any]) -> None:
    """Node and Resource give exactly the attributes of the table."""
    assert attributes_of(node_message, resource_message) == expected


TIMES = [
    ((S, 0), "2024-11-01T00:00:00Z"),
    ((S, 123_456_789), "2024-11-01T00:00:00.123456789Z"),
    ((S, 120_000_000), "2024-11-01T00:00:00.12Z"),
    ((-1, 0), "1969-12-31T23:59:59Z"),
    ((2**62, 5), f"{2**62}s5ns"),
]


@pytest.mark.parametrize(("start", "expected"), TIMES)
def test_start_time_text(start: tuple[int, int], expected: str) -> None:
    """B4: RFC 3339, the fraction without trailing zeros; a time no calendar holds is still told apart."""
    assert attributes_of(node(start=start))["opencensus.starttime"] == expected


LANGUAGES = [(0, None), (1, "cpp"), (2, "dotnet"), (6, "nodejs"), (10, "webjs"), (77, None)]


@pytest.mark.parametrize(("number", "expected"), LANGUAGES)
def test_language(number: int, expected: str | None) -> None:
    """B5: the language's OTLP name; none for unspecified and unknown numbers."""
    found = attributes_of(changed(library_info__language=number))
    assert found.get("telemetry.sdk.language") == expected


IDENTITIES = {
    "whole": (N1, "pod-a/7/2024-11-01T00:00:00.5Z"),
    "another life": (node(start=(S + 9, 0)), "pod-a/7/2024-11-01T00:00:09Z"),
    "another process (B17)": (node(pid=8), "pod-a/8/2024-11-01T00:00:00.5Z"),
    "no host": (node(""), "10.0.0.9/7/2024-11-01T00:00:00.5Z"),
    "host only": (node(pid=0, start=None), "pod-a"),
    "nothing": (Node(), "10.0.0.9"),
}


@pytest.mark.parametrize(("message", "expected"), IDENTITIES.values(), ids=IDENTITIES)
def test_sender_identity(message: Any, expected: str) -> None:
    """A sender is a process; its peer's address stands in for a host name it does not tell (4.13)."""
    assert sender_identity(decode_node(message.SerializeToString()), "10.0.0.9") == expected


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x03\x0a\x01\xff"], ids=["no protobuf", "no UTF-8"])
def test_undecodable(raw: bytes) -> None:
    """A Node or Resource that is none is a `DecodeError` that names it."""
    with pytest.raises(DecodeError, match="OpenCensus Node"):
        decode_node(raw)
    with pytest.raises(DecodeError, match="OpenCensus Resource"):
        decode_resource(decode_node(b""), b"\xff")


def receive(*messages: bytes) -> tuple[list[Batch], Counts]:
    counts = Counts()
    state = StreamState(Decoder(counts), "10.0.0.9")
    batches = [batch for raw in messages if (batch := state.receive(raw, 0)) is not None]
    return batches, counts


def groups(*messages: bytes) -> list[tuple[list[str], dict[str, Any]]]:
    """The metric names and attributes, besides those of N1, of each group."""
    batches, _ = receive(*messages)
    return [
        (
            [metric.header.name for metric in group.scope_metrics[0].metrics],
            {k: v for k, v in group.resource.attributes.items() if N1_ATTRIBUTES.get(k) != v},
        )
        for batch in batches
        for group in batch.resource_metrics
    ]


def own_resource(name: str, labels: dict[str, str]) -> Any:
    message = ci(name)
    message.resource.CopyFrom(resource("", labels))
    message.resource.SetInParent()
    return message


A1 = resource("", {"a": "1"})


def test_resource_is_sticky() -> None:
    """B10: the resource of the first message stays while none is sent."""
    assert groups(request(node=N1, resource=A1), request(ci("m"))) == [(["m"], {"a": "1"})]


def test_empty_resource_replaces() -> None:
    """B11: an empty Resource that is present replaces the one before."""
    found = groups(request(node=N1, resource=A1), request(ci("m"), resource=R0))
    assert found == [(["m"], {})]


def test_metric_with_own_resource() -> None:
    """B12: it has its own group with the Node's attributes and not those of the stream's resource."""
    found = groups(request(own_resource("m1", {"b": "2"}), ci("m2"), node=N1, resource=A1))
    assert found == [(["m2"], {"a": "1"}), (["m1"], {"b": "2"})]


def test_metric_with_empty_own_resource() -> None:
    """B13: an empty resource of its own leaves the Node's attributes only."""
    found = groups(request(own_resource("m1", {}), node=N1, resource=A1))
    assert found == [(["m1"], {})]


def test_point_labels_do_not_touch_the_resource() -> None:
    """B15: a point label `host.name` is no resource attribute; the Node's stays."""
    batches, _ = receive(request(ci("m", ("host.name",), ("lie",)), node=N1, resource=R0))
    resources = [group.resource.attributes["host.name"] for group in batches[0].resource_metrics]
    assert resources == ["pod-a"]
    assert metrics_of(batches)[0].data_points[0].attributes == {"host.name": "lie"}


def test_equal_bytes_share_one_resource() -> None:
    """Reports of one stream share resource, scope and header objects, also with a Resource in each."""
    report = request(ci("m"), own_resource("own", {"b": "2"}), resource=A1)
    batches, _ = receive(request(node=N1, resource=A1), report, report)
    first, second = (
        [
            (id(group.resource), id(scope.scope), id(scope.metrics[0].header))
            for group in batch.resource_metrics
            for scope in group.scope_metrics
        ]
        for batch in batches
    )
    assert first == second


def test_metric_with_undecodable_resource() -> None:
    """It costs itself alone."""
    bad = ci("bad")
    raw = request(ci("m"), node=N1, resource=R0)
    broken = bad.SerializeToString() + b"\x1a\x01\x08"
    batches, counts = receive(raw + b"\x12" + bytes([len(broken)]) + broken)
    assert [metric.header.name for metric in metrics_of(batches)] == ["m"]
    assert counts == {"undecodable_metric": 1}
