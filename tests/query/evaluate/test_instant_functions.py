from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.errors import QueryError, RegexError
from query.evaluate.instant_functions import INSTANT_FUNCTIONS
from query.evaluate.stepped import StepVector
from query.signatures import FUNCTIONS
from query.values import ValueType
from tests.query.evaluate.steps import ask, expect

DATA = """
    v{g="x",i="1"} 1
    v{g="x",i="2"} 2
    v{g="x",i="3"} 6
    n{i="1"} -0.5
    n{i="2"} -2.5
    n{i="3"} NaN
    n{i="4"} 0.5
    n{i="5"} -0
    n{i="6"} Inf
    n{i="7"} -Inf
"""


def test_every_function_is_there() -> None:
    """What the parser accepts and takes no range is evaluated here."""
    without_range = {
        name for name, it in FUNCTIONS.items() if ValueType.RANGE_VECTOR not in it.types
    }
    assert set(INSTANT_FUNCTIONS) == without_range


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("abs(n)", "0.5 2.5 NaN 0.5 0 Inf Inf"),
        ("ceil(n)", "0 -2 NaN 1 0 Inf -Inf"),
        ("floor(n)", "-1 -3 NaN 0 0 Inf -Inf"),
        ("round(n)", "0 -2 NaN 1 0 Inf -Inf"),
        ("round(n, 0)", "NaN NaN NaN NaN NaN NaN NaN"),
        ("round(n * 3, 0.2)", "-1.4 -7.4 NaN 1.6 0 Inf -Inf"),
        ("sgn(n)", "-1 -1 NaN 1 0 1 -1"),
        ("exp(n)", "0.6065306597126334 0.0820849986238988 NaN 1.6487212707001282 1 Inf 0"),
        ("sqrt(n)", "NaN NaN NaN 0.7071067811865476 0 Inf NaN"),
        ("ln(n)", "NaN NaN NaN -0.6931471805599453 -Inf Inf NaN"),
        ("log2(n)", "NaN NaN NaN -1 -Inf Inf NaN"),
        ("log10(n)", "NaN NaN NaN -0.3010299956639812 -Inf Inf NaN"),
        ("clamp(n, -1, 0.2)", "-0.5 -1 NaN 0.2 0 0.2 -1"),
        ("clamp(n, NaN, 1)", "NaN NaN NaN NaN NaN NaN NaN"),
        ("clamp_min(n, 0)", "0 0 NaN 0.5 0 Inf 0"),
        ("clamp_min(n, NaN)", "NaN NaN NaN NaN NaN Inf NaN"),
        ("clamp_max(n, 0)", "-0.5 -2.5 NaN 0 0 0 -Inf"),
        ("deg(n)", "-28.64788975654116 -143.2394487827058 NaN 28.64788975654116 0 Inf -Inf"),
        (
            "rad(n)",
            "-0.008726646259971648 -0.04363323129985824 NaN 0.008726646259971648 0 Inf -Inf",
        ),
        ("sin(n)", "-0.479425538604203 -0.5984721441039564 NaN 0.479425538604203 0 NaN NaN"),
        ("cos(n)", "0.8775825618903728 -0.8011436155469337 NaN 0.8775825618903728 1 NaN NaN"),
        ("tan(n)", "-0.5463024898437905 0.7470222972386603 NaN 0.5463024898437905 0 NaN NaN"),
        ("asin(n)", "-0.5235987755982989 NaN NaN 0.5235987755982989 0 NaN NaN"),
        ("acos(n)", "2.0943951023931957 NaN NaN 1.0471975511965979 1.5707963267948966 NaN NaN"),
        (
            "atan(n)",
            "-0.46364760900081 -1.190289949682532 NaN 0.46364760900081 0 1.5707963267948966 -1.5707963267948966",
        ),
        ("sinh(n)", "-0.521095305493747 -6.050204481039788 NaN 0.521095305493747 0 Inf -Inf"),
        ("cosh(n)", "1.12762596520638 6.132289479663686 NaN 1.12762596520638 1 Inf Inf"),
        ("tanh(n)", "-0.46211715726001 -0.986614298151430 NaN 0.46211715726001 0 1 -1"),
        ("asinh(n)", "-0.4812118250596 -1.647231146371096 NaN 0.4812118250596 0 Inf -Inf"),
        ("acosh(n + 2)", "0.9624236501192 NaN NaN 1.566799236972411 1.3169578969248166 Inf NaN"),
        ("atanh(n)", "-0.5493061443340 NaN NaN 0.5493061443340 0 NaN NaN"),
        ("timestamp(abs(n))", "60 60 60 60 60 60 60"),
    ],
)
def test_element_functions(query: str, values: str) -> None:
    """Functions of a value follow IEEE and drop the name (promql.md 2.7)."""
    rows = {
        (("i", str(i)),): [pytest.approx(float(v), nan_ok=True)]
        for i, v in enumerate(values.split(), start=1)
    }
    assert ask(DATA, query).rows == rows


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('scalar(v{g="x"})', "{} NaN"),
        ('scalar(v{i="3"})', "{} 6"),
        ("scalar(nope)", "{} NaN"),
        ("vector(3)", "{} 3"),
        ("time()", "{} 60"),
        ("vector(time())", "{} 60"),
        ("pi()", "{} 3.141592653589793"),
        ("absent(v)", ""),
        ("absent(nope)", "{} 1"),
        ('absent(nope{job="a",env=~"p.*",x!="1"})', '{job="a"} 1'),
        ('absent(nope{a="1",a="2",b=""})', "{} 1"),
        ('absent(nope{a!="1",a="2"})', '{a="2"} 1'),
        ('absent(sum(nope{a="b"}))', "{} 1"),
        ("clamp(v, 1.5, 4)", '{g="x",i="1"} 1.5\n{g="x",i="2"} 2\n{g="x",i="3"} 4'),
        ("clamp(v, 4, 1.5)", ""),
        ("round(vector(-2.5))", "{} -2"),
        ('sgn(-v{g="x",i="1"})', '{g="x",i="1"} -1'),
        ('label_replace(v{i="3"}, "zone", "z-$1", "g", "(.*)")', 'v{g="x",i="3",zone="z-x"} 6'),
        ('label_replace(v{i="3"}, "g", "q", "i", "[0-2]")', 'v{g="x",i="3"} 6'),
        ('label_replace(v{i="3"}, "g", "q", "i", "[0-9]")', 'v{g="q",i="3"} 6'),
        ('label_replace(v{i="3"}, "g", "", "i", "3")', 'v{i="3"} 6'),
        ('label_replace(v{i="3"}, "a", "$1y${1}z", "i", "(.)")', 'v{a="3z",g="x",i="3"} 6'),
        ('label_replace(v{i="3"}, "a", "$n-$2-$$", "i", "(?P<n>.)")', 'v{a="3--$",g="x",i="3"} 6'),
        ('label_replace(v{i="3"}, "a", "new", "nope", "")', 'v{a="new",g="x",i="3"} 6'),
        ('label_replace(v{i="3"}, "__name__", "w$1", "i", "(.)")', 'w3{g="x",i="3"} 6'),
        ('label_replace(v{i="3"}, "__name__", "", "", "")', '{g="x",i="3"} 6'),
        ('label_join(v{i="3"}, "gi", "/", "g", "i")', 'v{g="x",gi="x/3",i="3"} 6'),
        ('label_join(v{i="3"}, "gi", "-", "g", "nope", "i")', 'v{g="x",gi="x--3",i="3"} 6'),
        ('label_join(v{i="3"}, "g", "-")', 'v{i="3"} 6'),
        ('label_join(v{i="3"}, "g", "-", "nope")', 'v{i="3"} 6'),
        (
            'abs({__name__=~"v|n",i="1",g=""} or {__name__="v",i="2"})',
            '{i="1"} 0.5\n{g="x",i="2"} 2',
        ),
    ],
)
def test_vectors(query: str, expected: str) -> None:
    """promql.md 2.7 and the functions of section 10 E at one step."""
    assert ask(DATA, query).rows == expect(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("absent(a)", "{} _ 1 _"),
        ("scalar(a)", "{} 1 NaN 3"),
        ("scalar({a=~'.*', i=~'.*', __name__=~'.+'})", "{} NaN 2 NaN"),
        ("clamp(a, scalar(b), 2)", "{} 1 _ _"),
        ("clamp_min(a, scalar(b))", "{} 1 _ 3"),
        ("round(a, scalar(b))", "{} 1 _ 3"),
        ("timestamp(a)", "{} 60 _ 180"),
        ("vector(time())", "{} 60 120 180"),
        ("minute()", "{} 1 2 3"),
        ("sort(a)", "a 1 _ 3"),
    ],
)
def test_steps(query: str, expected: str) -> None:
    """Each step has its own time, its own presence and its own parameters."""
    assert ask("a 1 _ 3\nb 1 2 3", query).rows == expect(expected)


