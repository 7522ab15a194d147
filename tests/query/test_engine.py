from __future__ import annotations

import pytest

from query.engine import PromEngine, QueryOptions, check_range
from query.errors import BadQueryError, QueryError, QuerySyntaxError
from query.evaluate import context
from query.evaluate.results import ResultType
from query.slices import whole
from tests.support.asking import ask, ask_range, named, points, values
from tests.support.selections import FixedQueryable, Row, ms

ROWS = [Row(samples=[(t, t) for t in range(0, 130, 10)], labels=named("x", a=a)) for a in "21"]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("x", ResultType.VECTOR, {"__name__=x,a=2": [60], "__name__=x,a=1": [60]}),
        ("sum(x)", ResultType.VECTOR, {"": [120]}),
        ("1 / 4", ResultType.SCALAR, {"": [0.25]}),
        ("'text'", ResultType.STRING, {}),
        ("x{a='1'}[20s]", ResultType.MATRIX, {"__name__=x,a=1": [50, 60]}),
        ("(x{a='1'} * 2)[20s:10s]", ResultType.MATRIX, {"a=1": [100, 120]}),
    ],
)
def test_instant_queries(text: str, kind: ResultType, expected: dict[str, list[float]]) -> None:
    """All four types of results; a range vector's samples keep their own times."""
    found = ask(ROWS, text, 65)
    assert (found.type, values(found)) == (kind, expected)


def test_a_range_vector_is_sorted() -> None:
    """Elements come in the order of their labels, with their samples' times."""
    assert points(ask(ROWS, "x[20s]", 65)) == {
        "__name__=x,a=1": {50: 50, 60: 60},
        "__name__=x,a=2": {50: 50, 60: 60},
    }


def test_range_queries() -> None:
    """Start, start + step, ... up to the end."""
    found = ask_range(ROWS, "sum(x)", 60, 100, 15)
    assert (found.type, points(found)) == (
        ResultType.MATRIX,
        {"": {60: 120, 75: 140, 90: 180}},
    )


def test_times_of_the_query() -> None:
    """`step()` and `range()` are 0 at an instant; a parsed text serves both."""
    engine = PromEngine(FixedQueryable(rows=ROWS))
    text = "count(x offset (range() / 2 + step()))"
    assert points(engine.range(text, ms(60), ms(100), ms(20))) == {"": {60: 2, 80: 2, 100: 2}}
    assert values(engine.instant("sum(x offset (range() + step()))", ms(60))) == {"": [120]}


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("x", QueryOptions(lookback_ms=5_000), {}),
        ("count_over_time(vector(1)[2m:])", QueryOptions(default_step_ms=30_000), {"": [4]}),
        ("abs(x{a='1'})", QueryOptions(delayed_names=True), {"a=1": [60]}),
    ],
)
def test_options(text: str, options: QueryOptions, expected: dict[str, list[float]]) -> None:
    """Lookback, the step of subqueries, and when names go are the asker's."""
    assert values(ask(ROWS, text, 65, options=options)) == expected


@pytest.mark.parametrize(
    ("text", "options", "kind", "message"),
    [
        ("x{", QueryOptions(), "bad_data", "parse error"),
        ("", QueryOptions(), "bad_data", "the query is empty"),
        ("x[step()]", QueryOptions(), "bad_data", "the duration must be greater than 0"),
        ("rate(x[2m])", QueryOptions(max_samples=12), "execution", "too many samples"),
        (
            "absent_over_time(vector(1)[9s:1s])",
            QueryOptions(max_samples=0),
            "execution",
            "too many",
        ),
        ("x smoothed", QueryOptions(max_samples=0), "execution", "too many samples"),
        ("x * on() x", QueryOptions(), "execution", "duplicate"),
        ("sum_over_time(x[10y:1ms])", QueryOptions(), "execution", "too many samples"),
        ("x", QueryOptions(timeout_s=0.0, clock=iter([0.0, 1.0]).__next__), "timeout", "timed out"),
        ("x", QueryOptions(is_canceled=lambda: True), "canceled", "canceled"),
    ],
)
def test_errors(text: str, options: QueryOptions, kind: str, message: str) -> None:
    """Every refusal knows what Prometheus calls its kind."""
    with pytest.raises(QueryError, match=message) as caught:
        ask(ROWS, text, 65, options=options)
    assert caught.value.error_type == kind


@pytest.mark.parametrize(
    ("start", "end", "step", "message"),
    [
        (0, 10, 0, "zero or negative query resolution step widths are not accepted"),
        (0, 10, -1, "zero or negative query resolution step widths are not accepted"),
        (10, 9, 1, "end timestamp must not be before start time"),
        (0, 11_001, 1, "exceeded maximum resolution of 11,000 points per timeseries"),
        (0, 10**18, 1, "exceeded maximum resolution of 11,000 points per timeseries"),
    ],
)
def test_bad_ranges(start: int, end: int, step: int, message: str) -> None:
    """Times that do not go together are refused in Prometheus' words."""
    with pytest.raises(BadQueryError, match=message):
        check_range(start, end, step, 11_000)


def test_the_most_points() -> None:
    """11,000 steps make 11,001 points, as in Prometheus."""
    assert len(check_range(0, 11_000, 1, 11_000)) == 11_001


@pytest.mark.parametrize("text", ["x[5m]", "'text'"])
def test_types_without_a_range(text: str) -> None:
    """Only scalars and instant vectors have values at steps."""
    with pytest.raises(BadQueryError, match=r"must be Scalar or instant Vector$"):
        ask_range(ROWS, text, 0, 10, 1)


def test_prepared_queries_stand_still() -> None:
    """What is prepared holds its samples, and says how many: it may be evaluated later, elsewhere."""
    engine = PromEngine(FixedQueryable(rows=ROWS))
    prepared = whole(engine.preparing_instant("sum(x) + sum(max_over_time(x[1m]))", ms(65)))
    assert (prepared.samples, values(prepared.evaluate())) == (2 + 12, {"": [240]})


def test_many_texts() -> None:
    """Parsed texts are remembered, but not for ever."""
    engine = PromEngine(FixedQueryable(rows=[]))
    for i in range(600):
        assert values(engine.instant(str(i), 0)) == {"": [i]}
    with pytest.raises(QuerySyntaxError):
        engine.instant("x{", 0)


def test_characters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """All label values that one query makes are bounded together, not only those of each call."""
    monkeypatch.setattr(context, "MOST_CHARACTERS", 25)
    engine = PromEngine(FixedQueryable(rows=ROWS))
    one = 'label_replace(x, "b", "12345", "", "")'
    assert len(engine.instant(f"{one} + {one}", ms(60)).rows) == 2
    with pytest.raises(QueryError, match="more than 25 characters would be made"):
        engine.instant(f"{one} + {one.replace('x', 'abs(x)')} + {one.replace('1', 'a')}", ms(60))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('label_replace(x, "b", "' + "$1" * 101 + '", "a", "(.*)")', "has 101 references"),
        ("label_join(x, 'b', '', " + ",".join(["'a'"] * 101) + ")", "has 101 labels to join"),
        ("x{" + "a=~'.'," * 101 + "}", "more than 100 regular expressions"),
    ],
)
def test_parts_are_bounded(text: str, problem: str) -> None:
    """What takes long for each series, or for each matcher, may not be repeated without end."""
    with pytest.raises(QueryError, match=problem):
        PromEngine(FixedQueryable(rows=ROWS)).instant(text, ms(60))
