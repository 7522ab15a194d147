from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.config.errors import ConfigError
from daemon.scaler.keys import ALIASES, FOREIGN_KEYS, KEYS, MetadataError, UnknownKey
from daemon.scaler.metadata import Trigger, named_query_errors, parse_metadata
from query.values import OverTime
from tests.support.keda_client import WALKTHROUGH
from tests.support.scaler import metadata, trigger


def problems(**keys: str) -> list[str]:
    return [str(problem) for problem in trigger(**keys).problems]


def test_walkthrough() -> None:
    """The walk-through's metadata works as it is written."""
    result = parse_metadata(WALKTHROUGH, {})
    assert result.question is not None
    understood: tuple[object, ...] = (
        result.target,
        result.question.over_time,
        result.question.window_ms,
        result.question.target,
        result.question.evidence,
        result.metric_names,
        result.clamp_min,
        result.clamp_max,
        result.activation,
        result.problems,
        result.unknown_keys,
    )
    assert understood == (
        1.0,
        OverTime.RATE,
        60_000,
        1.0,
        True,
        frozenset({"runtime_service_invocation_req_recv_total"}),
        -math.inf,
        10.0,
        0.0,
        (),
        (),
    )


def test_defaults() -> None:
    """A query and a target are enough."""
    result = trigger()
    assert result == Trigger(target=1.0, question=result.question, canonical="sum(requests)")
    assert result.question is not None
    assert result.question.over_time is OverTime.LAST_ONE


@pytest.mark.parametrize(
    ("keys", "field", "expected"),
    [
        ({"targetValue": "0.001"}, "target", 0.001),
        ({"targetValue": " 2.5 "}, "target", 2.5),
        ({"targetValue": "1e3"}, "target", 1000.0),
        ({"targetValue": "", "targetValueFromEnv": "7"}, "target", 7.0),
        ({"targetValue": "3", "targetValueFromEnv": "7"}, "target", 3.0),
        ({"clampMin": "-1"}, "clamp_min", -1.0),
        ({"clampMin": "  "}, "clamp_min", -math.inf),
        ({"clampMax": ".5"}, "clamp_max", 0.5),
        ({"activationTargetValue": "5"}, "activation", 5.0),
        ({"activationThreshold": "5"}, "activation", 5.0),
        ({"activationValue": "5"}, "activation", 5.0),
        ({"activationValueFromEnv": "5"}, "activation", 5.0),
        ({"activationValue": "5", "activationThreshold": "5"}, "activation", 5.0),
        ({"ifNotFound": "error", "valueIfNotFound": "3"}, "value_if_not_found", None),
        ({"ifNotFound": "value"}, "value_if_not_found", 0.0),
        ({"ifNotFound": "value", "valueIfNotFound": "3"}, "value_if_not_found", 3.0),
        ({"dialect": "otel"}, "clamp_before_activation", True),
        ({"dialect": "promql"}, "clamp_before_activation", False),
        ({"legacyIntScale": "true"}, "legacy_int_scale", True),
        ({"legacyIntScale": "False"}, "legacy_int_scale", False),
    ],
    ids=str,
)
def test_keys(keys: dict[str, str], field: str, expected: object) -> None:
    """Each key is read, by its aliases and from the environment too."""
    result = trigger(**keys)
    assert (result.problems, getattr(result, field)) == ((), expected)


