from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.scaler import schema


def test_wire_bytes() -> None:
    """Field numbers and types are those of KEDA's own externalscaler.proto."""
    ref = schema.ScaledObjectRef(name="n", namespace="s", scalerMetadata={"k": "v"})
    request = schema.GetMetricsRequest(scaledObjectRef=ref, metricName="m")
    value = schema.MetricValue(metricName="m", metricValue=3, metricValueFloat=2.5)
    spec = schema.MetricSpec(metricName="m", targetSize=2, targetSizeFloat=1.5)
    assert [
        schema.encode(message)
        for message in (
            request,
            schema.GetMetricsResponse(metricValues=[value]),
            schema.GetMetricSpecResponse(metricSpecs=[spec]),
            schema.IsActiveResponse(result=True),
        )
    ] == [
        b"\x0a\x0e\x0a\x01n\x12\x01s\x1a\x06\x0a\x01k\x12\x01v\x12\x01m",
        b"\x0a\x0e\x0a\x01m\x10\x03\x19\x00\x00\x00\x00\x00\x00\x04\x40",
        b"\x0a\x0e\x0a\x01m\x10\x02\x19\x00\x00\x00\x00\x00\x00\xf8\x3f",
        b"\x08\x01",
    ]


def test_methods() -> None:
    """The service has KEDA's five calls, two of them streams."""
    assert schema.SERVICE == "externalscaler.ExternalScaler"
    assert [(method.name, method.streams) for method in schema.METHODS] == [
        ("IsActive", False),
        ("StreamIsActive", True),
        ("GetMetricSpec", False),
        ("GetMetrics", False),
        ("StreamMetricSpec", True),
    ]


@given(st.sampled_from(sorted(schema.MESSAGES)), st.binary(max_size=64))
def test_fuzz(name: str, wire: bytes) -> None:
    """Any bytes are a message or a DecodeError."""
    try:
        schema.decode(name, wire)
    except schema.DecodeError:
        return


@pytest.mark.parametrize("wire", [b"\xff", b"\x0a\x05a", b"\x0a\x01\xff"])
def test_bad_bytes(wire: bytes) -> None:
    """Truncated fields and text that is not UTF-8 are refused."""
    with pytest.raises(schema.DecodeError):
        schema.decode("ScaledObjectRef", wire)
