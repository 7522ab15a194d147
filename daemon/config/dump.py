"""A configuration back to YAML: everything that is in effect, what nobody wrote included."""

from __future__ import annotations

import yaml
from pydantic import TypeAdapter

from daemon.config.schema import Config


def format_config(config: Config) -> str:
    """Return the YAML that says the same; reading it gives an equal configuration."""
    document = TypeAdapter(Config).dump_python(config, mode="json", exclude_none=True)
    endpoint = config.service.telemetry.metrics.endpoint
    document["service"]["telemetry"]["metrics"] = (
        {"level": "none"} if endpoint is None else {"address": endpoint}
    )
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text
