"""Runs processors that a YAML text configures on metrics that a text writes (`payloads`)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pytest
import yaml

from daemon.check import load_checked
from daemon.config.errors import ConfigError, InvalidConfigurationError
from daemon.config.schema import COMPONENTS
from daemon.config.validation import validate
from daemon.processors.build import ProcessorSettings, build_processor
from daemon.telemetry import SelfMetrics
from receivers.consumer import NO_CONTEXT, Consumer, RequestContext
from tests.support.consumers import SinkConsumer
from tests.support.payload_text import write_metric, written
from tests.support.payloads import batch

NOTHING = "nothing"


@dataclass
class Result:
    """What came out."""

    text: str
    metrics: tuple[str, ...]
    """Metric by metric, points and attributes ordered by text."""


def build(
    kind: str, configuration: str, following: Consumer, metrics: SelfMetrics | None = None
) -> Consumer:
    """Return a processor; its settings as YAML, `$$` is a dollar as in a file."""
    mistakes: list[ConfigError] = []
    settings = yaml.safe_load(textwrap.dedent(configuration).replace("$$", "$"))
    config = validate(COMPONENTS["processors"][kind], settings or {}, (), mistakes)
    if config is None:
        raise ExceptionGroup("mistakes", mistakes)
    used = ProcessorSettings(metrics=metrics or SelfMetrics())
    return build_processor(f"{kind}/test", config, following, used)  # type: ignore[arg-type]  # of its kind


def process(
    kind: str, configuration: str, payload: str, context: RequestContext = NO_CONTEXT
) -> Result:
    """Return what a processor makes of a payload."""
    sink = SinkConsumer()
    build(kind, configuration, sink).consume(batch(payload, context=context))
    if not sink.batches:
        return Result(NOTHING, ())
    [taken] = sink.batches
    return Result(
        written(taken, sort_points=True),
        tuple(write_metric(metric, sort_points=True) for _, _, metric in sink.metrics()),
    )


def refusal(kind: str, configuration: str) -> str:
    """Return the line with which a file that has this processor is refused, without the position's file name."""
    block = textwrap.indent(textwrap.dedent(configuration).strip("\n") or "{}", "    ")
    text = f"processors:\n  {kind}:\n{block}\nservice: {{pipelines: {{metrics: {{processors: [{kind}]}}}}}}"
    with pytest.raises(InvalidConfigurationError) as raised:
        load_checked(text, {})
    return "\n".join(line.removeprefix("configuration:") for line in raised.value.lines)
