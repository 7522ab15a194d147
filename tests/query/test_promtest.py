"""The runner of scripts takes the whole format, and notices what is wrong (promql.md 4.4)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.promtest.compare import same_float
from tests.support.promtest.engine_subject import SlowSubject
from tests.support.promtest.run import Status, run_commands
from tests.support.promtest.script import Clear, Eval, Load, ScriptError, parse_script
from tests.support.promtest.series import (
    STALE_VALUE,
    Absent,
    NotationError,
    is_stale,
    parse_labels,
    parse_number,
    parse_values,
    split_series,
)

GAP, HISTOGRAM = Absent.GAP, Absent.HISTOGRAM


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 -2.5e3 Inf -Inf", [1.0, -2500.0, math.inf, -math.inf]),
        ("1h 1m30s 0x2 .5", [3600.0, 90.0, 0.0, 0.0, 0.0, 0.5]),
        ("_ _x3 7", [GAP, GAP, GAP, GAP, 7.0]),
        ("1x2 0+1x3 5-2x2", [1.0, 1.0, 1.0, 0.0, 1.0, 2.0, 3.0, 5.0, 3.0, 1.0]),
        ("-3+1.5x1 +4", [-3.0, -1.5, 4.0]),
        (
            "1 {{schema:0 sum:5 count:4 buckets:[1 2 1]}} 2 {{}}x2 {{}}+{{}}x1",
            [1.0, HISTOGRAM, 2.0, HISTOGRAM, HISTOGRAM, HISTOGRAM, HISTOGRAM, HISTOGRAM],
        ),
        ("", []),
    ],
)
def test_values(text: str, values: list[object]) -> None:
    """Numbers, durations, gaps, repetitions, sequences; a histogram keeps its place."""
    assert parse_values(text) == values


def test_stale_and_nan_are_told_apart() -> None:
    """By their bits; NaN is an ordinary value."""
    values = parse_values("stale NaN")
    assert [isinstance(v, float) and is_stale(v) for v in values] == [True, False]
    assert math.isnan(STALE_VALUE)


@pytest.mark.parametrize("text", ["a", "1y", "1x", "x2", "1+x2", "_x", "9x9999999", "--1"])
def test_what_is_no_value(text: str) -> None:
    """Anything else is refused, and so is what would fill the memory."""
    if text == "1y":
        assert parse_values(text) == [365 * 86400.0]
        return
    with pytest.raises(NotationError):
        parse_values(text)


@pytest.mark.parametrize(
    ("line", "labels", "rest"),
    [
        ("x 1 2", {"__name__": "x"}, "1 2"),
        ('x{a="b c}",d=""} 1', {"__name__": "x", "a": "b c}"}, "1"),
        ("{} 3", {}, "3"),
        ('{a="\\"}"} 3', {"a": '"}'}, "3"),
        ('{"my name", b="1"}  _ 2', {"__name__": "my name", "b": "1"}, "_ 2"),
        ('x {a="1"} 2', {"__name__": "x", "a": "1"}, "2"),
        ("x {{}} 2", {"__name__": "x"}, "{{}} 2"),
    ],
)
def test_series(line: str, labels: dict[str, str], rest: str) -> None:
    """A label set, however quoted, and what follows it; empty values are no labels."""
    text, values = split_series(line)
    assert (dict(parse_labels(text)), values) == (labels, rest)


SCRIPT = """
clear
load 10s
  x{a="1"} 1 2
  # a comment ends the block

load_with_nhcb 1m
  y_bucket{le="1"} 1

eval instant at 10s x
  x{a="1"} 2

