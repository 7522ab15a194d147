"""`tallyd doctor` asks a running tallyd what is wrong, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import pytest
import structlog

from daemon.cli import main
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import RunningApp, running_app
from tests.support.sidecar_page import sidecar_page

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000
DROP_ALL = "processors: {filter: {metrics: {metric: ['true']}}}\nservice: {pipelines: {metrics: {processors: [filter]}}}"


class Doctor:
    """Runs the command against an app."""

    def __init__(self, run: RunningApp, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = f"http://127.0.0.1:{run.app.ports['http_api']}"
        self._capsys = capsys

    async def __call__(self, *options: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["doctor", "--url", self._url, *options])
        return code, self._capsys.readouterr().out

    async def findings(self) -> dict[str, str]:
        """Return what is wrong, by severity and text, and what to do."""
        _, text = await self("--json")
        return {f"{one['severity']}: {one['what']}": one["do"] for one in json.loads(text)}


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[RunningApp], Doctor]]:
    with structlog.testing.capture_logs():  # standard output is the command's alone
        yield lambda run: Doctor(run, capsys)


Doctors = Callable[[RunningApp], Doctor]


def one(findings: dict[str, str], part: str) -> tuple[str, str]:
    """Return the finding that says `part`, and what to do."""
    [found] = [(what, do) for what, do in findings.items() if part in what]
    return found


async def test_nobody_has_reported(doctor: Doctors) -> None:
    """The receivers are named, and where to look; it is an error, so the exit code is 1."""
    async with running_app(at_ms=NOW_S * 1000) as run:
        code, text = await doctor(run)()
    assert code == 1
    assert "no sender has reported since the start" in text
    assert "opencensus" in text
    assert "dapr.io/metrics-push-endpoint" in text


async def test_all_is_well(doctor: Doctors) -> None:
    """A sender reports, KEDA asks and is answered: nothing to say, exit code 0."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
        run.keda({"metricQuery": "count(m)", "targetValue": "1"}) as keda,
    ):
        await sidecar.report(request(ci("m", at=NOW_S)), (NOW_S + 2) * 1000)
        assert await keda.outcome() == 1.0
        code, text = await doctor(run)()
    assert (code, text.endswith(": nothing is wrong\n")) == (0, True)


async def test_a_filter_drops_everything(doctor: Doctors) -> None:
    """Reports come and nothing is kept: the filter is named."""
    async with (
        running_app(DROP_ALL, at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        await sidecar.report(request(ci("m", at=NOW_S)), (NOW_S + 2) * 1000)
        what, do = one(await doctor(run).findings(), "drops every metric")
    assert what.startswith("error: 1 reports have come and nothing of them is kept: filter ")
    assert "tallyd explain --config" in do


async def test_a_filter_that_drops_everything_since_a_reload(doctor: Doctors) -> None:
    """What was kept before does not hide it; a later reload that mends it is believed."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        told = []
        for n, config in enumerate(("", DROP_ALL, "")):
            await run.reload(config)
            at_s = NOW_S + 20 * n
            await sidecar.report(request(ci("m", at=at_s)), (at_s + 2) * 1000)
            told.append([what for what in await doctor(run).findings() if "drops every" in what])
    assert [len(one) for one in told] == [0, 1, 0]
    assert told[1][0].startswith("error: 1 reports have come")


async def test_a_name_that_nobody_reports(doctor: Doctors) -> None:
    """KEDA is told NOT_FOUND: the names that are like it are shown."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
        run.keda({"metricQuery": "sum(requests_totl)", "targetValue": "1"}) as keda,
    ):
        await sidecar.report(request(ci("requests_total", at=NOW_S)), (NOW_S + 2) * 1000)
        assert await keda.outcome() == "NOT_FOUND"
        what, do = one(await doctor(run).findings(), "not_found")
    assert what.startswith("error: default/nodeapp (sum(requests_totl)) is told not_found")
    assert "names like it: requests_total" in do


async def test_labels_that_fit_nothing(doctor: Doctors) -> None:
    """The answer is 0, which is right, and most likely not meant."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
        run.keda({"metricQuery": 'count(m{app="x"})', "targetValue": "1"}) as keda,
    ):
        await sidecar.report(request(ci("m", at=NOW_S)), (NOW_S + 2) * 1000)
        assert await keda.outcome() == 0.0
        what, _ = one(await doctor(run).findings(), "no series fits its labels")
    assert what.startswith("warning: default/nodeapp")


async def test_a_window_shorter_than_two_reports(doctor: Doctors) -> None:
    """The trigger, its window and the interval are named (keda.md 6.3.7)."""
    metadata = {"metricQuery": "sum(m)", "operationOverTime": "rate", "targetValue": "1"}
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
        run.keda({**metadata, "window": "30s"}) as keda,
    ):
        for at_s in (NOW_S, NOW_S + 20, NOW_S + 40):
            await sidecar.report(request(ci("m", at=at_s)), (at_s + 2) * 1000)
        await keda.outcome()
        what, _ = one(await doctor(run).findings(), "shorter than two report intervals")
    assert "window of 30 s" in what


async def test_a_clock_that_is_off(doctor: Doctors) -> None:
    """The sender and by how much: an hour behind."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node(host_name="pod-7"))) as sidecar,
    ):
        await sidecar.report(request(ci("m", at=NOW_S - 3600)), NOW_S * 1000)
        what, do = one(await doctor(run).findings(), "clocks are off")
    assert "pod-7" in what
    assert "by -3600 s" in what
    assert "NTP" in do


