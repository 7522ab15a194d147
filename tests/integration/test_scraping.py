"""Targets that are scraped, through the whole daemon: to KEDA's answers, to `up`, through reloads."""

from __future__ import annotations

import contextlib
import gzip
import resource
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
import trustme
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tests.support.backends import HttpBackend, hang_up, http_backend, status
from tests.support.running_app import RunningApp, running_app
from tests.support.scraping import Scrapes, page_of, text

pytestmark = pytest.mark.integration

NOW_MS = 1_730_500_000_000
INTERVAL_MS = 15_000
CONFIG = """
receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: app
          scrape_interval: 15s
          static_configs:
            - targets: [{targets}]
              labels: {{zone: a}}
"""
RATE = {"metricQuery": "sum(rate(jobs_total[1m]))", "targetValue": "1"}


def address(backend: HttpBackend) -> str:
    return backend.url.removeprefix("http://")


def configured(*backends: HttpBackend) -> str:
    return CONFIG.format(targets=", ".join(f'"{address(one)}"' for one in backends))


async def ask(run: RunningApp, query: str) -> dict[str, float]:
    """Return what the HTTP API answers, by labels."""
    url = f"http://127.0.0.1:{run.app.ports['http_api']}/api/v1/query"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data={"query": query}) as answer,
    ):
        found = (await answer.json())["data"]["result"]
    return {_shown(one["metric"]): float(one["value"][1]) for one in found}


