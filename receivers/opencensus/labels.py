"""Which label keys a time series' values belong to (opencensus.md 4.1, 4.2).

ocagent leaves out the values of missing tags without a placeholder, so later values slide to the left. For the metrics
of daprd where that happens the values themselves tell which key is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Keys = tuple[str, ...]
Repair = Callable[[Sequence[str]], Keys | None]

_HTTP_KEYS = ("app_id", "method", "path", "status")
_RESILIENCY_KEYS = ("app_id", "flow_direction", "name", "namespace", "policy", "status", "target")
_POLICY_KEYS: dict[int, Keys] = {1: ("policy", "target"), 2: ("policy", "status", "target")}
_VERBS = frozenset(
    "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE UNKNOWN".split()  # noqa: SIM905  # one word list
)
_POLICIES = frozenset({"retry", "timeout", "circuitbreaker"})


def keys_of_values(name: str, keys: Keys, values: Sequence[str]) -> Keys | None:
    """Return the keys that the present, compacted `values` of metric `name` belong to; None if no rule tells.

    No value at all cannot be shifted, and as many values as keys (or more) are not.
    """
    if not values or len(values) >= len(keys):
        return keys
    expected, repair = _REPAIRS.get(name, ((), None))
    return repair(values) if repair is not None and expected == keys else None


def _http(values: Sequence[str]) -> Keys | None:
    if len(values) == 2:
        return ("app_id", "status")
    if len(values) == 3:
        return ("app_id", "method" if values[1] in _VERBS else "path", "status")
    return None


def _sent_bytes(values: Sequence[str]) -> Keys | None:
    """Status is the last key and never recorded: of three values none slides."""
    if len(values) == 2:
        return ("app_id", "method" if values[1] in _VERBS else "path")
    return _HTTP_KEYS[:3] if len(values) == 3 else None


def _without(keys: Keys, missing: str) -> tuple[Keys, Repair]:
    """Return the rule for metrics that never record the key `missing`."""
    left = tuple(key for key in keys if key != missing)
    return keys, lambda values: left if len(values) == len(left) else None


def _resiliency(values: Sequence[str]) -> Keys | None:
    """Count around the policy word: name and namespace before it, status and target after it may be missing."""
    for policy_at in (4, 3, 2):
        after = len(values) - policy_at - 1
        if after in {1, 2} and values[policy_at] in _POLICIES:
            return _RESILIENCY_KEYS[:policy_at] + _POLICY_KEYS[after]
    return None


_ACTOR = _without(("actor_type", "app_id", "operation"), "actor_type")
_BULK = _without(("app_id", "component", "namespace", "process_status", "topic"), "process_status")

_REPAIRS: dict[str, tuple[Keys, Repair]] = {
    "http/server/request_count": (_HTTP_KEYS, _http),
    "http/server/response_count": (_HTTP_KEYS, _http),
    "http/server/latency": (_HTTP_KEYS, _http),
    "http/client/completed_count": (_HTTP_KEYS, _http),
    "http/client/roundtrip_latency": (_HTTP_KEYS, _http),
    "http/client/sent_bytes": (_HTTP_KEYS, _sent_bytes),
    "runtime/actor/status_report_total": _ACTOR,
    "runtime/actor/table_operation_recv_total": _ACTOR,
    "runtime/actor/status_report_fail_total": _without(
        ("actor_type", "app_id", "operation", "reason"), "actor_type"
    ),
    "component/pubsub_ingress/bulk/count": _BULK,
    "component/pubsub_ingress/bulk/latencies": _BULK,
    "resiliency/loaded": _without(("app_id", "name", "namespace"), "namespace"),
    "resiliency/count": (_RESILIENCY_KEYS, _resiliency),
    "resiliency/activations_total": (_RESILIENCY_KEYS, _resiliency),
}
