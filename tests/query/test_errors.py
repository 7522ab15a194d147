from __future__ import annotations

from query.errors import QuerySyntaxError, UnsupportedQueryError
from query.text import Span


def test_syntax_error_shows_place_line_and_caret() -> None:
    """A syntax error prints line:column, what is wrong, the line and a caret under the fault."""
    error = QuerySyntaxError("sum(\n  x[5m\n)", Span(12, 13), "expected ']'")
    assert str(error) == "3:1: parse error: expected ']'\n  )\n  ^"


def test_unsupported_query_says_so() -> None:
    """A valid query that is not evaluated reads differently from a wrong one."""
    error = UnsupportedQueryError("a / b", Span(0, 5), "no division")
    assert str(error) == "1:1: not supported: no division\n  a / b\n  ^^^^^"
    assert (error.text, error.span, error.message) == ("a / b", (0, 5), "no division")
