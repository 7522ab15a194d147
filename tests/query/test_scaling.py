from __future__ import annotations

from typing import Any

import pytest

from query.dialect import SimpleQuery, parse_metric_query, simple_form
from query.errors import QueryError
from query.labels import Labels
from query.scaling import Answer, Engine, Part, Question
from query.values import OverTime
from tests.support.selections import FixedQueryable, Row, Sender, ms

MINUTE = 60_000
EVEN = [(float(t), float(t)) for t in range(0, 201, 20)]


def labels(name: str = "m", **others: str) -> Labels:
    return tuple(sorted({"__name__": name, **others}.items()))


def simple(text: str) -> SimpleQuery:
    return simple_form(parse_metric_query(text).expr, text)


def ask(
    rows: list[Row],
    text: str = "m",
    over_time: OverTime = OverTime.RATE,
    *,
    senders: list[Sender] | None = None,
    at_s: float = 200,
    queryable: FixedQueryable | None = None,
    **question: Any,  # fields of Question
) -> Answer:
    source = queryable or FixedQueryable(rows=rows, senders=senders or [])
    fields: dict[str, Any] = {"window_ms": MINUTE, "target": None, **question}
    asked = Question(query=simple(text), over_time=over_time, **fields)
    return Engine(source, lookback_ms=300_000).answer(asked, ms(at_s))


TWO = [
    Row(samples=EVEN, labels=labels(pod="a"), sender="a"),
    Row(samples=[(t, 2 * v) for t, v in EVEN], labels=labels(pod="b"), sender="b"),
]
ENDED = Row(samples=[(t, 4 * v) for t, v in EVEN], labels=labels(pod="c"), sender="c")
WARMING = Row(samples=[(200, 99)], labels=labels(pod="d"), sender="d")


@pytest.mark.parametrize(
    ("live", "known_until_s", "expected"),
    [
        pytest.param(True, 180, 5.0, id="a scrape failed"),
        pytest.param(True, 200, None, id="the sender itself left it out"),
        pytest.param(False, 180, None, id="the sender has ended"),
    ],
)
def test_an_end_that_the_sender_did_not_tell(
    live: bool, known_until_s: float, expected: float | None
) -> None:
    """Holds only once the sender has ended: until then its last value is told, and no 0."""
    rows = [Row(samples=[(180, 5), (200, None)], labels=labels(pod="a"))]
    senders = [Sender(live=live, known_until_s=known_until_s)]
    assert ask(rows, over_time=OverTime.LAST_ONE, senders=senders).value == expected


@pytest.mark.parametrize(
    ("text", "over_time", "expected"),
    [
        ("m", "rate", 7),
        ("sum(m)", "rate", 7),
        ("avg(m)", "rate", 1.5),
        ("min(m)", "rate", 1),
        ("max(m)", "rate", 2),
        ("count(m)", "rate", 2),
        ("m", "increase", 420),
        ("sum by (x) (m)", "rate", 7),
        ('sum by (pod) (m{pod="b"})', "rate", 2),
        ("sum without (pod) (m)", "rate", 7),
        ('m{pod="d"}', "rate", None),
        ('m{pod="c"}', "rate", 4),
        ('max(m{pod="c"})', "rate", None),
        ("m", "last_one", 200 + 400 + 800 + 99),
        ("max(m)", "last_one", 800),
        ("count(m)", "last_one", 4),
        ('m{pod="a"}', "last_one", 200),
        ('m{pod="a"}', "count", 3),
        ('m{pod="a"}', "sum", 160 + 180 + 200),
        ('m{pod="a"}', "avg", 180),
        ('m{pod="a"}', "min", 160),
        ('m{pod="a"}', "max", 200),
        ('m{pod="z"}', "max", None),
    ],
)
def test_value(text: str, over_time: str, expected: float | None) -> None:
    """Sums of rates take live and ended series, other folds live ones, none a warming one; samples are PromQL's."""
    answer = ask(
        [*TWO, ENDED, WARMING], text, OverTime(over_time), senders=[Sender(name="c", live=False)]
    )
    assert answer.value == pytest.approx(expected)
    assert answer.known