eval_fail instant at 0 x{
  expected_fail_message nonsense

eval instant at 1m "q"
  expect string "q"

EVAL range from 0 to 20s step 10s x
  expect no_warn
  expect info msg: none
  x{a="1"} 1 2 _

eval instant at 10s x[20s]
  expect range vector from 0 to 10s step 10s
  x{a="1"} 1 2

eval instant at 1h time()
  3600
"""


def test_start_timestamps() -> None:
    """The line of start timestamps above a series is no series; what then differs is not judged."""
    text = 'load 1m\n  x{a="1"}@st _ -1mx2\n  x{a="1"} _ 0+1x2\n  y@st -1s\n  y 7\n\n'
    (load,) = parse_script(text)
    assert isinstance(load, Load)
    assert [dict(labels)["__name__"] for labels in load.series] == ["x", "y"]
    evals = "eval instant at 0 y\n  y 7\n\neval instant at 0 y\n  y 8"
    outcomes = run_commands(parse_script(text + evals), SlowSubject())
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.SKIPPED]


def test_a_script() -> None:
    """Every command with what belongs to it."""
    commands = parse_script(SCRIPT)
    assert [type(command) for command in commands] == [Clear, Load, Load, *[Eval] * 6]
    _, load, refused, instant, fail, string, ranged, matrix, scalar = commands
    assert isinstance(load, Load)
    assert isinstance(refused, Load)
    assert load.series == {(("__name__", "x"), ("a", "1")): [1.0, 2.0]}
    assert "load_with_nhcb" in refused.refused
    evals = [
        one for one in (instant, fail, string, ranged, matrix, scalar) if isinstance(one, Eval)
    ]
    assert [(e.query, e.start_ms, e.end_ms, e.step_ms) for e in evals] == [
        ("x", 10_000, 10_000, None),
        ("x{", 0, 0, None),
        ('"q"', 60_000, 60_000, None),
        ("x", 0, 20_000, 10_000),
        ("x[20s]", 10_000, 10_000, None),
        ("time()", 3_600_000, 3_600_000, None),
    ]
    assert (evals[1].expected.fails, evals[1].expected.texts) == (
        True,
        [("fail", "msg", "nonsense")],
    )
    assert (evals[2].expected.string, evals[5].expected.scalar) == ("q", 3600.0)
    assert (evals[3].expected.warns, evals[3].expected.infos) == (False, True)
    assert evals[4].expected.matrix_ms == (0, 10_000, 10_000)


@pytest.mark.parametrize(
    "text",
    [
        "lode 5m",
        "load",
        "load x\n",
        "eval x",
        "load 5m\n x a",
        "eval instant at 5 x\n expect much",
    ],
)
def test_what_is_no_script(text: str) -> None:
    """A mistake in a script names its line."""
    with pytest.raises(ScriptError, match=r"line [12]"):
        parse_script(text)


@given(st.text())
def test_any_text_is_a_script_or_an_error(text: str) -> None:
    """Nothing else is raised."""
    try:
        parse_script(text)
    except ScriptError:
        return


DATA = 'load 10s\n  x{a="1"} 1 2\n  x{a="2"} 3 NaN\n\n'


@pytest.mark.parametrize(
    "evaluation",
    [
        'eval instant at 5s x\n  x{a="1"} 1',
        'eval instant at 5s x\n  x{a="1"} 1\n  x{a="2"} 3.0001',
        'eval instant at 5s x\n  x{a="1"} 1\n  x{a="2"} 3\n  x{a="3"} 3',
        'eval instant at 10s x\n  x{a="1"} 2\n  x{a="2"} 2',
        'eval instant at 5s sort_desc(x)\n  expect ordered\n  x{a="1"} 1\n  x{a="2"} 3',
        'eval range from 0 to 20s step 10s x{a="1"}\n  x{a="1"} 1 2',
        'eval range from 0 to 10s step 10s x{a="1"}\n  x{a="1"} 1 3',
        'eval range from 0 to 10s step 10s x{a="1"}',
        "eval instant at 5s x\n  expect fail",
        "eval instant at 5s rate(x)",
        "eval instant at 5s x + on() x\n  expect fail msg: something else",
        "eval instant at 5s x + on() x\n  expect fail regex: ^something else",
        "eval instant at 5s 2\n  3",
        "eval instant at 5s vector(2)\n  2",
        'eval instant at 5s "a"\n  expect string "b"',
        "eval instant at 5s sum(x)\n  expect warn\n  {} 4",
    ],
)
def test_what_is_wrong_fails(evaluation: str) -> None:
    """Values, labels, order, points, types, failures, annotations."""
    (outcome,) = run_commands(parse_script(DATA + evaluation), SlowSubject())
    assert (outcome.status, bool(outcome.reasons)) == (Status.FAILED, True)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1.0, 1.0 + 1e-7, True),
        (1.0, 1.0 + 1e-5, False),
        (0.0, 1e-300, False),
        (0.0, -0.0, True),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (math.inf, 1.7e308, False),
        (1.7e308, 1.7e308 * (1 - 1e-8), True),
    ],
)
def test_floats(left: float, right: float, same: bool) -> None:
    """Equal as promql.md 4.4 has it."""
    assert same_float(left, right) is same


def test_numbers() -> None:
    """A number is no series."""
    with pytest.raises(NotationError):
        parse_number("x")
