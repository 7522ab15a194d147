"""`service`: which components run, in which pipelines; every reference is checked against what is defined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daemon.config.components import Components, no_such_type
from daemon.config.document import Value
from daemon.config.errors import KeyPath
from daemon.config.fields import shown
from daemon.config.findings import Findings
from daemon.config.ports import check_ports, used
from daemon.config.schema import COMPONENTS, component_type
from daemon.config.service import PipelineConfig, ServiceConfig
from daemon.config.telemetry_settings import read_telemetry
from daemon.config.validation import salvage, unknown_key, validate
from query.text import nearest

_OTHER_SIGNALS = frozenset({"traces", "logs", "profiles"})
_PIPELINES: KeyPath = ("service", "pipelines")
_DEFAULT_PIPELINES: Mapping[str, Value] = {"metrics": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pipeline:
    """A pipeline as written."""

    receivers: tuple[str, ...] | None = None
    processors: tuple[str, ...] | None = None
    exporters: tuple[str, ...] | None = None


def read_service(
    written: Value, defined: Mapping[str, Components], findings: Findings
) -> ServiceConfig:
    """Return what runs: without pipelines one of everything, without extensions all that are defined."""
    if written is None:
        written = {}
    if not isinstance(written, dict):
        findings.mistake(("service",), f"expected a mapping, got {shown(written)}")
        written = {}
    known = ["extensions", "pipelines", "telemetry"]
    findings.mistakes += [
        unknown_key(("service", key), known) for key in written if key not in known
    ]
    service = ServiceConfig(
        pipelines=_read_pipelines(written.get("pipelines"), defined, findings),
        extensions=_read_extensions(written.get("extensions"), defined["extensions"], findings),
        telemetry=read_telemetry(written.get("telemetry"), ("service", "telemetry"), findings),
    )
    _warn_of_unused(service, defined, findings)
    check_ports(service, defined, findings)
    _check_remote_write(service, findings)
    return service


def _read_pipelines(
    written: Value, defined: Mapping[str, Components], findings: Findings
) -> dict[str, PipelineConfig]:
    if written is None:
        written = dict(_DEFAULT_PIPELINES)
    if not isinstance(written, dict) or not written:
        what = "an empty one" if written == {} else shown(written)
        findings.mistake(_PIPELINES, f"expected a mapping of pipelines, got {what}")
        return {}
    pipelines = {}
    for pipeline_id, settings in written.items():
        if _is_metrics(pipeline_id, findings):
            pipelines[pipeline_id] = _read_pipeline(pipeline_id, settings, defined, findings)
    return pipelines


def _is_metrics(pipeline_id: str, findings: Findings) -> bool:
    signal, slash, name = pipeline_id.partition("/")
    path = (*_PIPELINES, pipeline_id)
    if signal in _OTHER_SIGNALS:
        findings.mistake(path, f"tallyd takes metrics only: remove the pipeline {pipeline_id}")
    elif signal != "metrics":
        near = "; did you mean 'metrics'?" if nearest(signal, ["metrics"]) else ""
        findings.mistake(path, f"expected metrics or metrics/name, got {shown(pipeline_id)}{near}")
    elif slash and (not name or any(char.isspace() for char in name)):
        findings.mistake(path, f"expected metrics or metrics/name, got {shown(pipeline_id)}")
    else:
        return True
    return False


def _read_pipeline(
    pipeline_id: str, settings: Value, defined: Mapping[str, Components], findings: Findings
) -> PipelineConfig:
    path = (*_PIPELINES, pipeline_id)
    written = {} if settings is None else settings
    pipeline = validate(_Pipeline, written, path, findings.mistakes)
    pipeline = pipeline or salvage(_Pipeline, written) or _Pipeline()

    def ids(section: str, listed: Sequence[str] | None) -> tuple[str, ...]:
        if not listed:
            return tuple(defined[section].ids) if section != "processors" else ()
        _check_references((*path, section), listed, defined[section], findings)
        return tuple(dict.fromkeys(listed))

    for component_id, count in Counter(pipeline.processors or ()).items():
        if count > 1:
            findings.mistake(
                (*path, "processors"), f"{shown(component_id)} stands here {count} times"
            )
    return PipelineConfig(
        receivers=ids("receivers", pipeline.receivers),
        processors=ids("processors", pipeline.processors),
        exporters=ids("exporters", pipeline.exporters),
    )


def _read_extensions(written: Value, defined: Components, findings: Findings) -> tuple[str, ...]:
    if written is None:
        return tuple(defined.ids)
    path = ("service", "extensions")
    if not isinstance(written, list) or not all(isinstance(item, str) for item in written):
        findings.mistake(path, f"expected a list of extension ids, got {shown(written)}")
        return ()
    ids = [str(item) for item in written]
    _check_references(path, ids, defined, findings)
    return tuple(dict.fromkeys(ids))


def _check_references(
    path: KeyPath, ids: Sequence[str], defined: Components, findings: Findings
) -> None:
    section, known_ids = defined.section, set(defined.ids)
    for index, component_id in enumerate(ids):
        if component_id in known_ids:
            continue
        if component_type(component_id) not in COMPONENTS[section]:
            findings.mistake((*path, index), no_such_type(section, component_id))
            continue
        known = ", ".join(defined.ids) or "none"
        what = f"{section.removesuffix('s')} {shown(component_id)} is not defined"
        findings.mistake((*path, index), f"{what}; defined: {known}")


def _warn_of_unused(
    service: ServiceConfig, defined: Mapping[str, Components], findings: Findings
) -> None:
    for section, components in defined.items():
        if components.is_default:
            continue
        running = set(used(service, section))
        for component_id in components.ids:
            if component_id not in running:
                where = "service.extensions" if section == "extensions" else "any pipeline"
                findings.warn((section, component_id), f"is defined but not used in {where}")


def _check_remote_write(service: ServiceConfig, findings: Findings) -> None:
    """Note a receiver that no port serves."""
    served = any(component_type(one) == "http_api" for one in service.extensions)
    for component_id in dict.fromkeys(used(service, "receivers")):
        if component_type(component_id) == "prometheusremotewrite" and not served:
            findings.mistake(
                ("receivers", component_id),
                "is served by the extension http_api: add it to the extensions that run",
            )
