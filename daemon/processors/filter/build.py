"""The filter's configuration to a filter; every mistake at once (spec/ottl.md 5.1, 5.2, 5.5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from daemon.config.errors import ConfigError, KeyPath
from daemon.config.fields import shown
from daemon.config.filter import (
    ConditionGroup,
    ErrorMode,
    FilterConfig,
    MetricFiltersConfig,
)
from daemon.ottl.compile import Condition, compile_condition
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.fields import PREFIXES
from daemon.ottl.infer import infer_context
from daemon.ottl.parser import parse_condition
from daemon.processors.complaints import Complaints
from daemon.processors.filter.conditions import NO_POINTS, ConditionPass, Conditions
from daemon.processors.filter.failures import ErrorHandler
from daemon.processors.filter.legacy import INCLUDE_EXCLUDE, LegacyPass, build_matcher
from daemon.processors.filter.processor import Filter, Pass
from daemon.processors.texts import Text, texts_of
from receivers.consumer import Consumer

_EXPLICIT = ("resource", "metric", "datapoint")
_LEGACY = ("include", "exclude")
_OTHER_SIGNALS = {
    "traces": ("resource", "span", "spanevent"),
    "logs": ("resource", "log_record"),
    "profiles": ("resource", "profile"),
}
_OTHER_GROUPS = ("trace_conditions", "log_conditions", "profile_conditions")


def build_filter(
    component_id: str,
    config: FilterConfig,
    next_consumer: Consumer,
    *,
    count_filtered: Callable[[str, int], None],
    count_condition: Callable[[str, int], None] = lambda _condition, _metrics: None,
    clock: Callable[[], float] = time.monotonic,
) -> Filter:
    """Return the filter that `config` describes; `clock` gives monotonic seconds, for the rate of its log lines.

    `count_condition(text, metrics)` hears what each condition has dropped.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    builder = _Builder(config.error_mode, Complaints(component_id, clock), count_condition)
    passes = builder.passes(config)
    match builder.mistakes:
        case []:
            return Filter(passes, next_consumer, count_filtered, builder.complaints, builder.causes)
        case [mistake]:
            raise mistake
        case mistakes:
            raise ExceptionGroup(f"mistakes in {component_id}", mistakes)


