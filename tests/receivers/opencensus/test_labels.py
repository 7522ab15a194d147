"""The repairs of opencensus.md 4.2, row by row."""

from __future__ import annotations

import pytest

from receivers.opencensus.labels import keys_of_values

HTTP = ("app_id", "method", "path", "status")
ACTOR = ("actor_type", "app_id", "operation")
FAIL = ("actor_type", "app_id", "operation", "reason")
BULK = ("app_id", "component", "namespace", "process_status", "topic")
RESILIENCY = ("app_id", "flow_direction", "name", "namespace", "policy", "status", "target")

# metric, keys, values separated by spaces, the keys they belong to (None: no rule)
ROWS = [
    ("http/server/request_count", HTTP, "a GET 200", "app_id method status"),
    ("http/server/response_count", HTTP, "a UNKNOWN 200", "app_id method status"),
    ("http/server/latency", HTTP, "a /x 200", "app_id path status"),
    ("http/client/completed_count", HTTP, "a 200", "app_id status"),
    ("http/client/roundtrip_latency", HTTP, "a", None),
    ("http/client/roundtrip_latency", HTTP, "a GET /x 200", "app_id method path status"),
    ("http/client/sent_bytes", HTTP, "a GET /x", "app_id method path"),
    ("http/client/sent_bytes", HTTP, "a GET", "app_id method"),
    ("http/client/sent_bytes", HTTP, "a /x", "app_id path"),
    ("http/client/sent_bytes", HTTP, "a", None),
    ("runtime/actor/status_report_total", ACTOR, "a send", "app_id operation"),
    ("runtime/actor/table_operation_recv_total", ACTOR, "a update", "app_id operation"),
    ("runtime/actor/table_operation_recv_total", ACTOR, "a", None),
    ("runtime/actor/status_report_fail_total", FAIL, "a send why", "app_id operation reason"),
    ("runtime/actor/status_report_fail_total", FAIL, "a send", None),
    ("component/pubsub_ingress/bulk/count", BULK, "a c n t", "app_id component namespace topic"),
    ("component/pubsub_ingress/bulk/latencies", BULK, "a c n t", "app_id component namespace topic"),
    ("component/pubsub_ingress/bulk/event_count", BULK, "a c n t", None),
    ("resiliency/count", RESILIENCY, "a in r n retry t",
     "app_id flow_direction name namespace policy target"),
    ("resiliency/count", RESILIENCY, "a in r n timeout t",
     "app_id flow_direction name namespace policy target"),
    ("resiliency/count", RESILIENCY, "a in r n circuitbreaker t",
     "app_id flow_direction name namespace policy target"),
    ("resiliency/count", RESILIENCY, "a in r circuitbreaker open t",
     "app_id flow_direction name policy status target"),
    ("resiliency/activations_total", RESILIENCY, "a in r retry t",
     "app_id flow_direction name policy target"),
    ("resiliency/activations_total", RESILIENCY, "a in circuitbreaker open t",
     "app_id flow_direction policy status target"),
    ("resiliency/activations_total", RESILIENCY, "a in retry t", "app_id flow_direction policy target"),
    ("resiliency/activations_total", RESILIENCY, "a in r t", None),
    ("resiliency/activations_total", RESILIENCY, "a in retry", None),
    ("resiliency/activations_total", RESILIENCY, "a in r n retry s t", " ".join(RESILIENCY)),
    ("resiliency/loaded", ("app_id", "name", "namespace"), "a r", "app_id name"),
    ("resiliency/count", HTTP, "a GET 200", None),
    ("other", HTTP, "a GET 200", None),
    ("other", HTTP, "", " ".join(HTTP)),
    ("other", ("a",), "1 2", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "keys", "values", "expected"), ROWS)
def test_keys_of_values(
    name: str, keys: tuple[str, ...], values: str, expected: str | None
) -> None:
    """Values that slid to the left are given back their keys; without a rule there is no guess."""
    found = keys_of_values(name, keys, values.split())
    assert found == (None if expected is None else tuple(expected.split()))