def test_whole_answer() -> None:
    """An answer says what it is made of."""
    row = Row(samples=[(130, 0), (150, 20), (170, 40), (190, 61)], labels=labels())
    answer = ask([row], senders=[Sender(known_until_s=190, interval_s=40)], target=1.0)
    assert answer == Answer(
        value=1.0,
        raw_value=61 * (1000 / MINUTE),
        sigma=0.0,
        activity_value=1.0,
        window_start_ms=ms(130),
        window_end_ms=ms(190),
        known=True,
        name="m",
        refused_at_ms=None,
        newest_sample_ms=ms(190),
        warnings=(
            (
                "window of 60 s is shorter than two report intervals of 40 s: "
                "expect values that jump from report to report"
            ),
        ),
    )


@pytest.mark.parametrize(
    ("text", "over_time", "has_counters", "warns"),
    [
        ("m", "last_one", True, True),
        ("max(m)", "last_one", True, True),
        ("count(m)", "last_one", True, False),
        ("m", "last_one", False, False),
        ("m", "rate", True, False),
    ],
)
def test_total_of_a_counter(text: str, over_time: str, has_counters: bool, warns: bool) -> None:
    """Who asks for a counter's newest value gets all it ever counted, and is asked whether that was meant."""
    source = FixedQueryable(rows=TWO, has_counters=has_counters)
    warnings = ask([], text, OverTime(over_time), queryable=source).warnings
    expected = (
        "last_one of a counter is its total since the process started: "
        "did you mean operationOverTime: rate?"
    )
    assert warnings == ((expected,) if warns else ())


@pytest.mark.parametrize(
    ("target", "evidence", "text", "expected"),
    [
        (1.0, True, "m", 3.0),
        (1.0, False, "m", 3.01),
        (None, True, "m", 3.01),
        (5.0, True, "m", 3.01),
        (0.5, True, "count(m)", 1.0),
    ],
)
def test_evidence(target: float | None, evidence: bool, text: str, expected: float) -> None:
    """keda.md 6.3.8 needs a target, can be switched off, and leaves the number of series alone."""
    row = Row(samples=[(140, 0), (200, 180.6)], labels=labels())
    answer = ask([row], text, target=target, evidence=evidence)
    assert answer.value == pytest.approx(expected)


def test_activity_sees_the_newest() -> None:
    """Activity looks at each series' own end too, where the answer waits for the slowest sender."""
    rows = [
        Row(samples=[(100, 0), (181, 0)], labels=labels(pod="a"), sender="a"),
        Row(samples=[(100, 0), (181, 0), (200, 6)], labels=labels(pod="b"), sender="b"),
    ]
    answer = ask(rows)
    assert [answer.value, answer.activity_value] == pytest.approx([0, 0.1])


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("m", True),
        ("empty", True),
        ("other", False),
        ('{__name__=~"m|x"}', True),
        ('{__name__=~"x"}', False),
    ],
)
def test_known(text: str, known: bool) -> None:
    """A name is known once reported, with or without points; a pattern once it matches."""
    source = FixedQueryable(rows=[Row(samples=EVEN)], names=frozenset({"empty"}))
    answer = ask([], text, queryable=source)
    assert (answer.known, answer.value is None) == (known, text not in {"m", '{__name__=~"m|x"}'})


@pytest.mark.parametrize(
    ("text", "strip", "name", "value"),
    [
        ("dapr_m", True, "m", 1),
        ("dapr_m", False, "dapr_m", None),
        ('dapr_m{pod=""}', True, "m", 1),
        ("dapr_x", True, "dapr_x", 2),
        ("dapr_nope", True, "dapr_nope", None),
        ('{__name__=~"dapr_m"}', True, None, None),
    ],
)
def test_dapr_prefix(text: str, strip: bool, name: str, value: float | None) -> None:
    """A leading dapr_ is dropped only from a name given by equality that is unknown, and only for one that is known."""
    rows = [
        Row(samples=EVEN, labels=labels("m")),
        Row(samples=EVEN, labels=labels("x")),
        Row(samples=[(t, 2 * v) for t, v in EVEN], labels=labels("dapr_x")),
    ]
    answer = ask(rows, text, strip_dapr_prefix=strip)
    assert (answer.name, answer.value) == (name, value)


@pytest.mark.parametrize(
    ("rows", "text", "message"),
    [
        (
            TWO,
            "sum by (pod) (m)",
            (
                'query yields 2 elements where one number is expected: {pod="a"}, {pod="b"}; '
                "drop the grouping or select one group with a matcher"
            ),
        ),
        (
            [Row(samples=[(200, float("inf"))])],
            "m",
            "query yields +inf, which is no number to scale by",
        ),
    ],
)
def test_refused(rows: list[Row], text: str, message: str) -> None:
    """Several elements and infinite values are errors."""
    with pytest.raises(QueryError) as caught:
        ask(rows, text, OverTime.LAST_ONE)
    assert str(caught.value) == message