class _Builder:
    """Collects the mistakes while the parts are built."""

    def __init__(
        self,
        error_mode: ErrorMode,
        complaints: Complaints,
        count_condition: Callable[[str, int], None],
    ) -> None:
        self.complaints = complaints
        self._count_condition = count_condition
        self.mistakes: list[ConfigError] = []
        self.causes = {NO_POINTS, INCLUDE_EXCLUDE}
        self._error_mode = error_mode

    def passes(self, config: FilterConfig) -> list[Pass]:
        self._check_exclusion(config)
        self._check_other_signals(config)
        metrics = config.metrics or MetricFiltersConfig()
        return [
            *self._explicit(metrics),
            *self._legacy(metrics),
            *self._groups(config.metric_conditions or ()),
        ]

    def _check_exclusion(self, config: FilterConfig) -> None:
        metrics = config.metrics or MetricFiltersConfig()
        explicit = [name for name in _EXPLICIT if getattr(metrics, name) is not None]
        legacy = [name for name in _LEGACY if getattr(metrics, name) is not None]
        if explicit:
            self.mistakes += [
                ConfigError(("metrics", name), f"cannot stand beside metrics.{explicit[0]}")
                for name in legacy
            ]
        if config.metric_conditions and (explicit or legacy):
            beside = (explicit or legacy)[0]
            expected = f"cannot stand beside metrics.{beside}"
            self.mistakes.append(ConfigError(("metric_conditions",), expected))

    def _check_other_signals(self, config: FilterConfig) -> None:
        """Parse the conditions of other signals: they have no effect, but a mistake in them is one.

        Differs from the collector: paths and functions of other signals are not known here and pass unchecked.
        """
        for signal, names in _OTHER_SIGNALS.items():
            section = getattr(config, signal)
            for name in names if section else ():
                self._check_syntax(texts_of(getattr(section, name), (signal, name)))
        for key in _OTHER_GROUPS:
            for index, item in enumerate(getattr(config, key) or ()):
                self._check_syntax(_group_texts(item, (key, index)))

    def _check_syntax(self, texts: Iterable[Text]) -> None:
        for text in texts:
            try:
                parse_condition(text.text)
            except OttlBuildError as error:
                self._note(text, error)

    def _explicit(self, metrics: MetricFiltersConfig) -> Iterator[Pass]:
        by_context: dict[str, list[Condition]] = {}
        for name in _EXPLICIT:
            value = getattr(metrics, name)
            if value is not None:
                compiled = [
                    self._compile(text, name) for text in texts_of(value, ("metrics", name))
                ]
                by_context[name] = [condition for condition in compiled if condition]
        if by_context:
            yield self._pass(by_context, self._error_mode)

    def _legacy(self, metrics: MetricFiltersConfig) -> Iterator[Pass]:
        include = build_matcher(metrics.include, ("metrics", "include"), self.mistakes)
        exclude = build_matcher(metrics.exclude, ("metrics", "exclude"), self.mistakes)
        if include or exclude:
            yield LegacyPass(include, exclude, self._count_condition)

    def _groups(self, items: tuple[str | ConditionGroup, ...]) -> Iterator[Pass]:
        """Yield one pass for each object, or one for all bare conditions; a list holds one kind only."""
        bare = [
            text
            for index, item in enumerate(items)
            if isinstance(item, str)
            for text in _group_texts(item, ("metric_conditions", index))
        ]
        if bare:
            yield self._inferred(bare, None, self._error_mode)
        for index, item in enumerate(items):
            if isinstance(item, ConditionGroup):
                path = ("metric_conditions", index)
                if self._context_exists(item, path):
                    context = item.context.lower() if item.context is not None else None
                    mode = item.error_mode or self._error_mode
                    yield self._inferred(_group_texts(item, path), context, mode)

    def _context_exists(self, group: ConditionGroup, path: KeyPath) -> bool:
        exists = group.context is None or group.context.lower() in PREFIXES
        if not exists:
            expected = f"expected {', '.join(PREFIXES)}, got {shown(group.context)}"
            self.mistakes.append(ConfigError((*path, "context"), expected))
        return exists

    def _inferred(self, texts: Iterable[Text], context: str | None, mode: ErrorMode) -> Pass:
        by_context: dict[str, list[Condition]] = {}
        for text in texts:
            condition = self._compile(text, context)
            if condition is not None:
                by_context.setdefault(condition.context, []).append(condition)
        return self._pass(by_context, mode)

    def _compile(self, text: Text, context: str | None) -> Condition | None:
        """Return the condition in its context, which is inferred where it is None; mistakes are noted."""
        try:
            inferred = context or infer_context(text.text)
            return compile_condition(text.text, inferred, prefixed=context is None)
        except OttlBuildError as error:
            self._note(text, error)
            return None

    def _note(self, text: Text, error: OttlBuildError) -> None:
        hint = " (a single text is split at commas: write a list)" if text.split else ""
        offset = None if error.offset is None else error.offset + text.offset
        self.mistakes.append(ConfigError(text.path, error.message + hint, offset))

    def _pass(self, by_context: dict[str, list[Condition]], mode: ErrorMode) -> ConditionPass:
        conditions = Conditions(**{name: tuple(each) for name, each in by_context.items()})
        self.causes.update(one.text for each in by_context.values() for one in each)
        errors = ErrorHandler(mode, self.complaints)
        return ConditionPass(conditions, errors, self._count_condition)


def _group_texts(item: str | ConditionGroup, path: KeyPath) -> Iterable[Text]:
    if isinstance(item, str):
        return [Text(path, item)]
    return texts_of(item.conditions, (*path, "conditions"))
