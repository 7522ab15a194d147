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