@pytest.mark.parametrize(
    ("keys", "field", "expected"),
    [
        *(
            ({"operationOverTime": operation.value}, "over_time", operation)
            for operation in OverTime
        ),
        ({"window": "2m"}, "window_ms", 120_000),
        ({"window": "1m30s"}, "window_ms", 90_000),
        ({"window": "45"}, "window_ms", 45_000),
        ({"evidence": "off"}, "evidence", False),
        ({"evidence": "on"}, "evidence", True),
        ({"targetValue": "4"}, "target", 4.0),
    ],
    ids=str,
)
def test_question(keys: dict[str, str], field: str, expected: object) -> None:
    """What concerns the computation goes into the question."""
    assert getattr(trigger(**keys).question, field) == expected


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("a_total", {"a_total"}),
        ("sum(runtime/service.invocation)", {"runtime_service_invocation"}),
        ("dapr_a_total", {"dapr_a_total", "a_total"}),
        ('{__name__=~"a.*"}', {""}),
        ("sum(", set()),
    ],
)
def test_metric_names(query: str, names: set[str]) -> None:
    """Activity listens to the names as they are stored, with and without `dapr_`."""
    assert trigger(metricQuery=query).metric_names == names


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"metricQuery": ""}, "metadata key metricQuery: expected a query, got nothing"),
        (
            {"metricQuery": "sum(a"},
            "metadata key metricQuery: parse error: ",
        ),
        (
            {"metricQuery": "sum(rate(a[1m]))"},
            "metadata key metricQuery: not supported: rate() inside metricQuery",
        ),
        (
            {"operationOverTime": "rat"},
            "metadata key operationOverTime: expected one of last_one, rate, increase, count, avg, min, max, sum",
        ),
        (
            {"window": "soon"},
            "metadata key window: expected a duration such as 60s or 2m, got 'soon'",
        ),
        ({"window": "0s"}, "metadata key window: expected a duration above 0, got '0s'"),
        ({"clampMin": "low"}, "metadata key clampMin: expected a number, got 'low'"),
        ({"clampMax": "NaN"}, "metadata key clampMax: expected a number, got 'NaN'"),
        ({"clampMax": "1e999"}, "metadata key clampMax: expected a number, got '1e999'"),
        (
            {"clampMin": "3", "clampMax": "2"},
            "metadata key clampMin: expected at most clampMax, 3 is above 2",
        ),
        (
            {"activationThreshold": "1_0"},
            "metadata key activationThreshold: expected a number, got '1_0'",
        ),
        (
            {"activationTargetValue": "1", "activationValue": "2"},
            "metadata key activationValue: says '2', but activationTargetValue says '1': keep one",
        ),
        (
            {"ifNotFound": "zero"},
            "metadata key ifNotFound: expected error or value, got 'zero'",
        ),
        (
            {"valueIfNotFound": "-1"},
            "metadata key valueIfNotFound: expected a number of at least 0, got '-1'",
        ),
        (
            {"dialect": "sql"},
            "metadata key dialect: expected one of auto, promql, otel, got 'sql'",
        ),
        (
            {"evidence": "maybe"},
            "metadata key evidence: expected one of on, true, off, false, got 'maybe'",
        ),
        (
            {"legacyIntScaleFromEnv": "2"},
            "metadata key legacyIntScaleFromEnv: expected one of on, true, off, false, got '2'",
        ),
        (
            {"queryRef": "orders"},
            "metadata key queryRef: extensions.keda_scaler.queries has no 'orders': it is empty",
        ),
        (
            {"metricQuery": "a" * 20_000},
            "metadata key metricQuery: expected at most 4096 characters, got 20000",
        ),
    ],
    ids=str,
)
def test_problems(keys: dict[str, str], message: str) -> None:
    """A mistake beside the target names its key and what was expected, and leaves the target (keda.md 0.1)."""
    result = trigger(**keys)
    [problem] = result.problems
    assert (str(problem)[: len(message)], result.question, result.target) == (message, None, 1.0)


def test_caret() -> None:
    """A bad query is shown with a caret under the place."""
    [text] = problems(metricQuery="sum(requests{app_id=nodeapp)")
    heading, line, caret = text.split("\n")
    assert heading.startswith("metadata key metricQuery: parse error: ")
    assert line == "  sum(requests{app_id=nodeapp)"
    assert set(caret) == {" ", "^"}


def test_all_problems() -> None:
    """All mistakes are told at once."""
    assert [
        problem.key for problem in trigger(window="x", clampMin="y", metricQuery="(").problems
    ] == ["window", "metricQuery", "clampMin"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"targetValue": ""},
            "metadata key targetValue: expected a number of at least 0.001, got nothing",
        ),
        (
            {"targetValue": "0.0009"},
            "metadata key targetValue: expected a number of at least 0.001, got '0.0009'",
        ),
        (
            {"targetValue": "1e16"},
            "metadata key targetValue: expected a number of at most 9.2e+15, got '1e16'",
        ),
        ({"targetValue": "many"}, "metadata key targetValue: expected a number, got 'many'"),
        ({"targetValue": "inf"}, "metadata key targetValue: expected a number, got 'inf'"),
        ({"targetValue": "٣"}, "metadata key targetValue: expected a number, got '٣'"),
        (
            {"targetValue": "", "targetValueFromEnv": "-1"},
            "metadata key targetValueFromEnv: expected a number of at least 0.001, got '-1'",
        ),
        (
            {"targetValue": "", "queryRef": "ordrs"},
            "metadata key queryRef: extensions.keda_scaler.queries has no 'ordrs', did you mean 'orders'?",
        ),
        (
            {"targetValue": "", "queryRef": "bad"},
            "metadata key extensions.keda_scaler.queries.bad.targetValue: expected a number, got 'x'",
        ),
    ],
    ids=str,
)
def test_no_target(keys: dict[str, str], message: str) -> None:
    """Metadata that gives no target is the one thing that GetMetricSpec refuses (keda.md 0.1)."""
    queries = {"orders": {"targetValue": "2"}, "bad": {"targetValue": "x"}}
    with pytest.raises(MetadataError) as caught:
        parse_metadata(metadata(**keys), queries)
    assert str(caught.value) == message


