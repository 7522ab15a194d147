"""The HTTP API as one part of the process: all pages of its port, put together."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from daemon.clock import Clock
from daemon.config.http_api import HttpApiConfig
from daemon.web.admin import Administration, admin_routes
from daemon.web.api import ApiServer, Route
from daemon.web.asking import Asking, AskingSettings
from daemon.web.catalog import CatalogApi, Labelled
from daemon.web.doctor import Diagnose, doctor_routes
from daemon.web.explain import Explains, explain_routes
from daemon.web.memstore import MemstoreApi, Scaling
from daemon.web.metadata import describe_families
from daemon.web.prometheus import QueryApi
from daemon.web.remote_write import RemoteWrite, remote_write_routes
from daemon.web.status import StatusApi
from daemon.web.targets import Targets, target_routes
from query.durations import format_duration
from query.engine import DEFAULT_LOOKBACK_MS
from query.queryable import Queryable
from query.slices import Sliced
from query.store.cardinality import Cardinality
from receivers.guard import Guard
from receivers.model import MetricHeader


class Remembered(Queryable, Labelled, Protocol):
    """The store, as far as it is asked here."""

    @property
    def series_count(self) -> int:
        """How many series are remembered."""

    def counting(self, most: int) -> Sliced[Cardinality]:
        """Return the metric names and labels that most series carry, bit by bit."""


class HttpApi:
    """Prometheus' HTTP API, remote write and the add-on's paths; runs on the event loop, large queries beside it."""

    def __init__(
        self,
        config: HttpApiConfig,
        store: Remembered,
        engine: Scaling,
        explainer: Explains,
        clock: Clock,
        *,
        retention_ms: int,
        settle_for_ms: int,
        remote_write: RemoteWrite | None,
        headers: Mapping[str, MetricHeader],
        asked: Callable[[str], None],
        yaml: Callable[[], str],
        reloaded: Callable[[], bool] = lambda: True,
        administration: Administration | None = None,
        diagnose: Diagnose = lambda: (),
        targets: Targets,
        context: ssl.SSLContext | None = None,
        guard: Guard | None = None,
        count: Callable[[str, int], None],
        took: Callable[[str, float], None] = lambda _path, _seconds: None,
    ) -> None:
        """Listen on nothing yet.

        Args:
            config: Where to listen, and limits.
            store: What is asked.
            engine: What answers `/memstore/query`, as it answers KEDA.
            explainer: What tells how such answers come about.
            clock: The time of queries that give none.
            retention_ms: `exporters.windows.retention`.
            settle_for_ms: `exporters.windows.settle_for`, counted from now.
            remote_write: What takes remote write; None if it is off.
            headers: What senders tell of metrics, by name; read when asked for.
            asked: Hears the metric names of queries that nobody ever reported.
            yaml: Returns the running configuration.
            reloaded: Returns whether that is what the file says.
            diagnose: Returns what is wrong.
            targets: Returns what is scraped.
            context: What TLS is spoken with; None for plain text.
            guard: Who may ask; None for everybody.
            administration: What may be done to the process, from this machine; None for nothing.
            count: Hears the status of every answer.
            took: Hears how many seconds an answer took, by path.
        """
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="query")
        settings = AskingSettings(
            lookback_ms=lookback_of(config, retention_ms),
            timeout_s=config.timeout / 1000,
            max_samples=config.max_samples,
            max_concurrency=config.max_concurrency,
            max_inline_samples=config.max_inline_samples,
            settle_for_ms=settle_for_ms,
        )
        self._explainer = explainer
        self.asking = Asking(store, settings, self._worker, clock, asked=asked)
        status = StatusApi(
            self.asking,
            flags=_flags(config, retention_ms),
            started_ms=clock(),
            facts=lambda: {
                "series": store.series_count,
                "retention": format_duration(retention_ms),
                "reloaded": reloaded(),
            },
            counting=store.counting,
            config=yaml,
        )
        written = {} if remote_write is None else remote_write.receiver.metadata
        memstore = MemstoreApi(engine, store, store, self.asking, clock, retention_ms=retention_ms)
        routes: Mapping[str, Route] = {
            **QueryApi(self.asking, clock).routes(),
            **CatalogApi(store, self.asking, lambda: describe_families(headers, written)).routes(),
            **status.routes(),
            **memstore.routes(),
            **explain_routes(explainer, self.asking),
            **remote_write_routes(remote_write),
            **admin_routes(administration),
            **doctor_routes(diagnose),
            **target_routes(targets),
        }
        self._server = ApiServer(
            config.endpoint,
            routes,
            self._worker,
            allowed_origins=config.cors.allowed_origins,
            context=context,
            guard=guard,
            count=count,
            took=took,
        )

    def settled(self) -> None:
        """Answer as after settling: what was remembered before the start is there."""
        self.asking.settled()
        self._explainer.settled()

    async def start(self) -> int:
        """Listen and return the port.

        Raises:
            OSError: the endpoint cannot be listened on.
        """
        return await self._server.start()

    async def stop(self) -> None:
        """Close the port and give up what the worker still computes; safe twice and before `start`."""
        await self._server.stop()
        self._worker.shutdown(wait=False, cancel_futures=True)


def lookback_of(config: HttpApiConfig, retention_ms: int) -> int:
    """Return how far instant selectors look back: unless told otherwise as far as samples stay, or Prometheus' 5 min."""
    return config.lookback or retention_ms or DEFAULT_LOOKBACK_MS


def _flags(config: HttpApiConfig, retention_ms: int) -> dict[str, str]:
    """Return the settings that Prometheus has too, under its names."""
    return {
        "query.lookback-delta": format_duration(lookback_of(config, retention_ms)),
        "query.max-concurrency": str(config.max_concurrency),
        "query.max-samples": str(config.max_samples),
        "query.timeout": format_duration(config.timeout),
        "storage.tsdb.retention.time": format_duration(retention_ms),
        "web.listen-address": config.endpoint,
    }
