"""Prometheus' HTTP API: what is scraped, and how that went last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from daemon.web.api import Route
from daemon.web.envelope import Reply, reply
from daemon.web.parameters import Parameters
from daemon.web.prometheus import api_route
from query.durations import format_duration

NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time: what Prometheus says of a target that was not scraped yet."""


class TargetState(NamedTuple):
    """One target of a scraping receiver."""

    receiver: str
    job: str
    name: str
    """Its URL without the query, which may hold secrets."""
    health: str
    """unknown, up or down."""
    problem: str
    """Why it is down."""
    labels: Mapping[str, str]
    """Those of its series."""
    began_at_ms: int | None
    """When the last scrape began."""
    took_s: float
    next_at_ms: int
    """When the next one begins."""
    interval_ms: int
    timeout_ms: int


Targets = Callable[[], Iterable[TargetState]]


def target_routes(targets: Targets) -> Mapping[str, Route]:
    """Return the page; `state` and `scrapePool` leave targets out."""

    async def answer(parameters: Parameters, _: str) -> Reply:
        job = parameters.text("scrapePool")
        wanted = () if parameters.text("state").lower() == "dropped" else targets()
        active = [_shown(one) for one in wanted if job in {"", one.job}]
        return reply({"activeTargets": active, "droppedTargets": []})

    return {"/api/v1/targets": api_route(answer)}


def _shown(state: TargetState) -> Mapping[str, object]:
    return {
        "discoveredLabels": {},
        "labels": dict(state.labels),
        "scrapePool": state.job,
        "scrapeUrl": state.name,
        "globalUrl": state.name,
        "lastError": state.problem,
        "lastScrape": _time(state.began_at_ms),
        "lastScrapeDuration": state.took_s,
        "health": state.health,
        "scrapeInterval": format_duration(state.interval_ms),
        "scrapeTimeout": format_duration(state.timeout_ms),
    }


def _time(at_ms: int | None) -> str:
    if at_ms is None:
        return NEVER
    text = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
