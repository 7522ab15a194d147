"""The chain of consumers that the configuration names: receiver, processors, exporters.

A consumer changes a batch only if it is a processor, and a chain of one consumer is that consumer: who is alone gets the
batch without a wrapper or a copy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from daemon.config.errors import ConfigError
from daemon.config.schema import Config, ProcessorConfig
from daemon.processors.build import ProcessorSettings, build_processor
from receivers.consumer import Batch, Consumer
from receivers.errors import ConsumeError, PermanentError, RetryableError
from receivers.model import Metric, ResourceMetrics, ScopeMetrics


def build_pipelines(
    config: Config, exporters: Mapping[str, Consumer], settings: ProcessorSettings
) -> dict[str, Consumer]:
    """Return for each receiver that is in a pipeline the consumer to hand its batches to; `exporters` are by component id.

    Raises:
        ConfigError: a processor cannot be built, which `judge_processor` would have told with all other mistakes.
        ExceptionGroup: the same, of several.
    """
    branches: dict[str, list[_Branch]] = {}
    for pipeline in config.service.pipelines.values():
        head = _fan_out([_Branch(exporters[exporter], False) for exporter in pipeline.exporters])
        for component_id in reversed(pipeline.processors):
            processor = config.processors[component_id]
            head = build_processor(component_id, processor, head, settings)
        for receiver in pipeline.receivers:
            branches.setdefault(receiver, []).append(_Branch(head, bool(pipeline.processors)))
    return {receiver: _fan_out(heads) for receiver, heads in branches.items()}


def judge_processor(component_id: str, config: ProcessorConfig) -> list[ConfigError]:
    """Return every mistake in a processor, at paths below its own block, by building it for nothing."""
    mistakes: list[ConfigError] = []
    try:
        build_processor(component_id, config, _Discard(), ProcessorSettings())
    except* ConfigError as group:
        mistakes.extend(_leaves(group))
    return mistakes


def copy_batch(batch: Batch) -> Batch:
    """Return a batch that may be changed without a trace in `batch`; points on the wire stay undecoded."""
    return Batch(
        batch.sender,
        batch.received_at_ms,
        [
            ResourceMetrics(
                group.resource,
                [
                    ScopeMetrics(scoped.scope, [_copy_metric(metric) for metric in scoped.metrics])
                    for scoped in group.scope_metrics
                ],
            )
            for group in batch.resource_metrics
        ],
        batch.context,
        times_are_ours=batch.times_are_ours,
    )


class Outlet:
    """Where a receiver hands its batches to: a reload puts another pipeline behind it, and none drops them."""

    def __init__(
        self, consumer: Consumer | None = None, admit: Callable[[Batch], None] | None = None
    ) -> None:
        """Hand batches to `consumer` that `admit` lets pass; it raises RetryableError for others."""
        self.consumer = consumer
        self._admit = admit

    def consume(self, batch: Batch) -> None:
        """Hand `batch` on.

        Raises:
            ConsumeError: it was not taken.
        """
        if self._admit is not None:
            self._admit(batch)
        if self.consumer is not None:
            self.consumer.consume(batch)


class _Branch(NamedTuple):
    """Where a batch goes, and whether it may be changed there."""

    consumer: Consumer
    changes: bool


class _Discard:
    """The end of a chain that is built only to be checked."""

    def consume(self, batch: Batch) -> None:
        """Take nothing."""


class _FanOut:
    """Hands each batch to every branch, whatever the others answer (otlp.md 6.1)."""

    def __init__(self, branches: Sequence[_Branch]) -> None:
        in_order = sorted(branches, key=lambda branch: not branch.changes)
        copies = min(sum(branch.changes for branch in branches), len(branches) - 1)
        self._copied = tuple(branch.consumer for branch in in_order[:copies])
        self._shared = tuple(branch.consumer for branch in in_order[copies:])

    def consume(self, batch: Batch) -> None:
        """Hand `batch` on; whoever may change it gets a copy, unless nobody comes after.

        Raises:
            ConsumeError: some branches did not take it; retryable or not as the first of them.
        """
        errors: list[ConsumeError] = []
        for consumer in self._copied:
            _consume(consumer, copy_batch(batch), errors)
        for consumer in self._shared:
            _consume(consumer, batch, errors)
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise _joined(errors)


def _leaves(group: BaseExceptionGroup[ConfigError]) -> Iterator[ConfigError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _fan_out(branches: Sequence[_Branch]) -> Consumer:
    return branches[0].consumer if len(branches) == 1 else _FanOut(branches)


def _consume(consumer: Consumer, batch: Batch, errors: list[ConsumeError]) -> None:
    try:
        consumer.consume(batch)
    except ConsumeError as error:
        errors.append(error)


def _joined(errors: Sequence[ConsumeError]) -> ConsumeError:
    text = "; ".join(map(str, errors))
    first = errors[0]
    if isinstance(first, RetryableError):
        return RetryableError(text, first.retry_after_s)
    return PermanentError(text) if isinstance(first, PermanentError) else ConsumeError(text)


def _copy_metric(metric: Metric) -> Metric:
    if metric.encoded is not None:
        return Metric(metric.header, metric.encoded)
    return Metric(metric.header, data_points=copy.deepcopy(metric.data_points))