def _shown(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


async def test_keda_scales_by_a_page() -> None:
    """30 jobs in each interval of 15 s are 2 a second: KEDA is told so, from a page of prometheus-client."""
    registry = CollectorRegistry()
    jobs = Counter("jobs", "Jobs done", ["queue"], registry=registry)
    jobs.labels("a").inc(1000)
    async with (
        http_backend(page_of(registry)) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
        run.keda(
            {"metricQuery": "sum(jobs_total)", "operationOverTime": "rate", "targetValue": "1"}
        ) as keda,
        run.keda({**RATE, "metricQuery": "avg(jobs_total)", "operationOverTime": "rate"}) as other,
    ):
        scrapes = Scrapes(run)
        for _ in range(7):
            await scrapes.next()
            jobs.labels("a").inc(30)
        assert await keda.outcome() == 2.0
        assert await other.outcome() == 2.0
        instance = address(backend)
        rate = await ask(run, "sum by (job) (rate(jobs_total[1m]))")
        assert rate == {"job=app": pytest.approx(2.0)}
        up = await ask(run, f'up{{job="app",instance="{instance}"}}')
        assert up == {f"__name__=up,instance={instance},job=app,zone=a": 1.0}
        page = run.page()
    assert page['tallyd_scrape_targets{health="up",receiver="prometheus"}'] == 1
    assert (
        page[
            'otelcol_receiver_accepted_metric_points_total{receiver="prometheus",transport="http"}'
        ]
        > 0
    )


async def test_what_prometheus_tells_of_a_scrape() -> None:
    """How many samples there were, how many of them are new, under the target's labels."""
    pages = text("a 1\nb 2\n"), text("a 1\nb 2\nc 3\n")
    async with (
        http_backend(*pages) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
    ):
        scrapes = Scrapes(run)
        told = []
        for _ in range(3):
            await scrapes.next()
            told.append(await ask(run, '{__name__=~"scrape_samples.*|scrape_series.*"}'))
    names = (
        "scrape_samples_post_metric_relabeling",
        "scrape_samples_scraped",
        "scrape_series_added",
    )
    labels = f"instance={address(backend)},job=app,zone=a"
    assert told == [
        {f"__name__={name},{labels}": value for name, value in zip(names, values, strict=True)}
        for values in ((2, 2, 2), (3, 3, 1), (3, 3, 0))
    ]


async def test_every_kind_of_metric() -> None:
    """Histograms with their buckets, as soon as somebody asks for them, and gauges: as Prometheus would have them."""
    registry = CollectorRegistry()
    seconds = Histogram("seconds", "How long", buckets=[1, 2], registry=registry)
    Gauge("depth", "How deep", registry=registry).set(7)
    for value in (0.5, 1.5, 5):
        seconds.observe(value)
    async with (
        http_backend(page_of(registry)) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
    ):
        scrapes = Scrapes(run)
        await ask(run, "seconds_bucket")
        await scrapes.next()
        buckets = await ask(run, "sum by (le) (seconds_bucket)")
        rest = await ask(run, "sum(seconds_sum) + sum(seconds_count) + sum(depth)")
    assert (buckets, rest) == ({"le=1": 1, "le=2": 2, "le=+Inf": 3}, {"": 17})


async def test_a_target_that_is_down() -> None:
    """Its series are gone at once, `up` is 0; the log says so once, and once when it is back."""
    page, broken = text("a 1\n"), status(500)
    async with (
        http_backend(page, broken, broken, page) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
    ):
        scrapes = Scrapes(run)
        seen = []
        with structlog.testing.capture_logs() as lines:
            for pages in (1, 0, 0, 1):
                await scrapes.next(pages=pages)
                seen.append((await ask(run, "sum(up)"), await ask(run, "sum(a)")))
        counted = run.page()['tallyd_scrape_failures_total{reason="status",receiver="prometheus"}']
    up = {"": 1.0}, {"": 1.0}
    assert (seen, counted) == ([up, ({"": 0.0}, {}), ({"": 0.0}, {}), up], 2)
    told = [(one["event"], one.get("error")) for one in lines if one["event"].startswith("target")]
    assert told == [
        ("target is down", "the target answered HTTP status 500 Internal Server Error"),
        ("target is up", None),
    ]


async def test_a_lost_page_costs_keda_nothing() -> None:
    """A scrape that fails is a gap: the rate holds meanwhile and is whole again with the next page."""
    registry = CollectorRegistry()
    jobs = Counter("jobs", "Jobs done", registry=registry)
    page = page_of(registry)
    async with (
        http_backend(*[page] * 7, status(503), page) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
        run.keda(
            {"metricQuery": "sum(jobs_total)", "operationOverTime": "rate", "targetValue": "1"}
        ) as keda,
    ):
        scrapes = Scrapes(run)
        answers = []
        for pages in (1, 1, 1, 1, 1, 1, 1, 0, 1, 1):
            await scrapes.next(pages=pages)
            jobs.inc(30)
            answers.append(await keda.outcome())
    assert answers[-4:] == [2.0] * 4


async def test_a_lost_page_is_no_zero() -> None:
    """KEDA is told the last value of a gauge until the target must be gone; PromQL has none, as in Prometheus."""
    page = text("depth 7\n")
    async with (
        http_backend(page, page, status(503), page, status(503)) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
        run.keda({"metricQuery": "sum(depth)", "targetValue": "1"}) as keda,
    ):
        scrapes = Scrapes(run)
        answers = []
        for pages in (1, 1, 0, 1, 0):
            await scrapes.next(pages=pages)
            answers.append((await keda.outcome(), await ask(run, "sum(depth)")))
        await scrapes.next(pages=0)
        await scrapes.next(pages=0)
        assert await keda.outcome() == 0.0
    there = (7.0, {"": 7.0})
    assert answers == [there, there, (7.0, {}), there, (7.0, {})]


async def test_a_gauge_that_leaves_the_page() -> None:
    """What the target itself does not tell any more is gone for KEDA too, at once."""
    async with (
        http_backend(text("depth 7\na 1\n"), text("a 1\n")) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
        run.keda({"metricQuery": "sum(depth)", "targetValue": "1"}) as keda,
    ):
        scrapes = Scrapes(run)
        await scrapes.next()
        before = await keda.outcome()
        await scrapes.next()
        assert (before, await keda.outcome()) == (7.0, 0.0)


async def test_a_target_that_stays_away_ends() -> None:
    """After an interval and 5 s its sender has ended: rates decay with the window, as a pod's that went away."""
    registry = CollectorRegistry()
    jobs = Counter("jobs", "Jobs done", registry=registry)
    page = page_of(registry)
    async with (
        http_backend(*[page] * 6, status(503)) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
        run.keda(
            {"metricQuery": "sum(jobs_total)", "operationOverTime": "rate", "targetValue": "1"}
        ) as keda,
    ):
        scrapes = Scrapes(run)
        for _ in range(6):
            await scrapes.next()
            jobs.inc(30)
        for _ in range(7):
            await scrapes.next(pages=0)
        assert await keda.outcome() == 0.0
        assert await ask(run, "sum(up)") == {"": 0.0}
        assert run.page()["tallyd_windows_ended_senders_total"] == 1


async def test_a_series_that_is_gone_from_the_page() -> None:
    """It ends with the first page without it; the others stay."""
    async with (
        http_backend(text('a{x="1"} 1\na{x="2"} 2\n'), text('a{x="2"} 2\n')) as backend,
        running_app(configured(backend), at_ms=NOW_MS) as run,
    ):
        scrapes = Scrapes(run)
        await scrapes.next()
        before = await ask(run, "sum by (x) (a)")
        await scrapes.next()
        after = await ask(run, "sum by (x) (a)")
    assert (before, after) == ({"x=1": 1, "x=2": 2}, {"x=2": 2})


async def test_other_targets_by_a_reload() -> None:
    """A target more is scraped at once, the one that stays does not notice, one that is gone ends."""
    async with (
        http_backend(text("a 1\n")) as one,
        http_backend(text("a 2\n")) as two,
        running_app(configured(one), at_ms=NOW_MS) as run,
    ):
        scrapes = Scrapes(run)
        await scrapes.next()
        outcome = await run.reload(configured(one, two))
        scrapes.targets = 2
        await scrapes.next()
        both = await ask(run, "a")
        await run.at(run.time.clock() + 1)
        await run.reload(configured(two))
        gone = await ask(run, "a"), await ask(run, "count(up)")
        scrapes.targets = 1
        await scrapes.next()
        await run.reload("")
        asked = len(one.seen), len(two.seen)
        await run.at(run.time.clock() + INTERVAL_MS)
        nothing = await ask(run, "a"), await ask(run, "up")
    assert outcome == ("", [])
    assert set(both.values()) == {1.0, 2.0}
    assert gone == ({f"__name__=a,instance={address(two)},job=app,zone=a": 2.0}, {"": 1.0})
    assert (asked, nothing) == ((2, 2), ({}, {}))


async def test_targets_over_http() -> None:
    """`/api/v1/targets` tells what is scraped, as Prometheus does; the doctor names what is down."""
    async with (
        http_backend(text("a 1\n")) as good,
        http_backend(status(404)) as bad,
        running_app(configured(good, bad), at_ms=NOW_MS) as run,
    ):
        before = await _targets(run)
        await Scrapes(run, targets=2).next(pages=1)
        after = {one["labels"]["instance"]: one for one in await _targets(run)}
        dropped = await _targets(run, state="dropped")
        other = await _targets(run, scrapePool="other")
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{_api(run)}/tallyd/doctor") as answer,
        ):
            findings = [one["what"] for one in (await answer.json())["data"]]
    assert {(one["health"], one["lastScrape"]) for one in before} == {
        ("unknown", "0001-01-01T00:00:00Z")
    }
    problem = "the target answered HTTP status 404 Not Found"
    told = {name: (one["health"], one["lastError"]) for name, one in after.items()}
    assert told == {address(good): ("up", ""), address(bad): ("down", problem)}
    shown = after[address(good)]
    assert shown["labels"] == {"zone": "a", "job": "app", "instance": address(good)}
    assert (shown["scrapePool"], shown["scrapeUrl"]) == ("app", f"{good.url}/metrics")
    assert (shown["scrapeInterval"], shown["scrapeTimeout"]) == ("15s", "10s")
    assert (dropped, other) == ([], [])
    assert f"the target {bad.url}/metrics of the job app is down: {problem}" in findings


