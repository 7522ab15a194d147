from __future__ import annotations

from query.evaluate.annotations import Annotations
from query.text import Span


def test_texts_say_where() -> None:
    """Each text is told once, with kind, line and column as Prometheus writes them."""
    notes = Annotations("sum(\nrate(x[5m]))")
    notes.warn("w", Span(0, 3))
    notes.inform("i", Span(10, 11))
    notes.inform("i", Span(10, 11))
    assert (notes.warnings, notes.infos) == (
        ("PromQL warning: w (1:1)",),
        ("PromQL info: i (2:6)",),
    )


def test_only_some_are_told() -> None:
    """Ten of a kind, and how many others there are."""
    notes = Annotations("x")
    for number in range(13):
        notes.warn(str(number), Span(0, 1))
        notes.inform("i", Span(0, 1))
    assert notes.warnings[9:] == (
        "PromQL warning: 9 (1:1)",
        "3 more warning annotations omitted",
    )
    assert notes.infos == ("PromQL info: i (1:1)",)