def test_order() -> None:
    """sort and sort_desc order the elements of one step, NaN last in both."""

    def order(query: str) -> str:
        return "".join(dict(labels)["i"] for labels in ask(DATA, query).order)

    assert [order("sort(n)"), order("sort_desc(n)")] == ["7215463", "6451273"]


def test_several_steps_have_no_order() -> None:
    """Over a range the result is sorted by labels; whoever sorts is told so."""
    (warning,) = ask("a 1 _ 3\nb 1 2 3", "-sort_desc(a)").warnings
    assert warning == (
        "PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:2)"
    )


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        (
            'label_replace(v, "", "a", "b", "c")',
            QueryError,
            "invalid destination label name in label_replace(): ",
        ),
        (
            'label_join(v, "", "a")',
            QueryError,
            "invalid destination label name in label_join(): ",
        ),
        (
            'label_join(v, "x", "-", "")',
            QueryError,
            "invalid source label name in label_join(): ",
        ),
        (
            'label_replace(v, "a", "$1", "i", "(")',
            RegexError,
            "invalid regular expression in label_replace(): (",
        ),
    ],
)
def test_refused(query: str, error: type[QueryError], message: str) -> None:
    """Bad names and patterns fail the query."""
    with pytest.raises(error) as caught:
        ask(DATA, query)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "inner",
    [
        'label_replace({}, "a", "$1$1", "a", "(.*)")',
        'label_join({}, "a", "", "a", "a")',
    ],
)
def test_doubling_ends(inner: str) -> None:
    """Nested calls that double a value with each level end in an error, not in memory."""
    query = 'label_replace(v, "a", "0123456789", "", "")'
    for _ in range(40):
        query = inner.replace("{}", query)
    with pytest.raises(QueryError, match="65536 characters, or 16777216 in all"):
        ask(DATA, query)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        # minute, hour, day of week, of month, of year, days in month, month, year
        ("0", [0, 0, 4, 1, 1, 31, 1, 1970]),
        ("1136239445", [4, 22, 1, 2, 2, 31, 1, 2006]),
        ("1709164800", [0, 0, 4, 29, 60, 29, 2, 2024]),
        ("-1", [59, 23, 3, 31, 365, 31, 12, 1969]),
        ("-0.5", [0, 0, 4, 1, 1, 31, 1, 1970]),
        ("1e11", [46, 9, 3, 16, 320, 30, 11, 5138]),
        ("NaN", [30, 15, 0, 4, 339, 31, 12, 292277026596]),
        ("Inf", [30, 15, 0, 4, 339, 31, 12, 292277026596]),
        ("1e300", [30, 15, 0, 4, 339, 31, 12, 292277026596]),
    ],
)
def test_calendar(seconds: str, expected: list[float]) -> None:
    """Calendar functions read Unix seconds in UTC, truncated toward zero; what is none is one far day."""
    assert calendar(float(seconds)) == pytest.approx(expected, nan_ok=True)


FIELDS = [
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
]


def calendar(seconds: float) -> list[float]:
    data = StepVector(
        labels=[(("__name__", "t"),)], values=np.array([[seconds]]), present=np.ones((1, 1), bool)
    )
    return [float(ask(data, f"{field}(t)").rows[()][0] or 0) for field in FIELDS]


@given(st.datetimes(timezones=st.just(UTC)))
@settings(max_examples=100, deadline=None)
def test_calendar_as_datetime(moment: datetime) -> None:
    """The calendar is datetime's."""
    moment = moment.replace(microsecond=0)
    expected = [
        moment.minute,
        moment.hour,
        moment.isoweekday() % 7,
        moment.day,
        moment.timetuple().tm_yday,
        monthrange(moment.year, moment.month)[1],
        moment.month,
        moment.year,
    ]
    assert calendar(moment.timestamp()) == expected
