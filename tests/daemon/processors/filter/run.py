"""Runs a filter that a YAML text configures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from structlog.testing import capture_logs

from daemon.config.errors import ConfigError
from daemon.config.filter import FilterConfig
from daemon.config.validation import validate
from daemon.processors.filter import Filter, build_filter
from receivers.consumer import Batch, Consumer
from receivers.errors import PermanentError
from tests.daemon.processors.filter.payloads import names
from tests.support.consumers import Counts, SinkConsumer


@dataclass
class Outcome:
    """What came out of one batch."""

    left: str
    error: str = ""
    counted: list[tuple[str, int]] = field(default_factory=list)
    logged: list[tuple[str, str]] = field(default_factory=list)


def load(configuration: str) -> FilterConfig:
    mistakes: list[ConfigError] = []
    value = yaml.safe_load(textwrap.dedent(configuration))
    config = validate(FilterConfig, value, (), mistakes)
    if config is None:
        raise ExceptionGroup("mistakes", mistakes)
    return config


def build(
    configuration: str,
    sink: Consumer,
    counted: list[tuple[str, int]] | None = None,
    clock: Iterator[float] | None = None,
    by_condition: Counts | None = None,
) -> Filter:
    times = iter(clock or iter(lambda: 0.0, None))
    amounts = counted if counted is not None else []
    return build_filter(
        "filter/test",
        load(configuration),
        sink,
        count_filtered=lambda component_id, amount: amounts.append((component_id, amount)),
        count_condition=by_condition if by_condition is not None else Counts(),
        clock=lambda: next(times),
    )


def run(configuration: str, batch: Batch) -> Outcome:
    sink, counted, error = SinkConsumer(), list[tuple[str, int]](), ""
    by_condition = Counts()
    with capture_logs() as logs:
        component = build(configuration, sink, counted, by_condition=by_condition)
        try:
            component.consume(batch)
        except PermanentError as refused:
            error = str(refused)
    if not error:  # whatever is dropped is dropped by some condition
        assert by_condition.total() == sum(number for _, number in counted)
    left = names(sink.batches[0]) if sink.batches else "nothing"
    logged = [(line["log_level"], line["event"]) for line in logs]
    return Outcome(left, error, counted, logged)
