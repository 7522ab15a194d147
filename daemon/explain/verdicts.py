"""What became of each metric of a report: kept or dropped, by which condition, and where that stands in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from daemon.config.errors import KeyPath
from daemon.config.filter import ConditionGroup, FilterConfig
from daemon.config.load import LoadedConfig
from daemon.config.marks import Place, format_path
from daemon.config.schema import Config, ProcessorConfig, component_type
from daemon.pipeline import build_pipelines, copy_batch
from daemon.processors.build import ProcessorSettings
from daemon.processors.filter import Filter, build_filter
from daemon.processors.filter.texts import Text, texts_of
from query.labels import metric_name
from receivers.consumer import Batch, Consumer
from receivers.errors import ConsumeError
from receivers.model import Metric, MetricHeader, MetricType, ResourceMetrics, ScopeMetrics

RECEIVER = "opencensus"
_CONTEXTS = ("resource", "metric", "datapoint")
NOWHERE = Place(0, 0)
_TOGETHER = "(several conditions, each some of its data points)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What dropped a metric: `text` as in the file, `place` is NOWHERE if there is no file."""

    processor: str
    text: str
    path: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One metric of a report; `cause` is None if it is kept."""

    name: str
    type: MetricType
    stored_as: tuple[str, ...]
    series: int
    """Data points that the report has of it, one for each time series."""
    kept_series: int
    cause: Cause | None

    @property
    def kept(self) -> bool:
        """Whether the windows hear of it."""
        return self.cause is None


class NothingReceivesError(Exception):
    """A configuration in which no pipeline takes what sidecars send."""


def receiver_of(config: Config) -> str:
    """Return the component id of the receiver that a recorded session goes to: the first in a pipeline.

    Raises:
        NothingReceivesError: there is none.
    """
    for pipeline in config.service.pipelines.values():
        for component_id in pipeline.receivers:
            if component_type(component_id) == RECEIVER:
                return component_id
    raise NothingReceivesError(
        f"no pipeline has a receiver of type {RECEIVER}: expected one in service.pipelines"
    )


def judge_report(loaded: LoadedConfig, batch: Batch) -> list[Verdict]:
    """Return what the configuration does with each metric of `batch`, in its order; `batch` is used up."""
    receiver = receiver_of(loaded.config)
    sink = _Sink()
    exporters = dict.fromkeys(loaded.config.exporters, sink)
    chain = build_pipelines(loaded.config, exporters, ProcessorSettings())[receiver]
    refused: Cause | None = None
    try:
        chain.consume(copy_batch(batch))
    except ConsumeError as error:
        refused = Cause(processor=receiver, text=str(error), path="", place=NOWHERE)
    processors = _processors(loaded.config, receiver).values()
    if refused is None and not all(isinstance(one, FilterConfig) for one in processors):
        _send_one_by_one(chain, sink, batch)
    judges = _judges(loaded, receiver)
    verdicts = []
    for group, scoped, metric in _metrics(batch):
        key = (group.resource, metric.header)
        cause = None
        if key not in sink.kept:
            cause = refused if refused is not None else _cause(judges, group, scoped, metric)
        verdicts.append(_verdict(metric, sink.kept[key], cause))
    return verdicts


def _send_one_by_one(chain: Consumer, sink: _Sink, batch: Batch) -> None:
    """Note for each metric, under its own key, what comes through of it alone: who changes a metric changes its key."""
    kept: Counter[object] = Counter()
    for group, scoped, metric in _metrics(batch):
        sink.kept.clear()
        alone = ResourceMetrics(group.resource, [ScopeMetrics(scoped.scope, [metric])])
        with suppress(ConsumeError):
            chain.consume(
                copy_batch(Batch(batch.sender, batch.received_at_ms, [alone], batch.context))
            )
        if sink.kept:
            kept[group.resource, metric.header] = max(sink.kept.values())
    sink.kept = kept


class _Sink:
    """Counts the data points that come through, by resource and header."""

    def __init__(self) -> None:
        self.kept: Counter[object] = Counter()

    def consume(self, batch: Batch) -> None:
        """Count."""
        for group, _, metric in _metrics(batch):
            key = (group.resource, metric.header)
            self.kept[key] = max(self.kept[key], len(metric.data_points))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    component_id: str
    filter: Filter
    texts: dict[str, Text]
    loaded: LoadedConfig

    def cause(self, group: ResourceMetrics, scoped: ScopeMetrics, metric: Metric) -> Cause | None:
        """Return why this filter drops the metric, or None."""
        text = self.filter.judge(group, scoped, metric)
        if text is None:
            return None
        path: KeyPath = ("processors", self.component_id)
        found = self.texts.get(text)
        place = NOWHERE
        if found is not None:
            path = (*path, *found.path)
            blanks = len(found.text) - len(found.text.lstrip())
            place = self.loaded.marks.place(path, found.offset + blanks)
        return Cause(processor=self.component_id, text=text, path=format_path(path), place=place)


def _cause(
    judges: Iterable[_Judge], group: ResourceMetrics, scoped: ScopeMetrics, metric: Metric
) -> Cause:
    causes = (judge.cause(group, scoped, metric) for judge in judges)
    together = Cause(processor="", text=_TOGETHER, path="", place=NOWHERE)
    return next(filter(None, causes), together)


def _judges(loaded: LoadedConfig, receiver: str) -> list[_Judge]:
    """Return the filters that stand behind `receiver`, in the order in which reports pass them."""
    config = loaded.config
    processors = _processors(config, receiver)
    return [
        _Judge(
            component_id=component_id,
            filter=build_filter(component_id, settings, _Sink(), count_filtered=_ignore),
            texts={text.text.strip(): text for text in _texts(settings)},
            loaded=loaded,
        )
        for component_id, settings in processors.items()
        if isinstance(settings, FilterConfig)
    ]


def _processors(config: Config, receiver: str) -> dict[str, ProcessorConfig]:
    """Return the processors behind `receiver` by id, in the order in which reports pass them."""
    return {
        component_id: config.processors[component_id]
        for pipeline in config.service.pipelines.values()
        if receiver in pipeline.receivers
        for component_id in pipeline.processors
    }


def _texts(config: FilterConfig) -> Iterator[Text]:
    """Yield every condition of a filter with its place below the filter; legacy matchers by their key."""
    for context in _CONTEXTS if config.metrics else ():
        yield from texts_of(getattr(config.metrics, context), ("metrics", context))
    for key in ("include", "exclude"):
        yield Text(("metrics", key), key)
    for index, item in enumerate(config.metric_conditions or ()):
        path: KeyPath = ("metric_conditions", index)
        if isinstance(item, ConditionGroup):
            yield from texts_of(item.conditions, (*path, "conditions"))
        else:
            yield Text(path, item)


def _verdict(metric: Metric, kept_series: int, cause: Cause | None) -> Verdict:
    header = metric.header
    return Verdict(
        name=header.name,
        type=header.type,
        stored_as=stored_names(header),
        series=len(metric.data_points),
        kept_series=kept_series,
        cause=cause,
    )


def stored_names(header: MetricHeader) -> tuple[str, ...]:
    """Return the metric names under which a query finds this metric (DESIGN 3.5)."""
    name = metric_name(header.name)
    if header.type in {MetricType.GAUGE, MetricType.SUM}:
        return (name,)
    return (f"{name}_count", f"{name}_sum")


def _metrics(batch: Batch) -> Iterator[tuple[ResourceMetrics, ScopeMetrics, Metric]]:
    for group in batch.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                yield group, scoped, metric


def _ignore(_component_id: str, _metrics: int) -> None:
    """Count nothing: this is no traffic."""
