"""Prometheus' HTTP API: what is told about the server itself, and lists that are empty here (promql.md 7)."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from daemon.web.api import Call, Page, Route, text_page
from daemon.web.asking import Asking
from daemon.web.envelope import ApiError, Reply, reply
from daemon.web.parameters import Parameters
from daemon.web.prometheus import READS, api_route
from daemon.web.turns import stepwise
from query.slices import Sliced
from query.store.cardinality import Cardinality, Counted

PROMETHEUS_VERSION = "3.5.0"
"""The Prometheus whose semantics queries have: Grafana chooses its functions by it."""

_EMPTY: Mapping[str, object] = {
    "/api/v1/rules": {"groups": []},
    "/api/v1/alerts": {"alerts": []},
    "/api/v1/alertmanagers": {"activeAlertmanagers": [], "droppedAlertmanagers": []},
    "/api/v1/query_exemplars": [],
}

Facts = Callable[[], Mapping[str, object]]
Counting = Callable[[int], Sliced[Cardinality]]

_MOST_COUNTED = 10
_LONGEST_LISTS = 10_000


class StatusApi:
    """`status/*`, the empty lists, `/-/healthy` and `/-/ready`."""

    def __init__(
        self,
        asking: Asking,
        *,
        flags: Mapping[str, str],
        started_ms: int,
        facts: Facts,
        counting: Counting,
        config: Callable[[], str],
    ) -> None:
        """Tell what is given.

        Args:
            asking: Whose worker writes the configuration.
            flags: Limits under Prometheus' names.
            started_ms: Since when this runs.
            facts: About the store, as they are when asked.
            counting: Returns the largest of the store's names and labels, bit by bit.
            config: Returns the running configuration as YAML, in any thread.
        """
        self._asking = asking
        self._config = config
        self._flags = flags
        self._started_ms = started_ms
        self._facts = facts
        self._counting = counting

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

    async def _tsdb(self, parameters: Parameters, _: str) -> Reply:
        most = parameters.limit() if parameters.text("limit") else _MOST_COUNTED
        if not 0 < most <= _LONGEST_LISTS:
            raise ApiError("bad_data", f"limit must be a number from 1 to {_LONGEST_LISTS}")
        found = await stepwise(self._counting(most))
        series = self._facts()["series"]
        return reply(
            {
                "headStats": {"numSeries": series, "numLabelPairs": found.label_pairs},
                "seriesCountByMetricName": _named(found.metrics),
                "labelValueCountByLabelName": _named(found.labels),
                "memoryInBytesByLabelName": _named(found.characters),
                "seriesCountByLabelValuePair": _named(found.pairs),
            }
        )


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


def _named(counted: Sequence[Counted]) -> list[dict[str, object]]:
    return [{"name": name, "value": value} for name, value in counted]


def _constant(data: object) -> Route:
    found = reply(data)

    async def answer(_parameters: Parameters, _: str) -> Reply:
        return found

    return api_route(answer, READS)


async def _healthy(_call: Call) -> Page:
    return text_page("tallyd is healthy", 200)


async def _ready(_call: Call) -> Page:
    return text_page("tallyd is ready", 200)
