"""`tallyd explain`: what becomes of each metric, how an answer comes about, why there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from daemon.explain.command import SHOWS
from daemon.explain.help import JSON_KEYS
from daemon.recording import session_names

CASES = Path(__file__).parents[2] / "config"
FILTERED = ("--config", str(CASES / "walk-through.good.yaml"))
RECEIVED = "runtime_service_invocation_req_recv_total"


@pytest.mark.parametrize(
    ("session", "history"),
    [
        ("nodeapp-start", [0, 0, 0, 0.266, 0.6, 0.933, 1, 0.999, 1, 0.999]),
        ("three-callers", [0, 0.333, 0.916, 1.916, 2.583, 3, 3, 3, 3, 3, 3, 3]),
        ("scale-out", [0, 1, 1, 1, 1.994, 1.997, 2, 2.995, 2.998, 3, 3]),
        ("callers-gone", [0, 1, 1.333, 1.666]),
        ("sidecar-restart", [0.266, 0.6, 0.933, 0.75, 0.75]),
    ],
)
def test_values(document: Any, session: str, history: list[float], tmp_path: Path) -> None:
    """The walk-through's question is answered with the calls per second of each session."""
    path = tmp_path / "settled.yaml"
    path.write_text("exporters: {windows: {settle_for: 0s}}\n" + Path(FILTERED[1]).read_text())
    answered = document("--session", session, "--config", str(path))
    values = [moment["value"] for moment in answered["history"]]
    assert (values, answered["told"]["value"]) == (history, history[-1])


def test_settling(document: Any, say: Any) -> None:
    """KEDA gets no value until a tallyd that starts with the session has settled; a session may be too short for that."""
    history = document(*FILTERED)["history"]
    assert [(moment["value"], moment["status"]) for moment in history[3:5]] == [
        (None, "settling"),
        (2.583, None),
    ]
    _, out, _ = say(*FILTERED)
    assert out.endswith(
        "what KEDA would have been told after each report\n"
        "  from     5s   4 reports: UNAVAILABLE, settling (exporters.windows.settle_for)\n"
        "  from  1m25s     2.583       3       3       3       3       3       3       3\n"
    )
    [warning] = document("--session", "sigterm", "sum(http_server_request_count)")["warnings"]
    assert warning.startswith("a tallyd that started with this session would still be settling")


def test_document(document: Any) -> None:
    """The object for scripts tells session, question, series, answer and what KEDA is told."""
    answered = document("--session", "three-callers", *FILTERED)
    del answered["metrics"], answered["history"]
    query = f'sum({RECEIVED}{{app_id="nodeapp",src_app_id="pythonapp"}})'
    sender = "opencensus:nodeapp-7d9f8b6c5d-x2x4z/1/2026-11-21T20:36:34.380017308Z"
    assert answered == {
        "configuration": FILTERED[1],
        "session": {
            "name": "three-callers",
            "begin_ms": 1795293691821,
            "end_ms": 1795293916479,
            "reports": 12,
            "senders": [sender],
            "irregularities": {},
            "refusals": [],
        },
        "query": {
            "text": query,
            "dialect": "auto",
            "read_as": "promql",
            "understood": query,
            "applied": query.replace("sum(", "sum(rate(").replace("})", "}[1m]))"),
            "operation_over_time": "rate",
            "window_s": 60.0,
            "target": 1.0,
            "clamp_min": None,
            "clamp_max": 10.0,
            "activation": 0.0,
        },
        "series": [
            {
                "labels": {
                    "__name__": RECEIVED,
                    "app_id": "nodeapp",
                    "host_name": "nodeapp-7d9f8b6c5d-x2x4z",
                    "src_app_id": "pythonapp",
                },
                "sender": sender,
                "live": True,
                "warming": False,
                "value": 3.0,
                "part": 3.0,
            }
        ],
        "answer": {
            "at_ms": 1795293916479,
            "name": RECEIVED,
            "known": True,
            "window_start_ms": 1795293854477,
            "window_end_ms": 1795293914477,
            "raw_value": 3.0,
            "sigma": 0.0,
            "value": 3.0,
        },
        "told": {"value": 3.0, "metric_value": 3, "metric_value_float": 3.0, "active": True},
        "refused": None,
        "why": [],
        "warnings": [],
    }


def test_verdicts(document: Any) -> None:
    """The walk-through's filter keeps the named metric alone; each other one names its condition and line."""
    metrics = document(*FILTERED)["metrics"]
    kept = [metric for metric in metrics if metric["kept"]]
    assert (len(metrics), kept) == (
        79,
        [
            {
                "name": "runtime/service_invocation/req_recv_total",
                "type": "sum",
                "stored_as": [RECEIVED],
                "kept": True,
                "series": 1,
                "kept_series": 1,
            }
        ],
    )
    causes = {json.dumps(one["dropped_by"]) for one in metrics if not one["kept"]}
    [cause] = map(json.loads, causes)
    assert cause.pop("condition").startswith('name != "runtime/service_invocation/req_recv_total"')
    assert cause == {
        "processor": "filter/dapr",
        "path": "processors.filter/dapr.metrics.metric[0]",
        "line": 7,
        "column": 11,
    }


