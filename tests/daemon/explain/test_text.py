"""What `tallyd explain` prints for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.config.load import load_config
from daemon.explain.explanation import explain
from daemon.explain.text import format_explanation
from daemon.recording import WALK_THROUGH, load_session

CASES = Path(__file__).parents[2] / "config"
FILTERED = ("--config", str(CASES / "walk-through.good.yaml"))
RECEIVED = "runtime_service_invocation_req_recv_total"


def test_history_of_errors(say: Any) -> None:
    """Where KEDA would get an error, the history says which."""
    histories = {
        argv: say(*argv)[1].rpartition("after each report\n")[2]
        for argv in (("sum(nope)",), ("--window", "10m"))
    }
    assert histories == {
        ("sum(nope)",): "  from     5s   4 reports: UNAVAILABLE, settling "
        "(exporters.windows.settle_for)\n  from  1m25s   8 reports: NOT_FOUND\n",
        ("--window", "10m"): "  from     5s   12 reports: INVALID_ARGUMENT\n",
    }


def test_text(say: Any) -> None:
    """People read the verdicts with the condition as it stands in the file, and the answer."""
    code, out, err = say(*FILTERED)
    assert (code, err) == (0, "")
    for expected in (
        "last report: 79 metrics, 1 kept, 78 dropped\n",
        "  kept     runtime/service_invocation/req_recv_total       sum        1\n",
        "  dropped  http/server/latency                             histogram  2       by [1]\n",
        "  63 metrics without series: dropped by [1] (--all lists them)\n",
        f"  [1] {FILTERED[1]}:7: processors.filter/dapr.metrics.metric[0]\n",
        '      name != "runtime/service_invocation/req_recv_total"\n',
        '      and instrumentation_scope.attributes["app_id"] != "nodeapp"\n',
        "  over time   rate over 1m\n",
        "  window        20:44:14.477 to 20:45:14.477, 1m: its end is known of all live senders\n",
        "  raw value     3 a second\n",
        "  KEDA is told  3 (metricValue 3, metricValueFloat 3), active\n",
    ):
        assert expected in out
    assert ("\x1b" in out, "component/crypto/count" in out) == (False, False)


def test_renamed_metrics(say: Any) -> None:
    """What a transform renames is shown with its new name; filters behind it judge what it made."""
    code, out, err = say("sum(requests)", "--config", str(CASES / "transform.good.yaml"))
    assert (code, err) == (0, "")
    for expected in (
        "  kept     runtime/service_invocation/req_recv_total       sum        1       as requests\n",
        "  dropped  http/server/request_count ",
        '      name != "requests" and not HasPrefix(name, "http/server/latency")\n',
        "  KEDA is told  3 (metricValue 3, metricValueFloat 3), active\n",
    ):
        assert expected in out
    assert "http/server/latency                             histogram  2       \n" not in out


def test_all_metrics(say: Any) -> None:
    """On request metrics without series get their lines."""
    _, out, _ = say(*FILTERED, "--all")
    assert "  dropped  component/crypto/count                          sum        0       by" in out
    assert "without series" not in out


def test_parts(say: Any) -> None:
    """Shared labels are shown once, each series with its part of the sum."""
    _, out, _ = say("--session", "scale-out")
    assert (
        "series: 3 match\n"
        '  all have {app_id="nodeapp", src_app_id="pythonapp"}\n'
        "  rate   part of sum  state  labels\n"
    ) in out
    assert [line.split()[2] for line in out.splitlines() if "{host_name=" in line] == ["live"] * 3


def test_dapr_prefix(say: Any) -> None:
    """The exporter's prefix is left out where only the plain name is known, and that is said."""
    _, out, _ = say("sum(dapr_http_server_request_count)")
    assert "dapr_http_server_request_count is not known, http_server_request_count is" in out


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (
            ("--session", "nodeapp-start"),
            (
                "  raw value     0.999933 a second ± 0.001 (one standard deviation)\n"
                "  KEDA is told  0.999, rounded down to 3 digits (metricValue 1, metricValueFloat 0.999), active\n"
            ),
        ),
        (
            ("--metadata", "clampMax=0.25"),
            (
                "  KEDA is told  0.25, clamped (metricValue 0, metricValueFloat 0.25), active\n"
                "                KEDA 2.16 and older read metricValue, here 0: see legacyIntScale\n"
            ),
        ),
        (
            (RECEIVED,),
            "  over time   rate over 1m (explain's default; a trigger without operationOverTime gets last_one)\n",
        ),
        ((RECEIVED, "--over-time", "rate"), "  over time   rate over 1m\n"),
        (("--metadata", f"metricQuery={RECEIVED}"), "  over time   last_one\n"),
    ],
    ids=["rounded", "integer 0", "default", "no default", "as a trigger"],
)
def test_hints(say: Any, argv: tuple[str, ...], expected: str) -> None:
    """What looks like a bug and is none is explained where it is seen."""
    assert expected in say(*argv)[1]


def test_equal_labels(say: Any) -> None:
    """Series that only their senders tell apart show what the senders do not share."""
    _, out, _ = say("--session", "sidecar-restart")
    assert (
        "  rate   part of sum  state  labels  sender\n"
        "  0.667  0.667        live   {}      2026-11-21T20:47:16.416625345Z\n"
        "  0.084  0.084        ended  {}      2026-11-21T20:46:01.449959593Z\n"
    ) in out


def test_clamped(say: Any) -> None:
    """A clamped value says so; it stays apart from the value before."""
    _, out, _ = say("--metadata", "clampMax=2")
    assert "raw value     3 a second\n  KEDA is told  2, clamped (metricValue 2" in out


def test_warming() -> None:
    """A running counter that was seen once counts from its second report, and that is said."""
    first_report = load_session("three-callers")[:4]
    explanation = explain(load_config(None, {}), first_report, WALK_THROUGH)
    assert ([part.warming for part in explanation.outcome.parts], explanation.why) == (
        [True],
        ("all 1 series are warming: they count from their second report",),
    )
    text = format_explanation(explanation, "x")
    assert "  -     0            warming  {app_id=" in text


def test_irregularities(say: Any, document: Any) -> None:
    """What the receiver did not hand on as it came is told: here the series of the sidecar's own exporter."""
    counted = document("--session", "late-server")["session"]["irregularities"]
    _, out, _ = say("--session", "late-server")
    [(reason, amount)] = counted.items()
    assert f"  not as it came: {reason} {amount}\n" in out


def test_refused_reports(say: Any, tmp_path: Path) -> None:
    """Reports that a filter refuses under `propagate` are told, and why its metrics are not there."""
    path = tmp_path / "propagate.yaml"
    path.write_text(
        "processors:\n"
        "  filter:\n"
        "    error_mode: propagate\n"
        '    metrics: {metric: [\'resource.attributes["host.name"]["x"] == 1\']}\n'
        "service: {pipelines: {metrics: {processors: [filter]}}}\n"
    )
    code, out, _ = say("--config", str(path))
    assert code == 0
    assert "  report refused: filter: resource.attributes" in out
    assert "79 metrics, 0 kept, 79 dropped" in out
