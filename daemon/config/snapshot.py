"""Settings of the snapshot: `extensions.snapshot`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from daemon.config.fields import DurationMs, rejected, shown
from daemon.config.markers import AfterValidator, BeforeValidator

_LEAST_INTERVAL_MS = 1_000


def _parse_path(value: object) -> str:
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise rejected(
            f"expected the absolute path of a file, such as /var/lib/tallyd/snapshot, got {shown(value)}"
        )
    return value


def _parse_interval(value: int) -> int:
    if value < _LEAST_INTERVAL_MS:
        raise rejected("expected at least 1s")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotConfig:
    """What users write below `extensions.snapshot`."""

    path: Annotated[str, BeforeValidator(_parse_path)] = "/var/lib/tallyd/snapshot"
    """The file; its folder must be there and be writable, and outlive the process."""
    interval: Annotated[DurationMs, AfterValidator(_parse_interval)] = 10_000
    """Time between two snapshots; there is a last one at SIGTERM."""
