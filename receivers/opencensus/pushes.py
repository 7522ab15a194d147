"""What pushes tell of a sidecar's page: how metrics are called, since when they count, and whose page it is."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NamedTuple

from receivers.consumer import Batch
from receivers.errors import DecodeError
from receivers.model import MetricHeader, MetricType, Resource, ResourceMetrics, Scope, ScopeMetrics
from receivers.opencensus.decode import Layout, WireMetric
from receivers.opencensus.page import PageMetric, families
from receivers.opencensus.page_names import Naming, Reader, name_on_page

MAX_NAMES: Final = 4_096
"""Of one sender, and of all together; daprd has 79."""
MAX_START_DIFFERENCE_S: Final = 10.0
"""Between the start of the process as its page and as its Node tell it: a slow start, and the machine's clock."""
APP_ID: Final = "app_id"
_PROCESS_START: Final = "process_start_time_seconds"
_NODE_START: Final = "opencensus.starttime"
_SCOPE: Final = Scope()
_WHAT: Final = "sidecar's page of metrics"


class _Known(NamedTuple):
    """What pushes have told of one metric of a sender."""

    naming: Naming
    start_unix_nano: int
    """0 until a row was pushed."""


class Names:
    """What metrics are called on pages, told by the pushes of any sidecar and bounded."""

    def __init__(self) -> None:
        self._by_header: dict[MetricHeader, Naming] = {}
        self.by_name: dict[str, Naming] = {}

    def of(self, layout: Layout) -> Naming:
        """Return what the metric of `layout` is called; the same object for the same header."""
        naming = self._by_header.get(layout.header)
        if naming is None:
            if len(self._by_header) >= MAX_NAMES:
                self._by_header.clear()
                self.by_name.clear()
            naming = self._by_header[layout.header] = name_on_page(layout)
            self.by_name[naming.name] = naming
        return naming


class Pushes:
    """What one sender has told; it learns from batches whose points are on the wire still."""

    def __init__(self, names: Names, resource: Resource) -> None:
        """Begin with what other senders have told; `resource` is that of the sender's Node."""
        self.resource = resource
        self._names = names
        self._by_name: dict[str, _Known] = {}
        self._twice: set[str] = set()
        self._app: tuple[str, str] | None = None
        """A name on the page, and the `app_id` that its rows have."""

    @property
    def is_readable(self) -> bool:
        """Whether anything is known that could be on the page."""
        return bool(self._by_name or self._names.by_name)

    def learn(self, batch: Batch) -> None:
        """Take over the resource, new names, and the start of metrics that have rows for the first time."""
        if not batch.resource_metrics:
            return
        group = batch.resource_metrics[0]  # metrics with a resource of their own are not daprd's
        self.resource = group.resource
        for scope_metrics in group.scope_metrics:
            for metric in scope_metrics.metrics:
                if isinstance(metric, WireMetric):
                    self._learn(metric)

    def read(self, text: str, at_unix_nano: int, reader: Reader) -> list[ResourceMetrics]:
        """Return the sender's metrics as the page has them; those that are not on it have no rows.

        Before the sender has pushed they are those that any sidecar has pushed, and count from the start of the process;
        none at all as long as none of them is on the page, for it need not be a sidecar's.

        Raises:
            DecodeError: it is no page of the process that pushes.
        """
        lines_of = families(text)
        self._check_process(lines_of.get(_PROCESS_START, ""))
        self._check_pushed(lines_of)
        if not self._by_name and not lines_of.keys() & self._names.by_name.keys():
            return []
        known = self._by_name or self._supposed()
        metrics = [
            PageMetric(
                one.naming, lines_of.get(name, ""), one.start_unix_nano, at_unix_nano, reader
            )
            for name, one in known.items()
        ]
        return [ResourceMetrics(self.resource, [ScopeMetrics(_SCOPE, [*metrics])])]

    def _learn(self, metric: WireMetric) -> None:
        naming = self._names.of(metric.layout)
        name, start_unix_nano = naming.name, 0
        known = self._by_name.get(name)
        if known is None:
            if name in self._twice or len(self._by_name) >= MAX_NAMES:
                return
        elif known.naming is naming:
            if known.start_unix_nano or not metric.series_count:
                return
        elif known.naming.header.name != naming.header.name:
            # Two names that are one on the page: nobody can tell whose rows these are.
            self._twice.add(name)
            del self._by_name[name]
            return
        else:
            start_unix_nano = known.start_unix_nano
        if metric.series_count:
            start_unix_nano = start_unix_nano or metric.first_start_unix_nano()
            self._learn_app(metric, name)
        self._by_name[name] = _Known(naming, start_unix_nano)

    def _learn_app(self, metric: WireMetric, name: str) -> None:
        """Note the `app_id` of a metric that has no other label: those values are never shifted."""
        if self._app is not None or metric.layout.label_keys != (APP_ID,):
            return
        for row in metric.rows():
            value = metric.describe(row.key)[0].get(APP_ID)
            if isinstance(value, str):
                self._app = (name, value)
                return

    def _supposed(self) -> dict[str, _Known]:
        start_unix_nano = int((_node_start_s(self.resource) or 0) * 1000) * 1_000_000
        by_name = self._names.by_name
        return {name: _Known(naming, start_unix_nano) for name, naming in by_name.items()}

    def _check_process(self, lines: str) -> None:
        """Raise DecodeError if the page tells another start than the Node: several processes behind one address."""
        told_s = _node_start_s(self.resource)
        found = re.match(rf"{_PROCESS_START} ([0-9.e+]{{1,32}})(?:\n|\Z)", lines)
        try:
            found_s = float(found[1]) if found is not None else None
        except ValueError:
            found_s = None
        if found_s is None or told_s is None:
            if self._app is None:
                raise DecodeError(_WHAT, "neither start nor app_id tell whose it is")
            return
        difference_s = abs(found_s - told_s)
        if difference_s > MAX_START_DIFFERENCE_S:
            raise DecodeError(
                _WHAT,
                f"it is that of a process that started {difference_s:.0f} s before or after the sidecar that pushes",
            )

    def _check_pushed(self, lines_of: dict[str, str]) -> None:
        """Raise DecodeError if something that is pushed is not on the page, or another app's."""
        for name, one in self._by_name.items():
            if one.start_unix_nano and not lines_of.get(name):
                raise DecodeError(_WHAT, f"{name}, which the sidecar pushes, is not on it")
            if one.start_unix_nano and one.naming.header.type is MetricType.SUMMARY:
                raise DecodeError(_WHAT, f"{name} is a summary, which no sidecar has")
        if self._app is not None:
            name, app_id = self._app
            if f'{APP_ID}="{_escaped(app_id)}"' not in lines_of.get(name, ""):
                raise DecodeError(_WHAT, f"it is not that of the app {app_id}, which pushes")


def _node_start_s(resource: Resource) -> float | None:
    """Return when the process began, as its Node tells."""
    told = resource.attributes.get(_NODE_START)
    try:
        return datetime.fromisoformat(told).timestamp() if isinstance(told, str) else None
    except ValueError:
        return None


def _escaped(value: str) -> str:
    """Return a label's value as a page writes it between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
