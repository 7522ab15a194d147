"""The sections of components: ids checked, settings validated, defaults where a section is absent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from daemon.config.document import Value
from daemon.config.fields import shown
from daemon.config.findings import Findings
from daemon.config.schema import COMPONENTS, DEFAULT_COMPONENTS, ComponentConfig, component_type
from daemon.config.validation import salvage, validate
from query.text import nearest

_ID = re.compile(r"[A-Za-z][0-9A-Za-z_]{0,62}(/[^\s]{1,1024})?\Z")

_INSTEAD: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("receivers", "otlp"): "remove it: Dapr's sidecars push to opencensus",
        (
            "exporters",
            "otlp",
        ): "write windows instead: tallyd keeps the metrics and answers KEDA itself",
        (
            "exporters",
            "otlphttp",
        ): "write windows instead: tallyd keeps the metrics and answers KEDA itself",
    }
)
"""What to do about components that configurations of the walk-through are likely to name."""


_ONCE = frozenset(
    {
        ("receivers", "prometheusremotewrite"),
        ("exporters", "windows"),
        ("extensions", "keda_scaler"),
        ("extensions", "http_api"),
        ("extensions", "snapshot"),
    }
)
"""Section and type of what a process has one of: a second would hold or answer the same."""


@dataclass(slots=True, kw_only=True)
class Components:
    """One section: what it defines; ids whose settings are wrong are defined too, so that nobody misses them."""

    section: str
    is_default: bool
    ids: list[str] = field(default_factory=list)
    configs: dict[str, ComponentConfig] = field(default_factory=dict)
    salvaged: dict[str, ComponentConfig] = field(default_factory=dict)
    """What is left of mistaken settings, for finding the other mistakes in them."""


def read_components(section: str, top: Mapping[str, Value], findings: Findings) -> Components:
    """Return the components of one section; one that is absent takes its default."""
    if section not in top:
        defaults = {kind: COMPONENTS[section][kind]() for kind in DEFAULT_COMPONENTS[section]}
        return Components(section=section, is_default=True, ids=list(defaults), configs=defaults)
    components = Components(section=section, is_default=False)
    written = top[section]
    if written is None:
        written = {}
    if not isinstance(written, dict):
        findings.mistake((section,), f"expected a mapping of component ids, got {shown(written)}")
        return components
    if not written and section in {"receivers", "exporters"}:
        findings.mistake(
            (section,),
            f"expected at least one; remove the key to get {DEFAULT_COMPONENTS[section][0]}",
        )
    for component_id, settings in written.items():
        components.ids.append(component_id)
        config = _read_component(section, component_id, settings, findings)
        if config is not None:
            components.configs[component_id] = config
        elif (kind := COMPONENTS[section].get(component_type(component_id))) and (
            left := salvage(kind, settings)
        ):
            components.salvaged[component_id] = left
    _check_once(components, findings)
    return components


def no_such_type(section: str, component_id: str) -> str:
    """Return the message for a component of a type that tallyd does not have."""
    kind, known = component_type(component_id), COMPONENTS[section]
    near = nearest(kind, known)
    instead = _INSTEAD.get((section, kind)) or (f"did you mean '{near}'?" if near else "")
    text = f"tallyd has no {section.removesuffix('s')} '{kind}'; it has: {', '.join(known)}"
    return f"{text}; {instead}" if instead else text


def _read_component(
    section: str, component_id: str, settings: Value, findings: Findings
) -> ComponentConfig | None:
    path = (section, component_id)
    if not _ID.match(component_id):
        findings.mistake(path, f"expected type or type/name, got {shown(component_id)}")
        return None
    kind = COMPONENTS[section].get(component_type(component_id))
    if kind is None:
        findings.mistake(path, no_such_type(section, component_id))
        return None
    return validate(kind, {} if settings is None else settings, path, findings.mistakes)


def _check_once(components: Components, findings: Findings) -> None:
    section = components.section
    first: dict[str, str] = {}
    for component_id in components.ids:
        kind = component_type(component_id)
        other = first.setdefault(kind, component_id)
        if other != component_id and (section, kind) in _ONCE:
            what = f"there is one {kind} in a process: {shown(other)} is it already"
            findings.mistake((section, component_id), what)
