"""A configuration back to YAML: everything that is in effect, what nobody wrote included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

import yaml

from daemon.config.hints import (
    Hint,
    fields_of,
    is_container,
    is_sequence,
    items_of,
    key_of,
    leaves_of,
)
from daemon.config.markers import PlainSerializer
from daemon.config.periodic import write_periodic
from daemon.config.schema import Config
from daemon.config.service import MetricsConfig


def format_config(config: Config) -> str:
    """Return the YAML that says the same; reading it gives an equal configuration."""
    document = written(config)
    telemetry = document["service"]["telemetry"]
    telemetry["metrics"] = _telemetry(config.service.telemetry.metrics, telemetry["metrics"])
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text


def _telemetry(
    metrics: MetricsConfig, page: dict[str, Any]
) -> dict[str, Any]:  # Any: what YAML can hold
    """Return the settings of `page` as the collector's schema has them."""
    endpoint = page.pop("endpoint", None)
    page.pop("push", None)
    readers = [write_periodic(one) for one in metrics.push]
    if endpoint is None and not readers:
        return {"level": "none"}
    address = {} if endpoint is None else {"address": endpoint}
    return {**address, **page, **({"readers": readers} if readers else {})}


def written(value: object, hint: Hint = Any) -> Any:  # Any: what YAML can hold
    """Return a setting of the type `hint` as a file would have it, without what is None."""
    leaves = list(leaves_of(hint))
    for mark in (mark for _, marks in leaves for mark in marks):
        if isinstance(mark, PlainSerializer) and value is not None:
            return mark.func(value)
    if is_dataclass(value):
        kind: Hint = type(value)
        hints = fields_of(kind).items()
        settings = {key_of(name): written(getattr(value, name), one) for name, one in hints}
        return {name: one for name, one in settings.items() if one is not None}
    if isinstance(value, Mapping):
        items = next((items_of(leaf) for leaf, _ in leaves if is_container(leaf, Mapping)), Any)
        return {key: written(item, items) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        items = next((items_of(leaf) for leaf, _ in leaves if is_sequence(leaf)), Any)
        return [written(item, items) for item in value]
    return value.value if isinstance(value, Enum) else value