FILTERS = """\
processors:
  filter/names:
    metrics:
      exclude:
        match_type: regexp
        metric_names: ["^runtime/actor/"]
  filter/points:
    metrics:
      datapoint:
        - attributes["method"] == "GET"
        - metric.name == "http/server/request_bytes"
  filter/groups:
    metric_conditions:
      - conditions:
          - metric.name == "component/state/count"
service:
  pipelines:
    metrics:
      processors: [filter/names, filter/points, filter/groups]
"""


def test_every_kind_of_filter(document: Any, tmp_path: Path) -> None:
    """Legacy matchers, data point conditions and condition groups are found in the file; a metric may lose points only."""
    path = tmp_path / "filters.yaml"
    path.write_text(FILTERS)
    metrics = {one["name"]: one for one in document("--config", str(path))["metrics"]}
    seen = {
        name: (
            metrics[name]["kept_series"],
            metrics[name]["series"],
            metrics[name].get("dropped_by", {}).get("line"),
        )
        for name in (
            "runtime/actor/timers",
            "http/server/request_bytes",
            "component/state/count",
            "http/server/latency",
        )
    }
    assert seen == {
        "runtime/actor/timers": (0, 0, 4),
        "http/server/request_bytes": (0, 1, 11),
        "component/state/count": (0, 1, 15),
        "http/server/latency": (1, 2, None),
    }


@pytest.mark.parametrize(
    ("query", "configured", "why"),
    [
        (
            f'sum({RECEIVED}{{app_id="nodeap"}})',
            False,
            f"app_id='nodeap' fits no series of {RECEIVED}: the values are 'nodeapp'",
        ),
        (
            f'sum({RECEIVED}{{apps_id="x"}})',
            False,
            f"apps_id='x' fits no series of {RECEIVED}: none has a label apps_id",
        ),
        ("sum(http_server_latency)", False, "no sender has reported a metric http_server_latency"),
        (
            "sum(component_state_count)",
            True,
            "component_state_count is reported as component/state/count, but filter/dapr drops it by: name !=",
        ),
        (
            'sum(http_server_request_count{method="GET",path="/v1.0/state/statestore"})',
            False,
            "each matcher fits some series of http_server_request_count, but no series fits all of them:",
        ),
        (
            "sum(runtime_actor_timers)",
            False,
            "runtime_actor_timers is reported, but without a time series: nothing was counted yet",
        ),
        ("sum({a=~'.+'})", False, "no series matches; the query names no metric"),
    ],
    ids=["value", "label", "name", "filtered", "together", "empty", "nameless"],
)
def test_why_nothing(document: Any, query: str, configured: bool, why: str) -> None:
    """A query that finds nothing is told why."""
    answered = document(query, *(FILTERED if configured else ()))
    assert (answered["series"], answered["why"][0][: len(why)]) == ([], why)


@pytest.mark.parametrize(
    ("query", "near"),
    [
        (
            "sum(http_server_latency)",
            "known names like it: http_server_latency_count, http_server_latency_sum",
        ),
        (
            "sum(runtime_service_invocation_req_total)",
            "known names like it: ",
        ),
        (f'sum({RECEIVED}{{apps_id="x"}})', "labels like it: app_id"),
        ("sum(zzzzzzzzzz)", "names are known, none is like it"),
    ],
    ids=["longer", "typo", "label", "none"],
)
def test_near_names(document: Any, query: str, near: str) -> None:
    """What was probably meant is named."""
    assert near in document(query)["why"][1]


def test_names_like_it_are_filtered(document: Any) -> None:
    """A misspelt name of a metric that a filter drops is recognised as well."""
    why = document("sum(component_state_counts)", *FILTERED)["why"]
    assert "names like it that a filter drops: component_state_count" in "\n".join(why)


@pytest.mark.parametrize(
    ("argv", "expected"), [((), 0), (("sum(nope)",), 1), (("--window", "10m"), 1)]
)
def test_check(say: Any, argv: tuple[str, ...], expected: int) -> None:
    """An error for KEDA is an explanation like any other, unless `--check` asks for an exit code."""
    assert (say(*argv)[0], say(*argv, "--check")[0]) == (0, expected)


def test_keys_are_described(document: Any) -> None:
    """`--help` describes every key of the object for scripts."""
    answered = document(*FILTERED, "--session", "scale-out")
    del answered["session"]["irregularities"]
    inner = [answered["query"], answered["session"], answered["answer"], answered["told"]]
    inner += [answered["metrics"][0], answered["series"][0], answered["history"][0]]
    described = set(re.findall(r"\w+", JSON_KEYS))
    assert {key for one in (answered, *inner) for key in one} - described == set()


