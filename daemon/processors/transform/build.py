"""The transform's configuration to a transform; every mistake at once (spec/ottl.md 6.2)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from daemon.config.errors import ConfigError, KeyPath
from daemon.config.fields import shown
from daemon.config.filter import ErrorMode
from daemon.config.transform import StatementGroup, TransformConfig
from daemon.ottl import syntax
from daemon.ottl.compile import Condition, compile_condition
from daemon.ottl.editors.registry import EDITORS
from daemon.ottl.editors.signature import Editor
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.fields import PREFIXES
from daemon.ottl.functions.registry import CONVERTERS
from daemon.ottl.functions.signature import Converter
from daemon.ottl.infer import infer_common_context
from daemon.ottl.parser import parse_condition, parse_statement
from daemon.ottl.statement import Statement, compile_statement
from daemon.processors.complaints import Complaints
from daemon.processors.texts import Text, texts_of
from daemon.processors.transform.group import Group, Work
from daemon.processors.transform.processor import Transform, fail_as
from receivers.consumer import Consumer

_FUNCTIONS: Final[Mapping[str, Converter | Editor]] = {**CONVERTERS, **EDITORS}
_GROUPS: Final[KeyPath] = ("metric_statements",)
_Tree = syntax.Boolean | syntax.Statement


def build_transform(
    component_id: str,
    config: TransformConfig,
    next_consumer: Consumer,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Transform:
    """Return the transform that `config` describes; `clock` gives monotonic seconds, for the rate of its log lines.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    complaints = Complaints(component_id, clock)
    builder = _Builder(config.error_mode, complaints)
    groups = list(builder.groups(config.metric_statements or ()))
    match builder.mistakes:
        case []:
            return Transform(groups, next_consumer, complaints)
        case [mistake]:
            raise mistake
        case mistakes:
            raise ExceptionGroup(f"mistakes in {component_id}", mistakes)


class _Builder:
    """Collects the mistakes while the groups are built."""

    def __init__(self, error_mode: ErrorMode, complaints: Complaints) -> None:
        self.mistakes: list[ConfigError] = []
        self._error_mode = error_mode
        self._complaints = complaints

    def groups(self, items: Sequence[str | StatementGroup]) -> Iterator[Group]:
        """Yield one group for each object, or one for all bare statements; a list holds one kind only."""
        bare = [
            Text((*_GROUPS, index), item)
            for index, item in enumerate(items)
            if isinstance(item, str)
        ]
        if bare:
            yield self._group(StatementGroup(), _GROUPS, bare, ())
        for index, item in enumerate(items):
            if isinstance(item, StatementGroup):
                path = (*_GROUPS, index)
                yield self._group(
                    item,
                    path,
                    list(texts_of(item.statements, (*path, "statements"))),
                    list(texts_of(item.conditions, (*path, "conditions"))),
                )

    def _group(
        self,
        settings: StatementGroup,
        path: KeyPath,
        statements: Sequence[Text],
        conditions: Sequence[Text],
    ) -> Group:
        context = self._context(settings, path, statements, conditions)
        compiled = [self._statement(text, context, settings) for text in statements if context]
        judged = [self._condition(text, context, settings) for text in conditions if context]
        work = Work(
            context=context or "resource",
            conditions=tuple(condition for condition in judged if condition),
            statements=tuple(statement for statement in compiled if statement),
            fail=fail_as(settings.error_mode or self._error_mode, self._complaints),
            shares_cache=settings.shared_cache,
        )
        return Group(work)

    def _context(
        self,
        settings: StatementGroup,
        path: KeyPath,
        statements: Sequence[Text],
        conditions: Sequence[Text],
    ) -> str | None:
        """Return the one context of a group, or None where there is a mistake, or nothing to infer it from."""
        texts = [*statements, *conditions]
        if settings.context is None:
            return self._infer(texts, [*self._parse(statements, conditions)]) if texts else None
        context = settings.context.lower()
        if context in PREFIXES:
            return context
        expected = f"expected {', '.join(PREFIXES)}, got {shown(settings.context)}"
        self.mistakes.append(ConfigError((*path, "context"), expected))
        return None

    def _parse(self, statements: Iterable[Text], conditions: Iterable[Text]) -> Iterator[_Tree]:
        """Yield the tree of each text that is one; mistakes are noted."""
        for texts, parse in ((statements, parse_statement), (conditions, parse_condition)):
            for text in texts:
                try:
                    yield parse(text.text)
                except OttlBuildError as error:
                    self._note(text, error)

    def _infer(self, texts: Sequence[Text], trees: Sequence[_Tree]) -> str | None:
        if len(trees) < len(texts):
            return None
        try:
            return infer_common_context(trees, _FUNCTIONS)
        except OttlBuildError as error:
            # It is about all texts of the group together: the first one says where they stand.
            hint = f"{error.message} (statements without a context of their own share one)"
            self.mistakes.append(ConfigError(texts[0].path, hint))
            return None

    def _statement(
        self, text: Text, context: str | None, settings: StatementGroup
    ) -> Statement | None:
        try:
            statement = compile_statement(
                text.text, context or "", prefixed=settings.context is None
            )
        except OttlBuildError as error:
            self._note(text, error)
            return None
        if (
            statement.editor == "copy_metric"
            and statement.is_unconditional
            and not settings.conditions
        ):
            expected = "copy_metric would copy its own copies without end: expected a where that is false for them"
            self.mistakes.append(ConfigError(text.path, expected, 0))
        return statement

    def _condition(
        self, text: Text, context: str | None, settings: StatementGroup
    ) -> Condition | None:
        try:
            return compile_condition(text.text, context or "", prefixed=settings.context is None)
        except OttlBuildError as error:
            self._note(text, error)
            return None

    def _note(self, text: Text, error: OttlBuildError) -> None:
        hint = " (a single text is split at commas: write a list)" if text.split else ""
        offset = None if error.offset is None else error.offset + text.offset
        self.mistakes.append(ConfigError(text.path, error.message + hint, offset))
