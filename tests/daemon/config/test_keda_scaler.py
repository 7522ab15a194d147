from __future__ import annotations

import pytest

from daemon.config.document import Value
from daemon.config.errors import ConfigError
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.validation import validate


def load(**settings: Value) -> KedaScalerConfig | None:
    mistakes: list[ConfigError] = []
    config = validate(KedaScalerConfig, settings, (), mistakes)
    assert (config is None) == bool(mistakes)
    return config


def test_defaults() -> None:
    """Without a setting the scaler listens where the walk-through expects it."""
    assert load() == KedaScalerConfig(
        endpoint="[::]:4318",
        hold_for=60_000,
        queries={},
        max_streams=10_000,
        max_scaled_objects=10_000,
    )


def test_all_settings() -> None:
    """A named query's values may be numbers and switches as YAML has them."""
    config = load(
        endpoint=":4444",
        hold_for="2m",
        queries={"orders": {"metricQuery": "sum(a)", "targetValue": 2.5, "legacyIntScale": True}},
        max_streams=5,
        max_scaled_objects=7,
    )
    assert config == KedaScalerConfig(
        endpoint="[::]:4444",
        hold_for=120_000,
        queries={
            "orders": {"metricQuery": "sum(a)", "targetValue": "2.5", "legacyIntScale": "true"}
        },
        max_streams=5,
        max_scaled_objects=7,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "4318"},
        {"hold_for": 60},
        {"hold_for": "long"},
        {"queries": {"a": "sum(x)"}},
        {"queries": {"a": {"targetValue": None}}},
        {"queries": {"a": {"targetValue": [1]}}},
        {"max_streams": 0},
        {"max_scaled_objects": 0},
    ],
    ids=str,
)
def test_refused(settings: dict[str, Value]) -> None:
    """A setting of the wrong kind is refused."""
    assert load(**settings) is None
