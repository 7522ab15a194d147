"""What became of each metric of a report: kept or dropped, by which condition, and where that stands in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from daemon.config.errors import KeyPath
from daemon.config.filter import ConditionGroup, FilterConfig
from daemon.config.load import LoadedConfig
from daemon.config.marks import Place, format_path
from daemon.config.schema import Config, component_type
from daemon.pipeline import build_pipelines, copy_batch
from daemon.processors.build import ProcessorSettings, build_processor
from daemon.processors.filter import Filter, build_filter
from daemon.processors.texts import Text, texts_of
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
    def renamed(self) -> bool:
        """Whether processors have made it known under other names."""
        own = MetricHeader(name=self.name, type=self.type)
        return self.kept and self.stored_as != stored_names(own)

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
    exporters: dict[str, Consumer] = dict.fromkeys(loaded.config.exporters, Nowhere())
    exporters |= {one: sink for one in exporters if component_type(one) == "windows"}
    chain = build_pipelines(loaded.config, exporters, ProcessorSettings())[receiver]
    error = _send(chain, copy_batch(batch))
    refused = None
    if error and not sink.metrics:
        refused = Cause(processor=receiver, text=error, path="", place=NOWHERE)
    steps = _steps(loaded, receiver)
    verdicts = []
    for group, scoped, metric in _metrics(batch):
        some = [_alone(group, scoped, metric)]
        alone = Batch(batch.sender, batch.received_at_ms, some, batch.context)
        sink.metrics.clear()
        if refused is None:
            _send(chain, copy_batch(alone))
        cause = None if sink.metrics else refused or _cause(steps, alone)
        verdicts.append(_verdict(metric, sink.metrics, cause))
    return verdicts


class Nowhere:
    """Stands for exporters that no question reads from."""

    def consume(self, batch: Batch) -> None:
        """Take nothing."""


class _Sink:
    """Keeps what comes through."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []
        self.batch: Batch | None = None

    def consume(self, batch: Batch) -> None:
        """Keep."""
        self.metrics += [metric for _, _, metric in _metrics(batch)]
        self.batch = batch

    def take(self) -> Batch | None:
        """Return the last batch since this was asked before, if there was one."""
        batch, self.batch = self.batch, None
        return batch


def _send(consumer: Consumer, batch: Batch) -> str:
    """Hand a batch on; return why it was not taken, if so."""
    try:
        consumer.consume(batch)
    except ConsumeError as error:
        return str(error)
    return ""


def _alone(group: ResourceMetrics, scoped: ScopeMetrics, metric: Metric) -> ResourceMetrics:
    return ResourceMetrics(group.resource, [ScopeMetrics(scoped.scope, [metric])])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A processor that is no filter: what stands behind it sees what it makes."""

    processor: Consumer
    sink: _Sink

    def apply(self, batch: Batch) -> Batch:
        """Return what comes out; the batch itself stays as it is."""
        _send(self.processor, copy_batch(batch))
        return self.sink.take() or batch


def _cause(steps: Iterable[_Judge | _Change], alone: Batch) -> Cause:
    """Return why nothing is left of the one metric of a batch."""
    for step in steps:
        if isinstance(step, _Change):
            alone = step.apply(alone)
            continue
        causes = (step.cause(*place) for place in _metrics(alone))
        if cause := next(filter(None, causes), None):
            return cause
    return Cause(processor="", text=_TOGETHER, path="", place=NOWHERE)


def _steps(loaded: LoadedConfig, receiver: str) -> list[_Judge | _Change]:
    """Return the processors that stand behind `receiver`, in the order in which reports pass them."""
    component_ids = dict.fromkeys(
        component_id
        for pipeline in loaded.config.service.pipelines.values()
        if receiver in pipeline.receivers
        for component_id in pipeline.processors
    )
    return [_step(loaded, component_id) for component_id in component_ids]


def _step(loaded: LoadedConfig, component_id: str) -> _Judge | _Change:
    config = loaded.config.processors[component_id]
    if not isinstance(config, FilterConfig):
        sink = _Sink()
        processor = build_processor(component_id, config, sink, ProcessorSettings())
        return _Change(processor=processor, sink=sink)
    return _Judge(
        component_id=component_id,
        filter=build_filter(component_id, config, _Sink(), count_filtered=_ignore),
        texts={text.text.strip(): text for text in _texts(config)},
        loaded=loaded,
    )


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


def _verdict(metric: Metric, kept: Sequence[Metric], cause: Cause | None) -> Verdict:
    header = metric.header
    stored = [name for one in kept or [metric] for name in stored_names(one.header)]
    return Verdict(
        name=header.name,
        type=header.type,
        stored_as=tuple(dict.fromkeys(stored)),
        series=len(metric.data_points),
        kept_series=max((len(one.data_points) for one in kept), default=0),
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