QUERIES: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "metricQuery": "sum(orders)",
        "targetValue": "5",
        "activationThreshold": "2",
        "window": "2m",
    }
}


def test_query_ref() -> None:
    """A named query gives what the trigger leaves out; the trigger's own keys win, aliases included (keda.md 0.4)."""
    result = parse_metadata(
        {"queryRef": "orders", "activationValue": "3", "clampMax": "9"}, QUERIES
    )
    assert result.question is not None
    understood: tuple[object, ...] = (
        result.problems,
        result.target,
        result.activation,
        result.clamp_max,
        result.question.window_ms,
        result.metric_names,
    )
    assert understood == ((), 5.0, 3.0, 9.0, 120_000, frozenset({"orders"}))


def test_unknown_keys() -> None:
    """An unknown key is answered all the same and told with the nearest known one; KEDA's own keys are known."""
    foreign = dict.fromkeys(FOREIGN_KEYS, "x")
    result = trigger(**foreign, clampMaxx="3", zzz="1", metricQueryFromEnv="sum(b)")
    assert (result.problems, result.unknown_keys) == (
        (),
        (UnknownKey("clampMaxx", "clampMax"), UnknownKey("zzz", None)),
    )


def test_hostile_metadata() -> None:
    """Ten thousand keys and huge texts cost a bounded amount and are told in a bounded one."""
    keys = {f"{i}{'k' * 1000}": "v" * 1000 for i in range(10_000)}
    result = trigger(**keys, clampMin="9" * 10_000, dialect="x" * 10_000)
    assert len(result.unknown_keys) == 16
    assert all(len(unknown.key) <= 64 for unknown in result.unknown_keys)
    assert sum(len(str(problem)) for problem in result.problems) < 400


@given(
    st.dictionaries(
        st.sampled_from([*KEYS, *ALIASES, *(f"{key}FromEnv" for key in KEYS)])
        | st.text(max_size=8),
        st.sampled_from(["1", "sum(a)", "orders", "value", "rate", "60s", "otel", "1e308", "-0"])
        | st.text(max_size=30),
        max_size=12,
    )
)
@settings(max_examples=200)
def test_fuzz(entries: dict[str, str]) -> None:
    """Any metadata is a trigger or a MetadataError; a trigger has either a question or problems."""
    try:
        result = parse_metadata(entries, QUERIES)
    except MetadataError:
        return
    assert 0.001 <= result.target < math.inf
    assert (result.question is None) == bool(result.problems)
    assert not math.isnan(result.activation)
    assert result.clamp_min <= result.clamp_max or result.problems


def test_named_query_errors() -> None:
    """Named queries are checked when the configuration is built, each mistake at its place."""
    errors = named_query_errors(
        {
            "good": {"targetValue": "2"},
            "bad": {
                "metricQuery": "sum(a))",
                "targetValue": "0",
                "queryRef": "good",
                "clmpMax": "1",
            },
        }
    )
    assert all(isinstance(error, ConfigError) for error in errors)
    assert sorted((error.path, error.offset) for error in errors) == [
        (("queries", "bad", "clmpMax"), None),
        (("queries", "bad", "metricQuery"), 6),
        (("queries", "bad", "queryRef"), None),
        (("queries", "bad", "targetValue"), None),
    ]
    assert {str(error).split(": ", 1)[0] for error in errors} == {
        f"queries.bad.{key}" for key in ("clmpMax", "metricQuery", "queryRef", "targetValue")
    }
