"""Extensions: settings to what answers questions, KEDA's, Prometheus' and probes'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from daemon.components.part import MIB, Part, Runtime
from daemon.components.security import Lock
from daemon.config.dump import format_config
from daemon.config.health_check import HealthCheckConfig
from daemon.config.http_api import HttpApiConfig
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.prometheusremotewrite import PrometheusRemoteWriteConfig
from daemon.config.snapshot import SnapshotConfig
from daemon.scaler import remembered
from daemon.scaler.asking import HeardEngine
from daemon.scaler.explaining import Explainer
from daemon.scaler.service import KedaScaler
from daemon.snapshot.extension import Loaded, Snapshot
from daemon.web.health import HealthCheck
from daemon.web.http_api import HttpApi
from daemon.web.metrics import MetricsPage
from daemon.web.remote_write import RemoteWrite
from receivers.consumer import Consumer
from receivers.prometheusremotewrite.receiver import RemoteWriteReceiver

_SHOWN = (
    (
        "value",
        "What each trigger was last told, for 10 minutes; none while its value is not known",
        remembered.shown_values,
    ),
    ("target", "The target of each trigger", remembered.shown_targets),
    (
        "active",
        "1 for each trigger that was last told to be active, 0 for the others",
        remembered.shown_activity,
    ),
    (
        "newest_sample_age_seconds",
        "Age of the newest sample behind the last answer of each trigger",
        remembered.shown_ages,
    ),
    ("unknown", "1 for each trigger that has no value, by reason", remembered.shown_unknown),
)


def build_extension(
    runtime: Runtime, component_id: str, consumers: Mapping[str, Consumer]
) -> Part | None:
    """Return what runs for `component_id`; `consumers` are those of receivers.

    None for those who decide who is served: they neither start nor stop, the ports that name them ask them.
    """
    config, name = runtime.config.extensions[component_id], f"extensions.{component_id}"
    if isinstance(config, KedaScalerConfig):
        return _build_scaler(runtime, config, runtime.security.lock(name, config.tls))
    if isinstance(config, HttpApiConfig):
        lock = runtime.security.lock(name, config.tls, config.auth)
        return _build_http_api(runtime, config, consumers, lock)
    if isinstance(config, SnapshotConfig):
        return _build_snapshot(runtime, config)
    if isinstance(config, HealthCheckConfig):
        context = runtime.security.lock(name, config.tls).context
        return HealthCheck(config, runtime.missing, runtime.details, context=context)
    return None


def build_metrics_page(runtime: Runtime) -> MetricsPage | None:
    """Return the page of self-metrics, unless it is switched off."""
    config = runtime.config.service.telemetry.metrics
    if config.endpoint is None:
        return None
    lock = runtime.security.lock("service.telemetry.metrics", config.tls, config.auth)
    return MetricsPage(config.endpoint, runtime.metrics, context=lock.context, guard=lock.guard)


def become_ready(parts: Iterable[Part], loaded: Loaded) -> None:
    """Tell those who answer what a snapshot has brought."""
    for part in parts:
        if isinstance(part, KedaScaler):
            part.become_ready(settled=loaded.settled, held=loaded.held)
        elif isinstance(part, HttpApi) and loaded.settled:
            part.settled()


def settling_ms(runtime: Runtime, scaler: KedaScaler) -> int:
    """Return for how long after the start `scaler` will give no new answers; 0 once settled."""
    return max((scaler.answers.settled_at_ms or 0) - runtime.clock(), 0)


def _build_scaler(runtime: Runtime, config: KedaScalerConfig, lock: Lock) -> KedaScaler:
    scaler = KedaScaler(
        config,
        HeardEngine(runtime.engine, runtime.windows.asked),
        runtime.clock,
        runtime.sleep,
        listening_since_ms=runtime.clock(),
        credentials=lock.credentials,
        settled=False,
        ready=not any(
            isinstance(runtime.config.extensions[name], SnapshotConfig)
            for name in runtime.config.service.extensions
        ),
        settle_for_ms=runtime.windows_config.settle_for,
        retention_ms=runtime.windows_config.retention,
        serving=runtime.serving,
        metrics=runtime.metrics,
        count=runtime.metrics.counters(
            "tallyd_keda_scaler", "Calls of KEDA and what became of them", label="event"
        ),
    )
    conditions = runtime.metrics.once(scaler.answers.conditions)
    for what, text, show in _SHOWN:
        runtime.metrics.gauges(
            f"tallyd_keda_scaler_{what}",
            text,
            lambda show=show: show(conditions()),  # type: ignore[misc]  # bound now
        )
    runtime.metrics.gauge(
        "tallyd_keda_scaler_streams",
        "Open StreamIsActive and StreamMetricSpec calls",
        lambda: scaler.streams,
    )
    runtime.metrics.gauge(
        "tallyd_settling",
        "Seconds until every sender must have reported after the start; 0 once settled",
        lambda: settling_ms(runtime, scaler) / 1000,
    )
    return scaler


def _build_snapshot(runtime: Runtime, config: SnapshotConfig) -> Snapshot:
    return Snapshot(
        config,
        runtime.store,
        runtime.clock,
        runtime.sleep,
        runtime.metrics,
        held=runtime.held,
        loaded=runtime.loaded,
    )


def _build_http_api(
    runtime: Runtime, config: HttpApiConfig, consumers: Mapping[str, Consumer], lock: Lock
) -> HttpApi:
    asked = HeardEngine(runtime.engine, runtime.windows.asked)
    explainer = Explainer(
        asked,
        runtime.clock,
        queries=lambda: runtime.config.named_queries,
        retention_ms=runtime.windows_config.retention,
        settle_for_ms=runtime.windows_config.settle_for,
    )
    return HttpApi(
        config,
        runtime.store,
        asked,
        explainer,
        runtime.clock,
        retention_ms=runtime.windows_config.retention,
        settle_for_ms=runtime.windows_config.settle_for,
        remote_write=_build_remote_write(runtime, consumers),
        headers=runtime.windows.families,
        asked=runtime.windows.asked,
        yaml=lambda: format_config(runtime.config),
        reloaded=lambda: "reload" not in runtime.details(),
        administration=runtime.administration,
        diagnose=runtime.diagnose,
        targets=runtime.targets,
        context=lock.context,
        guard=lock.guard,
        count=runtime.metrics.counters(
            "tallyd_http_api_answers", "Answers of the HTTP API", label="status"
        ),
        took=runtime.metrics.histograms(
            "tallyd_http_api_answer_seconds", "Time that answers of the HTTP API took", label="path"
        ),
    )


def _build_remote_write(runtime: Runtime, consumers: Mapping[str, Consumer]) -> RemoteWrite | None:
    """Return what takes remote write, if a pipeline wants it; there is one at most."""
    for name, consumer in consumers.items():
        config = runtime.config.receivers[name]
        if isinstance(config, PrometheusRemoteWriteConfig):
            max_bytes = config.max_recv_msg_size_mib * MIB
            receiver = RemoteWriteReceiver(
                consumer,
                runtime.windows,
                runtime.clock,
                runtime.irregularities(name),
                max_request_bytes=max_bytes,
                passed=runtime.passed(name, "http"),
                room=runtime.room,
            )
            return RemoteWrite(receiver, max_bytes, runtime.room)
    return None