def test_nan_is_as_no_match() -> None:
    """NaN is answered as no match."""
    answer = ask([Row(samples=[(200, float("nan"))])], "m", OverTime.LAST_ONE)
    assert (answer.value, answer.raw_value, answer.known) == (None, None, True)


def test_restart_under_equal_labels_is_one_series() -> None:
    """For samples a sender that follows another under equal labels continues it; for rates both count."""
    rows = [
        Row(samples=[(150, 7), (160, 8)], sender="old"),
        Row(samples=[(180, 0), (200, 5)], sender="new"),
    ]
    ended = [Sender(name="old", live=False)]
    operations = [OverTime.LAST_ONE, OverTime.COUNT, OverTime.INCREASE]
    answers = [ask(rows, "m", operation, senders=ended).value for operation in operations]
    assert answers == [5, 4, 6]


def test_refused_at() -> None:
    """A limit that refused a series of the metric is told."""
    source = FixedQueryable(rows=[Row(samples=EVEN)], refused_at_ms=ms(150))
    assert ask([], queryable=source).refused_at_ms == ms(150)


def test_explain() -> None:
    """Explain lists each series with its part of the answer."""
    source = FixedQueryable(rows=[*TWO, ENDED, WARMING], senders=[Sender(name="c", live=False)])
    query = Question(query=simple("m"), over_time=OverTime.RATE, window_ms=MINUTE, target=None)
    answer, parts = Engine(source, lookback_ms=300_000).explain(query, ms(200))
    assert answer.raw_value == 7
    assert parts == [
        Part(labels=labels(pod="a"), sender="a", live=True, warming=False, value=1, contribution=1),
        Part(labels=labels(pod="b"), sender="b", live=True, warming=False, value=2, contribution=2),
        Part(
            labels=labels(pod="c"), sender="c", live=False, warming=False, value=4, contribution=4
        ),
        Part(
            labels=labels(pod="d"), sender="d", live=True, warming=True, value=None, contribution=0
        ),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("avg(m)", [0.5, 1]), ("max(m)", [0, 2]), ("min(m)", [1, 0]), ("count(m)", [1, 1])],
)
def test_contributions(text: str, expected: list[float]) -> None:
    """A part is what its series adds to the aggregate, or the value that was chosen."""
    question = Question(query=simple(text), over_time=OverTime.RATE, window_ms=MINUTE, target=None)
    _, parts = Engine(FixedQueryable(rows=TWO), lookback_ms=300_000).explain(question, ms(200))
    assert [part.contribution for part in parts] == expected


@pytest.mark.parametrize(
    ("over_time", "expected"),
    [(OverTime.INCREASE, 60), (OverTime.LAST_ONE, 200), (OverTime.COUNT, 1)],
)
def test_reads_as_far_back_as_it_must(over_time: OverTime, expected: float) -> None:
    """A sample far before the window still counts where it is needed: to interpolate, or as the newest."""
    rare = Row(samples=[(10, 10), (200, 200)])
    assert ask([rare], over_time=over_time).value == pytest.approx(expected)
    assert ask([Row(samples=[(40, 7)])], over_time=OverTime.LAST_ONE, at_s=330).value == 7


def test_grouping_lists_three_elements_at_most() -> None:
    """An error about many groups stays short."""
    rows = [Row(samples=EVEN, labels=labels(pod=str(i))) for i in range(4)]
    with pytest.raises(QueryError, match=r'4 elements .* \{pod="2"\}, \.\.\.; drop'):
        ask(rows, "sum by (pod) (m)")


@pytest.mark.parametrize(
    ("over_time", "expected"), [(OverTime.INCREASE, 30), (OverTime.LAST_ONE, 1000)]
)
def test_retention_by_count(over_time: OverTime, expected: float) -> None:
    """Where samples are kept by count only, rates read all of them and instant values the last five minutes."""
    rows = [Row(samples=[(10, 0), (1010, 500)], labels=labels(pod="a")), Row(samples=[(1, 1)])]
    source = FixedQueryable(rows=[*rows, Row(samples=[(1010, 500)], labels=labels(pod="b"))])
    query = Question(query=simple("m"), over_time=over_time, window_ms=MINUTE, target=None)
    answer = Engine(source, lookback_ms=0).answer(query, ms(1010))
    assert answer.value == pytest.approx(expected)
