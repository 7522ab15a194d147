"""The memory limiter: when it looks, what it refuses, which settings it takes (otlp.md 4.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from daemon.config.memory_limiter import MemoryLimiterConfig
from daemon.processors.memory_limiter import Machine, MemoryLimiter, build_memory_limiter
from daemon.telemetry import Counters
from receivers.errors import RetryableError
from tests.support.consumers import SinkConsumer
from tests.support.payloads import batch
from tests.support.processing import build, refusal

MIB = 1024 * 1024


@dataclass
class Bench:
    """A limiter on a machine that says what it is told to."""

    config: MemoryLimiterConfig
    limit_mib: int | None = 1000
    now_s: float = 1000.0
    resident_mib: int = 0
    freed_mib: int = 0
    looks: int = 0
    collections: int = 0
    accepted: Counters = field(default_factory=Counters)
    refused: Counters = field(default_factory=Counters)
    sink: SinkConsumer = field(default_factory=SinkConsumer)
    told_to_wait_s: float = 0.0

    def __post_init__(self) -> None:
        self.limiter = self.build()

    def build(self) -> MemoryLimiter:
        return build_memory_limiter(
            "memory_limiter",
            self.config,
            self.sink,
            count_accepted=self.accepted,
            count_refused=self.refused,
            machine=Machine(
                clock=lambda: self.now_s,
                resident_bytes=self._resident,
                limit_bytes=lambda: None if self.limit_mib is None else self.limit_mib * MIB,
                collect=self._collect,
            ),
        )

    def _resident(self) -> int:
        self.looks += 1
        return self.resident_mib * MIB

    def _collect(self) -> None:
        self.collections += 1
        self.resident_mib -= self.freed_mib

    def takes(self, *, resident_mib: int | None = None, after_s: float = 1.0) -> bool:
        self.now_s += after_s
        if resident_mib is not None:
            self.resident_mib = resident_mib
        try:
            self.limiter.consume(batch("gauge m [1, 2, 3]"))
        except RetryableError as error:
            self.told_to_wait_s = error.retry_after_s
            return False
        return True


def limited(**settings: int) -> Bench:
    return Bench(MemoryLimiterConfig(check_interval=1000, **settings))


@pytest.mark.parametrize(
    ("settings", "soft_mib"),
    [
        ({"limit_mib": 4000, "spike_limit_mib": 800}, 3200),
        ({"limit_mib": 100}, 80),
        ({"limit_percentage": 80, "spike_limit_percentage": 25}, 550),
        ({"limit_percentage": 50}, 400),
        ({"limit_mib": 100, "limit_percentage": 90, "spike_limit_percentage": 10}, 80),
    ],
)
def test_soft_limit(settings: dict[str, int], soft_mib: int) -> None:
    """Data are refused from the limit less the spike on, a fifth of the limit unless set; MiB win (165, 172)."""
    bench = limited(**settings)
    assert bench.takes(resident_mib=soft_mib - 1)
    assert not bench.takes(resident_mib=soft_mib)


def test_counts_and_says_so() -> None:
    """Data points are counted as taken or refused; the log has one line when it begins and one when it ends."""
    bench = limited(limit_mib=100)
    with capture_logs() as logs:
        answers = [bench.takes(resident_mib=size) for size in (50, 90, 95, 70)]
    assert answers == [True, False, False, True]
    assert bench.told_to_wait_s == 5.0
    assert (bench.accepted.values, bench.refused.values) == (
        {"memory_limiter": 6},
        {"memory_limiter": 6},
    )
    assert [(line["log_level"], line["event"], line["resident_mib"]) for line in logs] == [
        ("warning", "memory is short, refusing data", 90),
        ("info", "memory suffices, taking data", 70),
    ]
    assert len(bench.sink.batches) == 2


def test_looks_once_an_interval() -> None:
    """What was found holds until the next look."""
    bench = limited(limit_mib=100)
    assert bench.takes(resident_mib=10)
    assert bench.takes(resident_mib=99, after_s=0.5)
    assert not bench.takes(after_s=0.5)
    assert not bench.takes(resident_mib=10, after_s=0.9)
    assert bench.takes(after_s=0.1)


def test_collects_before_it_refuses() -> None:
    """Garbage is collected first; if that is enough nobody is refused."""
    bench = limited(limit_mib=100)
    bench.freed_mib = 40
    assert bench.takes(resident_mib=90)
    assert bench.collections == 1
    assert not bench.takes(resident_mib=90)
    assert bench.collections == 1


def test_collection_intervals() -> None:
    """Above the soft limit garbage is collected every 10 s, above the hard one at every look, unless set."""
    bench = limited(limit_mib=100)
    for _ in range(25):
        bench.takes(resident_mib=90)
    assert bench.collections == 3
    for _ in range(5):
        bench.takes(resident_mib=120)
    assert bench.collections == 8


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param("", "check_interval: expected a duration above 0", id="163"),
        pytest.param(
            "check_interval: 1s\nlimit_mib: 100\nspike_limit_mib: 100",
            "5:22: processors.memory_limiter.spike_limit_mib: expected less than limit_mib",
            id="166",
        ),
        pytest.param(
            "check_interval: 1s\nlimit_percentage: 50\nspike_limit_percentage: 60",
            "5:29: processors.memory_limiter.spike_limit_percentage: expected less than limit_percentage",
            id="168",
        ),
        pytest.param(
            "limit_mib: 100",
            "processors.memory_limiter.check_interval: expected a duration above 0",
            id="169",
        ),
        pytest.param(
            "check_interval: 1s\nlimit_mib: 100\nmin_gc_interval_when_soft_limited: 1s\n"
            "min_gc_interval_when_hard_limited: 2s",
            "6:40: processors.memory_limiter.min_gc_interval_when_hard_limited: expected at most min_gc",
            id="171",
        ),
        pytest.param("check_interval: 1s", "needs limit_mib or limit_percentage", id="no limit"),
        pytest.param(
            "check_interval: 1s\nlimit_percentage: 101",
            "expected at most 100, got 101",
            id="over 100",
        ),
        pytest.param("check_interval: 1\nlimit_mib: 9", "1 has no unit: write 1s", id="no unit"),
    ],
)
def test_refused_at_start(configuration: str, expected: str) -> None:
    """Settings that do not fit together stop the start (163 to 171)."""
    assert expected in refusal("memory_limiter", configuration)


def test_a_machine_that_does_not_tell() -> None:
    """A percentage of an unknown memory is refused."""
    with pytest.raises(Exception, match="write limit_mib") as raised:
        Bench(MemoryLimiterConfig(check_interval=1000, limit_percentage=80), limit_mib=None)
    assert raised.value.path == ("limit_percentage",)  # type: ignore[attr-defined]  # a ConfigError


def test_on_this_machine() -> None:
    """With what this machine says about itself a generous limit lets data through."""
    sink = SinkConsumer()
    configuration = "{check_interval: 1s, limit_mib: 1000000}"
    build("memory_limiter", configuration, sink).consume(batch("gauge m [1]"))
    assert len(sink.batches) == 1
