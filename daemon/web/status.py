"""Prometheus' HTTP API: what is told about the server itself, and lists that are empty here (promql.md 7)."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from daemon.web.api import Call, Page, Route, text_page
from daemon.web.asking import Asking
from daemon.web.envelope import Reply, reply
from daemon.web.parameters import Parameters
from daemon.web.prometheus import READS, api_route

PROMETHEUS_VERSION = "3.5.0"
"""The Prometheus whose semantics queries have: Grafana chooses its functions by it."""

_EMPTY: Mapping[str, object] = {
    "/api/v1/rules": {"groups": []},
    "/api/v1/alerts": {"alerts": []},
    "/api/v1/alertmanagers": {"activeAlertmanagers": [], "droppedAlertmanagers": []},
    "/api/v1/query_exemplars": [],
}

Facts = Callable[[], Mapping[str, object]]


class StatusApi:
    """`status/*`, the empty lists, `/-/healthy` and `/-/ready`."""

    def __init__(
        self,
        asking: Asking,
        *,
        flags: Mapping[str, str],
        started_ms: int,
        facts: Facts,
        config: Callable[[], str],
    ) -> None:
        """Tell what is given.

        Args:
            asking: Whose worker writes the configuration.
            flags: Limits under Prometheus' names.
            started_ms: Since when this runs.
            facts: About the store, as they are when asked.
            config: Returns the running configuration as YAML, in any thread.
        """
        self._asking = asking
        self._config = config
        self._flags = flags
        self._started_ms = started_ms
        self._facts = facts

    def routes(self) -> Mapping[str, Route]:
        """Return the pages by path."""
        return {
            **{path: _constant(data) for path, data in _EMPTY.items()},
            "/api/v1/status/buildinfo": _constant(build_info()),
            "/api/v1/status/config": api_route(self._yaml, ("GET", "HEAD")),
            "/api/v1/status/flags": _constant(self._flags),
            "/api/v1/status/runtimeinfo": api_route(self._runtime, ("GET", "HEAD")),
            "/api/v1/status/tsdb": api_route(self._tsdb, ("GET", "HEAD")),
            "/-/healthy": Route(_healthy),
            "/-/ready": Route(_ready),
        }

    async def _runtime(self, _parameters: Parameters, _: str) -> Reply:
        started = datetime.fromtimestamp(self._started_ms / 1000, UTC)
        facts = self._facts()
        return reply(
            {
                "startTime": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "reloadConfigSuccess": facts["reloaded"],
                "timeSeriesCount": facts["series"],
                "storageRetention": facts["retention"],
            }
        )

    async def _yaml(self, _parameters: Parameters, _: str) -> Reply:
        return await self._asking.in_worker(lambda: reply({"yaml": self._config()}))

    async def _tsdb(self, _parameters: Parameters, _: str) -> Reply:
        facts = self._facts()
        return reply({"headStats": {"numSeries": facts["series"]}})


def build_info() -> dict[str, str]:
    """Return the build; without `features`, so that Grafana offers no ruler."""
    return {
        "version": PROMETHEUS_VERSION,
        "revision": f"tallyd-{version('tallyd')}",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": f"python{platform.python_version()}",
    }


def _constant(data: object) -> Route:
    found = reply(data)

    async def answer(_parameters: Parameters, _: str) -> Reply:
        return found

    return api_route(answer, READS)


async def _healthy(_call: Call) -> Page:
    return text_page("tallyd is healthy", 200)


async def _ready(_call: Call) -> Page:
    return text_page("tallyd is ready", 200)
