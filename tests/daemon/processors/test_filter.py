"""The walk-through's filter, exactly as its file has it (ottl.md 5.7)."""

from __future__ import annotations

import pytest

from receivers.consumer import Batch
from receivers.model import (
    Attributes,
    Metric,
    MetricHeader,
    MetricType,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)
from tests.daemon.processors.filter.payloads import names
from tests.daemon.processors.filter.run import build
from tests.support.consumers import SinkConsumer
from tests.support.payloads import SENDER

FILTER = """
error_mode: ignore
metrics:
  metric:
    - |
      name != "runtime/service_invocation/req_recv_total"
      and instrumentation_scope.attributes["app_id"] != "nodeapp"
      and instrumentation_scope.attributes["src_app_id"] != "pythonapp"
"""
RECEIVED = "runtime/service_invocation/req_recv_total"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param({}, f"R{{S{{{RECEIVED}:0}}}}", id="what Dapr sends"),
        pytest.param(
            {"app_id": "nodeapp", "src_app_id": "pythonapp"},
            f"R{{S{{{RECEIVED}:0 other:0}}}}",
            id="both",
        ),
        pytest.param({"app_id": "nodeapp"}, f"R{{S{{{RECEIVED}:0 other:0}}}}", id="app_id"),
        pytest.param({"src_app_id": "pythonapp"}, f"R{{S{{{RECEIVED}:0 other:0}}}}", id="src"),
        pytest.param({"app_id": "x", "src_app_id": "y"}, f"R{{S{{{RECEIVED}:0}}}}", id="others"),
        pytest.param({"app_id": 5, "src_app_id": None}, f"R{{S{{{RECEIVED}:0}}}}", id="no strings"),
    ],
)
def test_the_walk_through(attributes: Attributes, expected: str) -> None:
    """Everything not named so goes, unless the scope itself carries one of the two labels."""
    sink = SinkConsumer()
    metrics = [Metric(MetricHeader(name=name, type=MetricType.SUM)) for name in (RECEIVED, "other")]
    scope_metrics = ScopeMetrics(Scope(attributes=attributes), metrics)
    batch = Batch(SENDER, 0, [ResourceMetrics(Resource(), [scope_metrics])])
    build(FILTER, sink).consume(batch)
    assert [names(taken) for taken in sink.batches] == [expected]
