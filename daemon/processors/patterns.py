"""Regular expressions and name lists in the settings of processors: RE2 searches, as Go's regexp does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from daemon.config.attributes import MetricMatchConfig
from daemon.config.errors import ConfigError, KeyPath
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.functions.patterns import compile_pattern

NameMatch = Callable[[str], bool]

MAX_NAMES = 4_096
"""Metric names whose match is remembered; there are hundreds."""


def compile_checked(
    pattern: str, path: KeyPath, mistakes: list[ConfigError], *, captures: bool = False
) -> Any:  # Any: re2 ships no types
    """Return the compiled pattern over UTF-8 bytes; one that is none is noted at `path` and gives None."""
    try:
        return compile_pattern(pattern, captures=captures)
    except OttlEvaluationError as error:
        mistakes.append(ConfigError(path, str(error)))
        return None


def build_search(pattern: str, path: KeyPath, mistakes: list[ConfigError]) -> NameMatch:
    """Return whether the pattern is found in a text; mistakes are noted."""
    compiled = compile_checked(pattern, path, mistakes)
    return lambda text: compiled.search(to_utf8(text)) is not None


def build_name_match(
    include: MetricMatchConfig | None,
    exclude: MetricMatchConfig | None,
    mistakes: list[ConfigError],
) -> NameMatch | None:
    """Return whether a metric of this name is processed: it matches include and not exclude; None for all metrics."""
    if include is None and exclude is None:
        return None
    included = _names(include, "include", mistakes)
    excluded = _names(exclude, "exclude", mistakes)

    @lru_cache(MAX_NAMES)
    def wanted(name: str) -> bool:
        return (included is None or included(name)) and not (excluded and excluded(name))

    return wanted


def _names(
    config: MetricMatchConfig | None, side: str, mistakes: list[ConfigError]
) -> NameMatch | None:
    if config is None:
        return None
    names: Sequence[str] = (
        config.metric_names.split(",")
        if isinstance(config.metric_names, str)
        else config.metric_names
    )
    path = (side, "metric_names")
    if not any(names):
        mistakes.append(ConfigError(path, "expected at least one name"))
    if config.match_type == "strict":
        return frozenset(names).__contains__
    listed = not isinstance(config.metric_names, str)
    searches = [
        build_search(name, (*path, index) if listed else path, mistakes)
        for index, name in enumerate(names)
    ]
    return lambda name: any(search(name) for search in searches)
