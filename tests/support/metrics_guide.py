"""What docker/guides/metrics.md says of each self-metric; tests/integration/test_metrics_guide.py keeps it true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

GUIDE = Path(__file__).parent.parent.parent / "docker" / "guides" / "metrics.md"


class Row(NamedTuple):
    """What the guide says of a metric."""

    kind: str
    labels: set[str]
    meaning: str


def documented() -> dict[str, Row]:
    """Return the rows of all tables by metric name."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.+) \|$", GUIDE.read_text(), re.MULTILINE)
    assert len(rows) == len({name for name, *_ in rows})
    return {
        name: Row(kind, {one for one in labels.split(", ") if one}, meaning)
        for name, kind, labels, meaning in rows
    }


def series_names() -> dict[str, set[str]]:
    """Return what Prometheus makes of it: name -> labels; three names of a histogram."""
    series: dict[str, set[str]] = {}
    for name, row in documented().items():
        if row.kind != "histogram":
            series[name] = row.labels
            continue
        series[f"{name}_bucket"] = row.labels | {"le"}
        series[f"{name}_sum"] = series[f"{name}_count"] = row.labels
    return series