def _api(run: RunningApp) -> str:
    return f"http://127.0.0.1:{run.app.ports['http_api']}/api/v1"


async def _targets(run: RunningApp, **parameters: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{_api(run)}/targets", params=parameters) as answer,
    ):
        active: list[dict[str, Any]] = (await answer.json())["data"]["activeTargets"]
        return active


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("basic_auth: {{username: u, password_file: {file}}}", "Basic dTpzZXNhbWU="),
        ("authorization: {{type: Token, credentials_file: {file}}}", "Token sesame"),
        ("authorization: {{credentials: c}}", "Bearer c"),
        ("bearer_token_file: {file}", "Bearer sesame"),
        ("bearer_token: t", "Bearer t"),
        ("params: {{q: [b, a]}}", None),
    ],
)
async def test_how_a_target_is_asked(settings: str, expected: str | None, tmp_path: Path) -> None:
    """With the credentials of the operator, from a file as it is at that time."""
    file = tmp_path / "secret"
    async with http_backend(text("a 1\n")) as backend:
        job = f"scrape_interval: 15s\n          {settings.format(file=file)}"
        configuration = configured(backend).replace("scrape_interval: 15s", job)
        async with running_app(configuration, at_ms=NOW_MS) as run:
            file.write_text("sesame\n")
            await Scrapes(run).next()
    assert backend.seen[0].headers.get("authorization") == expected


