from __future__ import annotations

from query.text import Span, caret_lines, line_and_column, nearest


def test_line_and_column() -> None:
    """Lines and columns are counted from 1; the end of the text has a place, too."""
    text = "ab\ncd\n"
    assert [line_and_column(text, at) for at in range(7)] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
        (2, 2),
        (2, 3),
        (3, 1),
    ]


def test_carets_stand_under_the_span() -> None:
    """Only the line of the span is shown, tabs as blanks, so that the carets stand right."""
    assert caret_lines("a\n\tbcd e\nf", Span(3, 6)) == "   bcd e\n   ^^^"


def test_empty_span_and_span_over_lines() -> None:
    """An empty span, as at the end of the text, gets one caret; a span over several lines ends with the first."""
    assert caret_lines("abc", Span(3, 3)) == "  abc\n     ^"
    assert caret_lines("abc\ndef", Span(1, 7)) == "  abc\n   ^^"


def test_long_line_is_cut_around_the_span() -> None:
    """A line of a megabyte costs a terminal line, with the span in it."""
    text = "x" * 500_000 + "HERE" + "y" * 500_000
    line, carets = caret_lines(text, Span(500_000, 500_004)).split("\n")
    start = carets.index("^")
    assert (line[start : start + 4], carets.count("^"), len(line)) == ("HERE", 4, 106)


def test_nearest() -> None:
    """The nearest candidate is offered, and none if none is near."""
    assert nearest("ratee", ["rate", "irate", "sum"]) == "rate"
    assert nearest("quux", ["rate", "irate", "sum"]) is None