async def test_a_page_that_cannot_be_read(doctor: Doctors) -> None:
    """With scrape_senders: the sidecar, what its page answers, and where to look."""
    async with sidecar_page(lambda: "") as page:
        page.status = 503
        config = f"receivers: {{opencensus: {{scrape_senders: {{port: {page.port}}}}}}}"
        async with (
            running_app(config, at_ms=NOW_S * 1000) as run,
            run.sidecar(request(node=node(host_name="pod-7"))) as sidecar,
        ):
            await sidecar.report(request(ci("m", at=NOW_S)), (NOW_S + 2) * 1000)
            await run.at((NOW_S + 8) * 1000)
            await run.until(
                lambda: any(unread() for unread in run.app._runtime.unread_pages.values())
            )
            what, do = one(await doctor(run).findings(), "cannot be read, their reports count")
    assert "pod-7" in what
    assert "HTTP status 503" in what
    assert "dapr.io/metrics-port" in do


async def test_two_streams_of_one_identity(doctor: Doctors) -> None:
    """Two processes that say to be the same are told by name."""
    hello = request(node=node(host_name="twin"))
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(hello) as first,
        run.sidecar(hello) as second,
    ):
        for sidecar in (first, second):
            await sidecar.report(request(ci("m", at=NOW_S)))
        what, _ = one(await doctor(run).findings(), "more than one open stream")
    assert "twin" in what


async def test_a_limit_that_was_reached(doctor: Doctors) -> None:
    """What was refused, and by which setting."""
    config = "exporters: {windows: {max_series: 1}}"
    async with (
        running_app(config, at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        await sidecar.report(request(ci("a", at=NOW_S), ci("b", at=NOW_S)))
        what, do = one(await doctor(run).findings(), "refused by a limit")
    assert what.startswith("error: 1 series were refused")
    assert "exporters.windows.max_series" in do


async def test_a_reload_that_failed(doctor: Doctors) -> None:
    """The worst comes first: the old configuration is in force, and why."""
    async with running_app(at_ms=NOW_S * 1000) as run:
        await run.reload("receivers: {nonesuch: {}}")
        findings = await doctor(run).findings()
    what, do = next(iter(findings.items()))
    assert what.startswith("error: the last reload failed")
    assert "nonesuch" in what
    assert "tallyd validate" in do


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and a line that says whom it asked."""
    assert main(["doctor", "--url", "http://127.0.0.1:1"]) == 1
    assert "tallyd doctor: cannot ask http://127.0.0.1:1" in capsys.readouterr().err