async def test_a_target_over_tls(tmp_path: Path) -> None:
    """Whom `ca_file` vouches for is scraped, by the name that it is said to have."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("shop.example").configure_cert(server)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    tls = f"scheme: https\n          tls_config: {{ca_file: {tmp_path}/ca.crt, server_name: shop.example}}"
    async with http_backend(text("a 1\n"), ssl=server) as backend:
        job = CONFIG.format(targets=f'"{backend.url.removeprefix("https://")}"')
        job = job.replace("scrape_interval: 15s", f"scrape_interval: 15s\n          {tls}")
        async with running_app(job, at_ms=NOW_MS) as run:
            await Scrapes(run).next()
            up = await ask(run, "sum(up)")
    assert up == {"": 1.0}


def test_who_does_not_scrape_pays_nothing() -> None:
    """Parsers of pages and loops of targets are loaded by who has targets."""
    script = "import sys, daemon.app; print([m for m in sys.modules if m.startswith(('receivers.prometheus.', 'prometheus_client'))])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


async def test_hostile_targets() -> None:
    """Whatever targets answer, each costs itself alone: the good one among them is scraped, and memory is bounded."""
    bomb = status(200, gzip.compress(b"a 1\n" * 10_000_000), Content_Encoding="gzip")
    labels = text("a{" + ",".join(f'l{i}="v"' for i in range(100_000)) + "} 1\n")
    noise = status(200, b"\xff\xfe\x00" * 1000, Content_Type="text/plain")
    async with contextlib.AsyncExitStack() as stack:
        answers = (bomb, labels, noise, hang_up, text("good 1\n"))
        backends = [await stack.enter_async_context(http_backend(one)) for one in answers]
        run = await stack.enter_async_context(running_app(configured(*backends), at_ms=NOW_MS))
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await Scrapes(run, targets=5).next(pages=1)
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
        found = await ask(run, "sum(up)"), await ask(run, "count(up)"), await ask(run, "sum(good)")
        failures = {name: value for name, value in run.page().items() if "scrape_failures" in name}
    assert found == ({"": 1.0}, {"": 5.0}, {"": 1.0})
    assert {name.split('"')[1]: value for name, value in failures.items()} == {
        "too_large": 1,
        "malformed": 2,
        "connection": 1,
    }
    assert grown_kb < 60 * 1024
