"""What the debug exporter writes."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from daemon.config.debug_exporter import DebugExporterConfig
from daemon.exporters.counts import ExporterCounts
from daemon.exporters.debug import MAX_LINES, Debug, Sampling
from daemon.exporters.debug_text import detailed_lines, normal_lines
from daemon.telemetry import SelfMetrics
from tests.support.consumers import Counts
from tests.support.payloads import batch, payload

NORMAL = {
    "gauge temp [1.5{room=a}]": "temp{room=a} 1.5",
    "chist lat [h(6;12.5;0.1,1;1,2,3){m=GET}]": "lat{m=GET} count=6 sum=12.5 le0.1=1 le1=2 3",
    "summ sm [q(4;8;0.5=2,0.99=3)]": "sm{} count=4 sum=8.000000 q0.5=2 q0.99=3",
    "cexp ex [e(0;1;0;0:2;;5)]": "ex{} count=3 sum=5 zero=1 le2=2",
    "gauge i [5]": "i{} 5",
    "gauge n [null]": "n{} ",
}


@pytest.mark.parametrize(("text", "expected"), NORMAL.items())
def test_normal(text: str, expected: str) -> None:
    """A data point is a line; counts of buckets are their own."""
    assert list(normal_lines(payload(text)))[-1] == expected


def test_normal_resource_and_scope() -> None:
    """Resource and scope are lines too."""
    lines = list(normal_lines(payload("R{a=1} S sc@2{b=x} gauge m [1]")))
    assert lines == ["ResourceMetrics #0 a=1", "ScopeMetrics #0 sc@2 b=x", "m{} 1"]


def test_detailed() -> None:
    """Every field is a line: attributes with their type, doubles with six decimals."""
    lines = list(detailed_lines(payload('R{a=1} S sc@2 csum m "By" [1.5{k=v,b=true}@1^0]')))
    assert lines == [
        "ResourceMetrics #0",
        "Resource SchemaURL: ",
        "Resource attributes:",
        "     -> a: Int(1)",
        "ScopeMetrics #0",
        "ScopeMetrics SchemaURL: ",
        "InstrumentationScope sc 2",
        "Metric #0",
        "Descriptor:",
        "     -> Name: m",
        "     -> Description: ",
        "     -> Unit: By",
        "     -> DataType: Sum",
        "     -> IsMonotonic: true",
        "     -> AggregationTemporality: Cumulative",
        "NumberDataPoints #0",
        "Data point attributes:",
        "     -> k: Str(v)",
        "     -> b: Bool(true)",
        "StartTimestamp: 2023-11-14 22:13:20 +0000 UTC",
        "Timestamp: 2023-11-14 22:13:21 +0000 UTC",
        "Value: 1.500000",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "chist h [h(6;12.5;0.1,1;1,2,3;0;9)]",
        "cexp e [e(0;1;0.5;0:2;-1:1;5)!1]",
        "summ s [q(4;8;0.5=2)]",
        "cexp e [e(-10;0;0;1:2)]",
    ],
)
def test_detailed_kinds(text: str) -> None:
    """Every kind of data point can be told."""
    assert any(line.startswith("Count: ") for line in detailed_lines(payload(text)))


def test_sampling() -> None:
    """The first few of a second are told, then every so many-th, and the next second begins anew."""
    sampling = Sampling(2, 3)
    assert [sampling.tells(0) for _ in range(9)] == [
        True,
        True,
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert sampling.tells(1000)
    never = Sampling(1, 0)
    assert [never.tells(0) for _ in range(3)] == [True, False, False]


async def told(text: str, **settings: Any) -> tuple[list[Any], str]:
    """The log lines, and what went to standard output."""
    out: list[str] = []
    exporter = Debug(
        "debug",
        DebugExporterConfig(**settings),
        counts=ExporterCounts(SelfMetrics(), "debug"),
        count_failures=Counts(),
        clock=lambda: 0,
        sleep=_no_sleep,
        write=out.append,
    )
    with structlog.testing.capture_logs() as logs:
        await exporter.start()
        exporter.consume(batch(text))
        await exporter.stop()
        await exporter.stop()
    return logs, "".join(out)


async def _no_sleep(_seconds: float) -> None:
    raise AssertionError


async def test_basic() -> None:
    """Basic is one line with three numbers."""
    logs, out = await told("gauge m [1, 2] gauge n [3]")
    expected = {"exporter": "debug", "resource_metrics": 1, "metrics": 2, "data_points": 3}
    assert logs == [{"event": "metrics", "log_level": "info", **expected}]
    assert out == ""


async def test_to_standard_output() -> None:
    """Without the internal logger the text goes to `output_paths`."""
    logs, out = await told("gauge m [1]", verbosity="normal", use_internal_logger=False)
    assert logs == []
    assert out.splitlines()[0] == "debug resource_metrics=1 metrics=1 data_points=1"
    assert out.splitlines()[-1] == "m{} 1"


async def test_bounded() -> None:
    """A message of any size is told in so many lines, and that it was longer is said."""
    points = ", ".join("1" for _ in range(MAX_LINES))
    logs, _ = await told(f"gauge m [{points}]", verbosity="normal")
    lines = logs[0]["text"].splitlines()
    assert len(lines) == MAX_LINES + 1
    assert lines[-1].startswith("and more")
