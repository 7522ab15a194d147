"""The texts of `metricQuery` that are evaluated, as regular expressions of RE2 for those who cannot parse them.

They take more than the parser does and never less: strings may hold any escape, names may be keywords.
"""

from __future__ import annotations

from typing import Final

from query.dialect import AGGREGATIONS
from query.lexer import SPELLINGS

_BLANK: Final = r"(?:[ \t\r\n]|#[^\n]*)*"
_WORD: Final = rf"(?:{SPELLINGS.name}|{SPELLINGS.label}|{SPELLINGS.string})"
_BARE_VALUE: Final = r"(?:[^,}=~\"'`][^,}\"]*)?"
_MATCHER: Final = (
    rf"{_WORD}{_BLANK}(?:(?:{SPELLINGS.match_operator}){_BLANK}"
    rf"(?:{SPELLINGS.string}|{_BARE_VALUE}){_BLANK})?"
)
_BRACES: Final = rf"\{{{_BLANK}(?:{_MATCHER}(?:,{_BLANK}{_MATCHER})*(?:,{_BLANK})?)?\}}{_BLANK}"
_NO_OFFSET: Final = (
    rf"(?:(?i:offset){_BLANK}(?:[-+]{_BLANK})?(?:0[a-z0-9.]*|\([^{{}}]*\)){_BLANK})?"
)
"""`offset 0s` changes nothing and is taken; so may be arithmetic in parentheses."""
_SELECTOR: Final = rf"(?:{SPELLINGS.name}{_BLANK}(?:{_BRACES})?|{_BRACES}){_NO_OFFSET}"
_LABELS: Final = rf"\({_BLANK}(?:{_WORD}{_BLANK}(?:,{_BLANK}{_WORD}{_BLANK})*(?:,{_BLANK})?)?\)"
_GROUPING: Final = rf"(?i:by|without){_BLANK}{_LABELS}{_BLANK}"
_OPEN: Final = rf"(?:\({_BLANK})"
_CLOSE: Final = rf"(?:\){_BLANK})"
_AGGREGATION: Final = (
    rf"(?i:{'|'.join(AGGREGATIONS)}){_BLANK}(?:{_GROUPING})?{_OPEN}+{_SELECTOR}"
    rf"{_CLOSE}+(?:{_GROUPING}{_CLOSE}*)?"
)

METRIC_QUERY: Final = rf"^{_BLANK}{_OPEN}*(?:{_AGGREGATION}|{_SELECTOR}{_CLOSE}*)$"
"""One aggregation over one selector, or the selector alone; parentheses are not counted."""

COUNTABLE: Final = r"^[^{}#\"'`]*(?:\{[^{}()#]*\}[^{}#\"'`]*)?$"
"""Every parenthesis of the text is one: as many must close as open."""
