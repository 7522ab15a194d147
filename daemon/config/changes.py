"""What of a new configuration a running process cannot take over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.config.prometheus_receiver import PrometheusReceiverConfig
from daemon.config.schema import Config
from daemon.config.windows import WindowsConfig

_SECTIONS: Final = ("receivers", "exporters", "extensions")
_TAKEN_OVER: Final = frozenset({("extensions", "keda_scaler", "queries")})
"""Settings of listening components that change while they run: section, component type, key."""
_FIXED_EXPORTERS: Final = (WindowsConfig, PrometheusExporterConfig)
_COMES_AND_GOES: Final = PrometheusExporterConfig
"""Begins and ends to listen while the process runs, but its settings are those it began with."""
_MISSING: Final = object()


def restart_needed(old: Config, new: Config) -> list[str]:
    """Return the settings that differ and take effect at a restart only, as dotted key paths.

    What listens keeps its port and its connections, and the windows their sizes; processors, pipelines, exporters that
    send, targets that are scraped, named queries and the log are taken over (DESIGN 2, Reload).
    """
    paths: list[str] = []
    for section in _SECTIONS:
        before, after = _fixed(old, section), _fixed(new, section)
        if section == "exporters":
            _leave_to_come_and_go(old, new, before, after)
        for component_id in sorted(before.keys() | after.keys()):
            one, other = before.get(component_id, _MISSING), after.get(component_id, _MISSING)
            paths += _differences((section, component_id), one, other)
    if old.service.telemetry.metrics != new.service.telemetry.metrics:
        paths.append("service.telemetry.metrics")
    if old.service.telemetry.logs.encoding != new.service.telemetry.logs.encoding:
        paths.append("service.telemetry.logs.encoding")
    return paths


def _fixed(config: Config, section: str) -> dict[str, object]:
    """Return the settings of the components that run and cannot change meanwhile."""
    running = _running(config, section)
    return {
        component_id: asdict(component)
        for component_id, component in getattr(config, section).items()
        if component_id in running
        and (section != "exporters" or isinstance(component, _FIXED_EXPORTERS))
        and not isinstance(component, PrometheusReceiverConfig)  # listens nowhere
    }


def _leave_to_come_and_go(
    old: Config, new: Config, before: dict[str, object], after: dict[str, object]
) -> None:
    """Take out the exporters that only one of the two configurations has, and that need no restart for it."""
    for component_id in before.keys() ^ after.keys():
        component = old.exporters.get(component_id) or new.exporters.get(component_id)
        if isinstance(component, _COMES_AND_GOES):
            before.pop(component_id, None)
            after.pop(component_id, None)


def _running(config: Config, section: str) -> set[str]:
    if section == "extensions":
        return set(config.service.extensions)
    pipelines = config.service.pipelines.values()
    return {one for pipeline in pipelines for one in getattr(pipeline, section)}


def _differences(path: tuple[str, ...], one: object, other: object) -> Iterator[str]:
    section, component_id, *rest = path
    if rest and (section, component_id.partition("/")[0], rest[0]) in _TAKEN_OVER:
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted(one.keys() | other.keys()):
            yield from _differences(
                (*path, str(key)), one.get(key, _MISSING), other.get(key, _MISSING)
            )
    elif one != other:
        yield ".".join(path)