@pytest.mark.parametrize(
    ("argv", "status", "asked"),
    [
        (("sum(nope)",), "not_found", True),
        (("--window", "10m"), "invalid_argument", False),
        (("sum(http_server_request_count) by (method)",), "invalid_argument", False),
    ],
    ids=["unknown name", "window beyond the retention", "several elements"],
)
def test_refused(document: Any, argv: tuple[str, ...], status: str, asked: bool) -> None:
    """What KEDA would get as an error is told with its status."""
    answered = document(*argv)
    assert (answered["refused"]["status"], answered["told"], answered["answer"] is not None) == (
        status,
        None,
        asked,
    )


def test_metadata(document: Any, tmp_path: Path) -> None:
    """Metadata is read as from KEDA: a named query of the configuration, its own keys on top."""
    path = tmp_path / "queries.yaml"
    path.write_text(
        "extensions:\n"
        "  keda_scaler:\n"
        "    queries:\n"
        f"      calls: {{metricQuery: {RECEIVED}, operationOverTime: increase, targetValue: 60}}\n"
    )
    answered = document("--config", str(path), "--metadata", "queryRef=calls", "--target", "90")
    assert (answered["query"]["target"], answered["told"]["value"]) == (90, 180)


def test_warnings(document: Any) -> None:
    """Unknown metadata keys, short windows and totals of counters are warned of."""
    warnings = document("--metadata", "clampMix=1", "--window", "30s")["warnings"]
    assert warnings == [
        "metadata key clampMix means nothing here, did you mean clampMin?",
        "window of 30 s is shorter than two report intervals of 20 s: expect values that jump from report to report",
    ]
    assert document("--over-time", "last_one")["warnings"] == [
        "last_one of a counter is its total since the process started: did you mean operationOverTime: rate?"
    ]


def test_sessions(say: Any) -> None:
    """The recorded sessions can be listed, each with what it shows."""
    code, out, _ = say("--list-sessions")
    assert (code, out.splitlines()[:2]) == (
        0,
        [
            "session              length  reports  pods  shows",
            "nodeapp-start         202 s       10     1  the called app from its start, first call at 65 s",
        ],
    )
    assert list(SHOWS) == session_names()


def test_bad_query(say: Any) -> None:
    """A query that does not parse exits with 1 and shows the place."""
    assert say("sum(a") == (
        1,
        "",
        """\
tallyd explain: metadata key metricQuery: parse error: expected an operator, ',' or ')', got end of the query
  sum(a
       ^
""",
    )


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("--window", "30q"), "metadata key window: expected a duration such as 60s or 2m"),
        (
            ("--metadata", "queryRef=", "--window", "1q"),
            (
                "metadata key targetValue: expected a number of at least 0.001, got nothing\n"
                "metadata key window: expected a duration such as 60s or 2m, got '1q'\n"
                "metadata key metricQuery: expected a query, got nothing\n"
            ),
        ),
        (("--target", "0"), "metadata key targetValue: expected a number of at least 0.001"),
        (
            ("--metadata", "queryRef=x", "--target", "1"),
            "metadata key queryRef: extensions.keda_scaler.queries has no 'x'",
        ),
        (("--session", "nope"), "no session 'nope' in "),
    ],
    ids=["window", "several", "target", "named query", "session"],
)
def test_mistakes(say: Any, argv: tuple[str, ...], expected: str) -> None:
    """A mistake in the question exits with 1 and says what was expected."""
    code, out, err = say(*argv)
    assert (code, out, err.startswith(f"tallyd explain: {expected}")) == (1, "", True), err


def test_bad_configuration(say: Any) -> None:
    """A bad configuration exits with 2, as everywhere."""
    assert say("--config", str(CASES / "five-mistakes.bad.yaml"))[:2] == (2, "")


def test_bad_condition(say: Any, tmp_path: Path) -> None:
    """A condition that cannot be built is a bad configuration too."""
    path = tmp_path / "bad.yaml"
    path.write_text("processors: {filter: {metrics: {metric: ['nome == 1']}}}\n")
    code, out, err = say("--config", str(path))
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"{path}:1:")


def test_processors_that_change_metrics(document: Any, tmp_path: Path) -> None:
    """A metric that comes through under another name, of another resource, is kept; what a transform takes out is not."""
    path = tmp_path / "changed.yaml"
    path.write_text("""
processors:
  resource: {attributes: [{key: env, value: dev, action: insert}]}
  filter: {metrics: {metric: ['name == "runtime/component/loaded"']}}
  metricstransform:
    transforms:
      - {include: runtime/service_invocation/req_recv_total, action: update, new_name: calls}
service: {pipelines: {metrics: {processors: [resource, filter, metricstransform]}}}
""")
    metrics = document("--session", "three-callers", "--config", str(path))["metrics"]
    kept = {metric["name"]: metric["kept"] for metric in metrics}
    assert kept["runtime/service_invocation/req_recv_total"]
    assert not kept["runtime/component/loaded"]
