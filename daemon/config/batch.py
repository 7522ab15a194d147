"""Settings of the collector's batch processor: `processors.batch` (otlp.md 4.4), checked and without effect here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from daemon.config.fields import parse_duration, rejected, shown
from daemon.config.markers import AfterValidator, BeforeValidator, Field, PlainSerializer
from query.durations import format_duration

_NANOS_PER_MS = 1_000_000


def _from_collector(value: object) -> object:
    """Return a duration as the collector takes it: a bare number is nanoseconds."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return -(-value // _NANOS_PER_MS)
    return parse_duration(value)


def _whole(value: object) -> object:
    """Cut a fraction off, as the collector does."""
    return int(value) if isinstance(value, float) and abs(value) < 2**63 else value


def _keys_once(keys: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for key in keys:
        if key.lower() in seen:
            raise rejected(f"expected each key once, whatever its letter case; twice: {shown(key)}")
        seen.add(key.lower())
    return keys


CollectorDurationMs = Annotated[
    int, BeforeValidator(_from_collector), PlainSerializer(format_duration)
]
CutCount = Annotated[int, BeforeValidator(_whole), Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """What users write below `processors.batch`; tallyd's exporters gather for themselves, at their own pace."""

    timeout: CollectorDurationMs = 200
    send_batch_size: CutCount = 8192
    send_batch_max_size: CutCount = 0
    metadata_keys: Annotated[tuple[str, ...], AfterValidator(_keys_once)] = ()
    metadata_cardinality_limit: CutCount = 1000
