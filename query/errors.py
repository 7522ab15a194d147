"""What a question can be refused with."""

from __future__ import annotations

from query.text import Span, caret_lines, line_and_column


class QueryError(Exception):
    """A question that cannot be answered, for a reason its author can act on."""

    error_type = "execution"
    """What Prometheus' HTTP API calls errors of this kind (promql.md 7)."""


class DurationError(QueryError):
    """A text that is no duration."""


class RegexError(QueryError):
    """A regular expression that RE2 does not take."""


class BadQueryError(QueryError):
    """A question whose times, steps or type do not go together."""

    error_type = "bad_data"


class QueryTimeoutError(QueryError):
    """A question that took too long."""

    error_type = "timeout"


class QueryCanceledError(QueryError):
    """A question whose asker went away."""

    error_type = "canceled"


class TooManySamplesError(QueryError):
    """A question that would load more samples than it may."""


class QueryTextError(QueryError):
    """A fault at one place of a query's text; prints `line:column: kind: message`, the line and a caret."""

    error_type = "bad_data"
    kind = "error"

    def __init__(self, text: str, span: Span, message: str) -> None:
        super().__init__(text, span, message)
        self.text = text
        self.span = span
        self.message = message

    @property
    def position(self) -> str:
        """Where the fault is: `line:column`."""
        line, column = line_and_column(self.text, self.span.start)
        return f"{line}:{column}"

    def __str__(self) -> str:
        return f"{self.position}: {self.kind}: {self.message}\n{caret_lines(self.text, self.span)}"


class QuerySyntaxError(QueryTextError):
    """A text that is no query: wrong syntax, wrong types, unknown or unsupported names."""

    kind = "parse error"


class UnsupportedQueryError(QueryTextError):
    """A valid query that this release does not evaluate."""

    kind = "not supported"
