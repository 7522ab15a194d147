"""The settings of metricstransform to its transforms; every mistake at once (otlp.md 4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

from daemon.config.errors import ConfigError, KeyPath
from daemon.config.metricstransform import (
    MetricsTransformConfig,
    OperationConfig,
    TransformConfig,
)
from daemon.ottl.functions.gotext import from_utf8, to_utf8
from daemon.processors.metricstransform.matching import MetricFilter
from daemon.processors.metricstransform.operations import build_operation
from daemon.processors.metricstransform.processor import MetricsTransform, Transform
from daemon.processors.metricstransform.transforms import Change, Combine, Group, Insert, Update
from daemon.processors.mistakes import raise_mistakes
from daemon.processors.patterns import MAX_NAMES, build_search, compile_checked
from query.errors import RegexError
from query.regex import compile_replacement
from receivers.consumer import Consumer

_NEEDED = {"update_label": ("label",), "add_label": ("new_label", "new_value")}
"""Settings without which an operation does nothing, by its action."""
_CASES: Mapping[str, Callable[[str], str]] = {"": str, "lower": str.lower, "upper": str.upper}


def build_metricstransform(
    component_id: str, config: MetricsTransformConfig, following: Consumer
) -> MetricsTransform:
    """Return the processor that `config` describes.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    mistakes: list[ConfigError] = []
    transforms: list[Transform] = [
        _build_transform(transform, ("transforms", index), mistakes)
        for index, transform in enumerate(config.transforms)
    ]
    raise_mistakes(component_id, mistakes)
    return MetricsTransform(transforms, following)


def _build_transform(
    config: TransformConfig, path: KeyPath, mistakes: list[ConfigError]
) -> Transform:
    _check(config, path, mistakes)
    matching = _build_filter(config, path, mistakes)
    change = Change(
        matching,
        _build_rename(config) if config.new_name else None,
        [build_operation(operation) for operation in config.operations],
    )
    match config.action:
        case "update":
            return Update(change)
        case "insert":
            return Insert(change)
        case "combine":
            to_case = _CASES[config.submatch_case]
            return Combine(change, config.aggregation_type, to_case, config.new_name)
        case "group":
            return Group(matching, config.group_resource_labels or {})


def _check(config: TransformConfig, path: KeyPath, mistakes: list[ConfigError]) -> None:
    """Note what the action and its operations need and do not have."""
    if not config.include:
        mistakes.append(ConfigError((*path, "include"), "expected the name of a metric"))
    if config.action == "insert" and not config.new_name:
        mistakes.append(ConfigError(path, "insert needs a new_name"))
    if config.action == "group" and config.group_resource_labels is None:
        mistakes.append(ConfigError(path, "group needs group_resource_labels"))
    for index, operation in enumerate(config.operations):
        _check_operation(operation, (*path, "operations", index), mistakes)


def _check_operation(config: OperationConfig, path: KeyPath, mistakes: list[ConfigError]) -> None:
    mistakes += [
        ConfigError(path, f"{config.action} needs a {name}")
        for name in _NEEDED.get(config.action, ())
        if not getattr(config, name)
    ]
    factor = config.experimental_scale
    if not math.isfinite(factor) or (config.action == "experimental_scale_value" and not factor):
        expected = f"{config.action} needs an experimental_scale, a number other than 0"
        mistakes.append(ConfigError(path, expected))


def _build_filter(
    config: TransformConfig, path: KeyPath, mistakes: list[ConfigError]
) -> MetricFilter:
    labels = (config.experimental_match_labels or {}).items()
    if config.match_type != "regexp":
        return MetricFilter(
            names=config.include.__eq__,
            labels=tuple((key, value.__eq__) for key, value in labels),
            groups=lambda _name: {},
        )
    return MetricFilter(
        names=lru_cache(MAX_NAMES)(build_search(config.include, (*path, "include"), mistakes)),
        labels=tuple(
            (key, build_search(value, (*path, "experimental_match_labels", key), mistakes))
            for key, value in labels
        ),
        groups=lru_cache(MAX_NAMES)(_groups(config.include)),
    )


def _groups(pattern: str) -> Callable[[str], Mapping[str, str]]:
    """Return what the groups of a pattern find in a name: those without a name are called `$1` and so on."""
    compiled = compile_checked(pattern, (), [], captures=True)
    by_number: dict[int, str] = {}
    if compiled is not None:
        by_number = {number: f"${number}" for number in range(1, compiled.groups + 1)}
        for name, number in compiled.groupindex.items():
            by_number[number] = from_utf8(name) if isinstance(name, bytes) else name

    def find(name: str) -> Mapping[str, str]:
        found = compiled.search(to_utf8(name))
        if found is None:
            return {}
        return {key: from_utf8(found.group(at) or b"") for at, key in by_number.items()}

    return find


def _build_rename(config: TransformConfig) -> Callable[[str], str]:
    """Return the new name for an old one: groups of the pattern expanded in it, unless that leaves nothing."""
    new_name = config.new_name
    if config.match_type != "regexp":
        return lambda _name: new_name
    expand = _expansion(config.include, new_name)
    return lambda name: expand(name) or new_name


def _expansion(pattern: str, template: str) -> Callable[[str], str | None]:
    """Return what expands the template from the leftmost place where the pattern is found."""
    try:
        return compile_replacement(f"(?s:.*?)(?:{pattern})(?s:.*)", template)
    except RegexError:  # noted where the pattern is compiled by itself
        return lambda _text: None
