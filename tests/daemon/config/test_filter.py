"""The filter's settings as the file writes them (ottl.md 5.1)."""

from __future__ import annotations

import pytest
import yaml

from daemon.config.errors import ConfigError
from daemon.config.filter import (
    AttributeMatchConfig,
    ConditionGroup,
    ErrorMode,
    FilterConfig,
    MatchConfig,
    MetricFiltersConfig,
)
from daemon.config.validation import validate


def load(text: str) -> FilterConfig | list[str]:
    mistakes: list[ConfigError] = []
    config = validate(FilterConfig, yaml.safe_load(text), (), mistakes)
    return [str(mistake) for mistake in mistakes] if config is None else config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", FilterConfig()),
        ("error_mode: Propagate", FilterConfig(error_mode=ErrorMode.PROPAGATE)),
        (
            "metrics: {resource: [], metric: ['a', true, null, false], datapoint: 'a,b'}",
            FilterConfig(
                metrics=MetricFiltersConfig(
                    resource=(), metric=("a", "true", "", "false"), datapoint="a,b"
                )
            ),
        ),
        (
            "metric_conditions: [a, b]",
            FilterConfig(metric_conditions=("a", "b")),
        ),
        (
            "metric_conditions: [{context: metric, error_mode: SILENT, conditions: [a]}, {}]",
            FilterConfig(
                metric_conditions=(
                    ConditionGroup(
                        context="metric", error_mode=ErrorMode.SILENT, conditions=("a",)
                    ),
                    ConditionGroup(),
                )
            ),
        ),
        (
            "metrics: {include: {match_type: strict, metric_names: [a], resource_attributes: [{key: k, value: [1, 1.0]}]}}",
            FilterConfig(
                metrics=MetricFiltersConfig(
                    include=MatchConfig(
                        match_type="strict",
                        metric_names=("a",),
                        resource_attributes=(AttributeMatchConfig(key="k", value=[1, 1.0]),),
                    )
                )
            ),
        ),
    ],
)
def test_what_is_kept(text: str, expected: FilterConfig) -> None:
    """What users write is kept as written."""
    assert load(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics: {metric: [1]}", ["metrics.metric.0: expected text, got 1"]),
        ("error_mode: ''", ["error_mode: expected ignore, silent or propagate, got ''"]),
        ("error_mode:", ["error_mode: expected ignore, silent or propagate, got nothing"]),
        ("metric_conditions: a", ["metric_conditions: expected a list, got 'a'"]),
        (
            "metric_conditions: [a, {conditions: [b]}]",
            [
                (
                    "metric_conditions: expected either conditions or objects with conditions,"
                    " not both in one list"
                )
            ],
        ),
        (
            "metric_conditions: [null]",
            ["metric_conditions.0: expected text or a mapping, got nothing"],
        ),
    ],
)
def test_what_is_refused(text: str, expected: list[str]) -> None:
    """The message names the place and what was expected there."""
    assert load(text) == expected
