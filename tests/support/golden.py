"""Loads the recorded daprd sessions of tests/golden/daprd (README there) as typed rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "daprd"
METRICS_EXPORT = "/opencensus.proto.agent.metrics.v1.MetricsService/Export"
TRACE_EXPORT = "/opencensus.proto.agent.trace.v1.TraceService/Export"
TRACE_CONFIG = "/opencensus.proto.agent.trace.v1.TraceService/Config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A message that arrived, or (`raw` is None) the end of a stream.

    `at_s` counts from the start of the session, `wall_s` is Unix time; `stream` and `connection` are numbers within the
    session, `seq` is the message's number in its stream.
    """

    at_s: float
    wall_s: float
    peer: str
    connection: int
    stream: int
    method: str
    seq: int | None
    raw: bytes | None

    @property
    def is_metrics(self) -> bool:
        """Whether it belongs to a metrics stream."""
        return self.method == METRICS_EXPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedReport:
    """What one metrics message with data holds, as computed by the recorder from the official classes."""

    peer: str
    connection: int
    seq: int
    at_s: float
    size_bytes: int
    metrics: int
    metrics_with_series: int
    series: int
    distributions: int
    samples: int
    req_recv_total: dict[str, int]
    req_recv_start_s: float | None
    point_time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One recording: its events in order of arrival, and what its reports hold."""

    name: str
    events: tuple[Event, ...]
    reports: tuple[ExpectedReport, ...]

    def streams(self, method: str = METRICS_EXPORT) -> dict[int, list[Event]]:
        """Return the messages of each stream of `method`, by stream number."""
        streams: dict[int, list[Event]] = {}
        for event in self.events:
            if event.method == method and event.raw is not None:
                streams.setdefault(event.stream, []).append(event)
        return streams


@cache
def load_sessions() -> dict[str, Session]:
    """Return all sessions by name."""
    rows: dict[str, list[Event]] = {}
    for name, event in _events():
        rows.setdefault(name, []).append(event)
    expected = json.loads((GOLDEN / "expected.json").read_text())
    return {
        name: Session(
            name=name,
            events=tuple(events),
            reports=tuple(_report(fields) for fields in expected[name]),
        )
        for name, events in rows.items()
    }


def _events() -> Iterator[tuple[str, Event]]:
    files = {path.name: path.read_bytes() for path in GOLDEN.glob("*.bin")}
    for line in (GOLDEN / "index.jsonl").read_text().splitlines():
        row = json.loads(line)
        raw = None
        if row["event"] == "message":
            raw = files[row["file"]][row["offset"] : row["offset"] + row["length"]]
        yield (
            row["session"],
            Event(
                at_s=row["t"],
                wall_s=row["wall"],
                peer=row["peer"],
                connection=row["connection"],
                stream=row["stream"],
                method=row["method"],
                seq=row.get("seq"),
                raw=raw,
            ),
        )


def _report(fields: dict) -> ExpectedReport:
    return ExpectedReport(
        peer=fields["peer"],
        connection=fields["connection"],
        seq=fields["seq"],
        at_s=fields["t"],
        size_bytes=fields["bytes"],
        metrics=fields["metrics"],
        metrics_with_series=fields["metrics_with_series"],
        series=fields["series"],
        distributions=fields["distributions"],
        samples=fields["samples"],
        req_recv_total=fields["req_recv_total"],
        req_recv_start_s=fields["req_recv_start"],
        point_time_s=fields["point_time"],
    )
