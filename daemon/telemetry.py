"""What the process says about itself: self-metrics, and tasks that are not allowed to die in silence."""

from __future__ import annotations

import asyncio
import platform
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TypeVar

import structlog

from daemon.exposition import Family, format_page, process_families
from daemon.measuring import Distribution, Histograms

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_FIRST_PAUSE_S = 0.5
_LAST_PAUSE_S = 30.0


class Counters:
    """A counter for each reason, handed out to parts as plain `count(reason, amount)`; one thread only."""

    def __init__(self) -> None:
        self.values: Counter[str] = Counter()

    def __call__(self, reason: str, amount: int) -> None:
        """Add `amount` to the counter of `reason`."""
        self.values[str(reason)] += amount

    def keep(self, reasons: Container[str]) -> None:
        """Forget all other counters: what counted them is no more."""
        for reason in [*self.values]:
            if reason not in reasons:
                del self.values[reason]


@dataclass(slots=True)
class _Family:
    """One metric of the page and who is asked for its samples."""

    documentation: str
    kind: str
    readers: list[Callable[[], Iterable[tuple[dict[str, str], float | Distribution]]]] = field(
        default_factory=list
    )


class SelfMetrics:
    """The page of self-metrics; all is read when the page is asked for, so that counting stays an addition."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._counters: dict[tuple[object, ...], Counters] = {}
        self._gauges: dict[tuple[object, ...], Callable[[], float]] = {}
        self._histograms: dict[tuple[object, ...], Histograms] = {}
        self._pages = 0
        """How often all was read."""
        self.gauge(
            "tallyd_build_info",
            "Always 1; the labels tell what runs",
            lambda: 1,
            version=version("tallyd"),
            python=platform.python_version(),
            numpy=version("numpy"),
            grpc=version("grpcio"),
        )

    def counters(
        self, name: str, documentation: str, *, label: str = "reason", **labels: str
    ) -> Counters:
        """Return counters shown as `name_total{label="<reason>", <labels>}`, each from its first count on.

        The same ones for the same name and labels: a part that is built anew goes on counting.
        """
        key = (name, label, *labels.items())
        counters = self._counters.get(key)
        if counters is None:
            counters = self._counters[key] = Counters()
            self.mapping(name, documentation, lambda: counters.values, label=label, **labels)
        return counters

    def announce(self, name: str, documentation: str, kind: str = "counter") -> None:
        """Show that there is such a metric, before anything was counted."""
        self._family(name, documentation, kind)

    def mapping(
        self,
        name: str,
        documentation: str,
        read: Callable[[], Mapping[str, float]],
        *,
        label: str = "reason",
        **labels: str,
    ) -> None:
        """Show counters that somebody else keeps: `name_total{label="<key>", <labels>}`."""
        self._family(name, documentation, "counter").readers.append(
            lambda: [({label: key, **labels}, value) for key, value in read().items()]
        )

    def table(
        self, prefix: str, documentation: Mapping[str, str], read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Show counters that somebody else keeps, each under a name of its own: `prefix_<key>_total`."""
        for key, text in documentation.items():
            self._family(f"{prefix}_{key}", text, "counter").readers.append(
                lambda key=key: [({}, read().get(key, 0))]  # type: ignore[misc]  # bound now
            )

    def gauge(
        self, name: str, documentation: str, read: Callable[[], float], **labels: str
    ) -> None:
        """Show a value that is read when the page is asked for; the last `read` counts for the same name and labels."""
        key = (name, *sorted(labels.items()))
        if key not in self._gauges:
            self._family(name, documentation, "gauge").readers.append(
                lambda: [(labels, self._gauges[key]())]
            )
        self._gauges[key] = read

    def gauges(
        self,
        name: str,
        documentation: str,
        read: Callable[[], Iterable[tuple[dict[str, str], float]]],
    ) -> None:
        """Show values that come and go, as (labels, value); no labels twice."""
        self._family(name, documentation, "gauge").readers.append(read)

    def once(self, read: Callable[[], _T]) -> Callable[[], _T]:
        """Return `read` for several metrics that show parts of what it returns: it is called once for each page."""
        page, value = self._pages, read()

        def ask() -> _T:
            nonlocal page, value
            if page != self._pages:
                page, value = self._pages, read()
            return value

        return ask

    def histograms(self, name: str, documentation: str, *, label: str, **labels: str) -> Histograms:
        """Return distributions of seconds shown as `name{label="<key>", <labels>}`; the same ones for the same arguments."""
        key = (name, label, *labels.items())
        histograms = self._histograms.get(key)
        if histograms is None:
            histograms = self._histograms[key] = Histograms()
            self._family(name, documentation, "histogram").readers.append(
                lambda: [
                    ({label: key, **labels}, one.copy()) for key, one in histograms.values.items()
                ]
            )
        return histograms

    def families(self) -> list[Family]:
        """Return all that is known at this moment; nothing of it changes later."""
        self._pages += 1
        own = [
            Family(
                name,
                family.documentation,
                family.kind,
                [sample for read in family.readers for sample in read()],
            )
            for name, family in self._families.items()
        ]
        return own + process_families()

    def page(self) -> bytes:
        """Return the page in Prometheus' text format."""
        return format_page(self.families())

    def _family(self, name: str, documentation: str, kind: str) -> _Family:
        return self._families.setdefault(name, _Family(documentation, kind))


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    count: Callable[[str, int], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Await `run()`, and whenever it fails, log, count and begin again after a pause.

    The pause doubles up to 30 s, and begins anew once `run()` has held out longer than that by `clock`, in seconds.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        started_s = clock()
        try:
            await run()
        except Exception:
            if clock() - started_s > _LAST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            log.exception("task failed", task=name, restart_in_s=pause_s)
            count(name, 1)
        else:
            return
        await sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)
