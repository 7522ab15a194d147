from __future__ import annotations

import pytest

from query.errors import QueryError
from query.evaluate.range_calls import RANGE_FUNCTIONS, REACHING
from query.signatures import FUNCTIONS
from query.syntax import Reach
from query.values import ValueType
from tests.support.asking import ask, named
from tests.support.selections import Row

ROWS = [
    Row(samples=[(10, 1), (20, 2)], labels=named("x", a="1")),
    Row(samples=[(10, 1), (20, 2)], labels=named("x_total", a="2")),
    Row(samples=[(10, 1)], labels=named("late", a="3")),
]


def test_every_function_over_a_range() -> None:
    """Whatever takes a range vector is offered, `absent_over_time` apart."""
    ranged = {name for name, one in FUNCTIONS.items() if ValueType.RANGE_VECTOR in one.types}
    assert {*RANGE_FUNCTIONS, "absent_over_time"} == ranged


@pytest.mark.parametrize(
    ("text", "infos"),
    [
        ("rate(x[30s])", ['"x" (1:6)']),
        ("sum(increase(x[30s]))", ['"x" (1:14)']),
        ("rate({a=~'.+'}[30s])", ['"x" (1:6)']),
        ("rate(x_total[30s])", []),
        ("rate(late[30s])", []),
        ("delta(x[30s])", []),
        ("rate(sum(x)[30s:5s])", []),
    ],
)
def test_info_about_gauges(text: str, infos: list[str]) -> None:
    """A rate of what has no counter's name, and a value, earns an info (promql.md 2.5)."""
    prefix = (
        "PromQL info: metric might not be a counter, "
        "name does not end in _total/_sum/_count/_bucket: "
    )
    assert ask(ROWS, text, 25).infos == tuple(prefix + info for info in infos)


@pytest.mark.parametrize(
    ("share", "warnings"),
    [
        ("0.5", []),
        ("-1", ["-1"]),
        ("1.5", ["1.5"]),
        ("NaN", ["NaN"]),
        ("-Inf", ["-Inf"]),
        ("Inf", ["+Inf"]),
    ],
)
def test_warning_about_shares(share: str, warnings: list[str]) -> None:
    """A quantile outside 0 to 1 earns a warning."""
    found = ask(ROWS, f"quantile_over_time({share}, x[30s])", 25).warnings
    prefix = "PromQL warning: quantile value should be between 0 and 1, got "
    assert found == tuple(f"{prefix}{warning} (1:20)" for warning in warnings)


@pytest.mark.parametrize(
    "text", ["quantile_over_time(2, nope[30s])", "quantile_over_time(2, x[30s] @ 200)"]
)
def test_no_warning_without_samples(text: str) -> None:
    """Where no window holds a sample, no quantile was asked for."""
    assert ask(ROWS, text, 25).warnings == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resets(x[3m] smoothed)", "smoothed modifier can only be used with: delta, increase, rate - not with resets"),
        (
            "absent_over_time(nope[3m] smoothed)",
            "smoothed modifier can only be used with: delta, increase, rate - not with absent_over_time",
        ),
        (
            "predict_linear(x[3m] anchored, 4)",
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with predict_linear",
        ),
    ],
)  # fmt: skip
def test_reach_is_for_some_functions(text: str, message: str) -> None:
    """What cannot tell samples beyond the edges apart is refused."""
    with pytest.raises(QueryError, match=f"^{message}$"):
        ask(ROWS, text, 25)


@pytest.mark.parametrize("reach", list(Reach))
def test_reaching_functions(reach: Reach) -> None:
    """Those that can, do."""
    for name in REACHING[reach]:
        found = ask(ROWS, f"{name}(x[30s] {reach})", 25)
        assert len(found.values) == 1
