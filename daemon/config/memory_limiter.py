"""Settings of the memory limiter: `processors.memory_limiter` (otlp.md 4.5).

How the settings fit together is checked when it is built.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from daemon.config.fields import DurationMs
from daemon.config.markers import Field

Percentage = Annotated[int, Field(ge=0, le=100)]
"""Of the memory that the process may take; 0 is not set."""

MiB = Annotated[int, Field(ge=0)]
"""0 is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimiterConfig:
    """What users write below `processors.memory_limiter`."""

    check_interval: DurationMs = 0
    """How often the process's memory is looked at; must be given."""
    limit_mib: MiB = 0
    """What the process may take; wins over the percentage."""
    spike_limit_mib: MiB = 0
    """Data are refused from the limit less this on; 0 is a fifth of the limit."""
    limit_percentage: Percentage = 0
    """Of the container's limit, or of the machine's memory where there is none."""
    spike_limit_percentage: Percentage = 0
    min_gc_interval_when_soft_limited: DurationMs = 10_000
    """Between two collections of garbage while data are refused."""
    min_gc_interval_when_hard_limited: DurationMs = 0
    """The same above the limit itself."""
