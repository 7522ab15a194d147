"""Files that hold a configuration in a form that is not read: which part of them to pass."""

from __future__ import annotations

from daemon.config.document import Value
from daemon.config.errors import ConfigError
from daemon.config.schema import COMPONENTS

_CHART = "opentelemetry-collector"
_INNER = ("alternateConfig", "config")


def foreign_form(top: Value) -> ConfigError | None:
    """Return what to pass instead of a Kubernetes object or of Helm values whose configuration is not found."""
    if not isinstance(top, dict) or top.keys() & {*COMPONENTS, "service"}:
        return None
    if "apiVersion" in top and "kind" in top:
        data = top.get("data")
        keys = (
            [key for key, text in data.items() if isinstance(text, str)]
            if isinstance(data, dict)
            else []
        )
        what = f"what stands below data.{keys[0]}" if keys else "the configuration in it"
        return ConfigError(
            (),
            f"this is a Kubernetes {top['kind']}, not a configuration: pass {what} as a file of its own",
        )
    chart = top.get(_CHART)
    values, prefix = (chart, f"{_CHART}.") if isinstance(chart, dict) else (top, "")
    inner = next((key for key in _INNER if isinstance(values.get(key), dict)), None)
    if inner is None and not prefix:
        return None
    what = f"what stands below {prefix}{inner}" if inner else "the configuration"
    return ConfigError(
        (),
        f"these are Helm values without {_CHART}.alternateConfig, which is where a configuration is looked for: pass "
        f"{what} as a file of its own",
    )
