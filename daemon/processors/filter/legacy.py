"""Legacy `include` and `exclude`: matchers of resource attributes and metric names (spec/ottl.md 5.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from daemon.config.errors import ConfigError, KeyPath
from daemon.config.fields import shown
from daemon.config.filter import AttributeMatchConfig, MatchConfig
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.conversions import convert
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.functions.patterns import compile_pattern
from daemon.ottl.functions.signature import ParamKind
from daemon.processors.filter.failures import Failures
from daemon.processors.texts import Text, texts_of
from receivers.consumer import Batch
from receivers.model import (
    AnyValue,
    Attributes,
    Metric,
    Resource,
    ResourceMetrics,
    ScopeMetrics,
)

MAX_NAMES = 10_000
"""Metric names whose match is remembered."""

NameMatch = Callable[[str], bool]
ValueMatch = Callable[[AnyValue], bool]
_AttributeMatches = list[tuple[str, ValueMatch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """What `include` or `exclude` asks for; None where it asks for nothing."""

    resource: Callable[[Resource], bool] | None
    name: NameMatch | None


INCLUDE_EXCLUDE: Final = "include, exclude"
"""What these drop is counted as."""


class LegacyPass:
    """Applies `include` and `exclude` to batches; each side may look at resources, at metric names or at both."""

    def __init__(
        self, include: Matcher | None, exclude: Matcher | None, count: Callable[[str, int], None]
    ) -> None:
        self._count = count
        self._include = include
        self._exclude = exclude
        self._looks_at_names = any(side and side.name for side in (include, exclude))

    def apply(self, batch: Batch, _failures: Failures) -> int:
        """Take out of the batch what is dropped, in place, and return how many metrics that were."""
        dropped, kept = 0, []
        for item in batch.resource_metrics:
            dropped += self._prune(item)
            if item.scope_metrics:
                kept.append(item)
        batch.resource_metrics = kept
        if dropped:
            self._count(INCLUDE_EXCLUDE, dropped)
        return dropped

    def judge(
        self,
        resource_metrics: ResourceMetrics,
        _scope_metrics: ScopeMetrics,
        metric: Metric,
        _at_ms: int,
    ) -> str | None:
        """Return "include" or "exclude", whichever drops this metric, or None if it is kept."""
        return self._resource_dropped_by(resource_metrics.resource) or self._name_dropped_by(
            metric.header.name
        )

    def _prune(self, item: ResourceMetrics) -> int:
        """Leave in `item` what is kept and return how many metrics were not."""
        before = item.metric_count
        if self._resource_dropped_by(item.resource):
            item.scope_metrics = []
        elif self._looks_at_names:
            for scope_metrics in item.scope_metrics:
                scope_metrics.metrics = [
                    metric
                    for metric in scope_metrics.metrics
                    if not self._name_dropped_by(metric.header.name)
                ]
            item.scope_metrics = [scope for scope in item.scope_metrics if scope.metrics]
        return before - item.metric_count

    def _resource_dropped_by(self, resource: Resource) -> str | None:
        include = self._include and self._include.resource
        if include and not include(resource):
            return "include"
        exclude = self._exclude and self._exclude.resource
        return "exclude" if exclude and exclude(resource) else None

    def _name_dropped_by(self, name: str) -> str | None:
        include = self._include and self._include.name
        if include and not include(name):
            return "include"
        exclude = self._exclude and self._exclude.name
        return "exclude" if exclude and exclude(name) else None


def build_matcher(
    config: MatchConfig | None, path: KeyPath, mistakes: list[ConfigError]
) -> Matcher | None:
    """Return what `include` or `exclude` at `path` asks for; None if it asks for nothing.

    Every mistake is added to `mistakes`.
    """
    if config is None:
        return None
    names = list(texts_of(config.metric_names, (*path, "metric_names")))
    attributes = config.resource_attributes or ()
    if config.match_type == "expr" or config.expressions:
        mistakes.append(
            ConfigError(
                (*path, "match_type" if config.match_type == "expr" else "expressions"),
                "expr is not supported by tallyd: expected strict or regexp, or a condition under metrics.datapoint",
            )
        )
        return None
    valued = any(attribute.value is not None for attribute in attributes)
    if config.match_type not in {"strict", "regexp"} and (names or valued):
        expected = f"expected strict or regexp, got {shown(config.match_type)}"
        mistakes.append(ConfigError((*path, "match_type"), expected))
        return None
    if not names and not attributes:
        return None
    regexp = config.match_type == "regexp"
    wanted = [
        (
            attribute.key,
            _value_match(attribute, regexp, (*path, "resource_attributes", i), mistakes),
        )
        for i, attribute in enumerate(attributes)
    ]
    return Matcher(
        resource=_resource_match(wanted) if wanted else None,
        name=_name_match(names, regexp, mistakes) if names else None,
    )


def _resource_match(wanted: _AttributeMatches) -> Callable[[Resource], bool]:
    def matches(resource: Resource) -> bool:
        attributes: Attributes = resource.attributes
        return all(key in attributes and match(attributes[key]) for key, match in wanted)

    return matches


def _value_match(
    attribute: AttributeMatchConfig, regexp: bool, path: KeyPath, mistakes: list[ConfigError]
) -> ValueMatch:
    if not attribute.key:
        mistakes.append(ConfigError((*path, "key"), "expected the name of an attribute"))
    value = attribute.value
    if value is None:
        return lambda _value: True
    if not regexp:
        return lambda actual: _same(actual, value)
    if not isinstance(value, str):
        mistakes.append(
            ConfigError((*path, "value"), f"expected a regular expression, got {shown(value)}")
        )
        return lambda _value: True
    search = _compile(Text((*path, "value"), value), mistakes)
    return lambda actual: _matches_text(search, actual)


def _matches_text(search: NameMatch, actual: AnyValue) -> bool:
    if not isinstance(actual, str | bool | int | float):
        return False
    try:
        return search(str(convert(ParamKind.STRING_LIKE, actual)))
    except OttlEvaluationError:
        return False


def _same(actual: AnyValue, wanted: Any) -> bool:  # Any: whatever YAML gave
    """Compare deeply; 1, 1.0 and true differ."""
    if isinstance(actual, list) and isinstance(wanted, list):
        return len(actual) == len(wanted) and all(map(_same, actual, wanted))
    if isinstance(actual, dict) and isinstance(wanted, dict):
        return actual.keys() == wanted.keys() and all(
            _same(actual[key], wanted[key]) for key in wanted
        )
    return type(actual) is type(wanted) and bool(actual == wanted)


def _name_match(names: list[Text], regexp: bool, mistakes: list[ConfigError]) -> NameMatch:
    if not regexp:
        return frozenset(name.text for name in names).__contains__
    searches = [_compile(name, mistakes) for name in names]
    return lru_cache(MAX_NAMES)(lambda name: any(search(name) for search in searches))


def _compile(pattern: Text, mistakes: list[ConfigError]) -> NameMatch:
    try:
        compiled = compile_pattern(pattern.text, captures=False)
    except OttlEvaluationError as error:
        mistakes.append(ConfigError(pattern.path, str(error), pattern.offset))
        return lambda _text: False
    return lambda text: compiled.search(to_utf8(text)) is not None
