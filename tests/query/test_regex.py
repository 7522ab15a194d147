from __future__ import annotations

from contextlib import suppress

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from query.errors import RegexError
from query.labels import MatchOp
from query.regex import build_matcher, compile_regex, escape_regex


@pytest.mark.parametrize(
    ("op", "value", "accepted", "refused"),
    [
        ("=", "a", ["a"], ["", "A", "ab"]),
        ("=", "", [""], ["x"]),
        ("!=", "x", ["", "y"], ["x"]),
        ("!=", "", ["y"], [""]),
        ("=~", "x|", ["", "x"], ["xx"]),
        ("=~", ".*", ["", "x", "a\nb"], []),
        ("=~", ".+", ["x", "\n"], [""]),
        ("=~", "a.c", ["abc", "a\nc"], ["abcd", "xabc"]),
        ("=~", "node.*", ["node", "nodeapp"], ["anode"]),
        ("=~", "node.+", ["nodeapp"], ["node"]),
        ("=~", "a|b.*", ["a", "bcd"], ["ad", "c"]),
        ("=~", r"a\.b|c", ["a.b", "c"], ["axb"]),
        ("=~", r"a\.*", ["a", "a.."], ["ax"]),
        ("=~", "(?i)ab", ["AB", "ab"], ["b"]),
        ("=~", r"\d+", ["12"], ["", "1a"]),
        ("!~", "a|b", ["", "c"], ["a", "b"]),
        ("!~", ".+", [""], ["x"]),
    ],
)
def test_matcher(op: str, value: str, accepted: list[str], refused: list[str]) -> None:
    """Matchers compare whole values; a missing label is the empty string (promql.md 2.3)."""
    matcher = build_matcher("l", MatchOp(op), value)
    assert [text for text in accepted + refused if matcher.accepts(text)] == accepted


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(", "invalid regular expression: missing ): a("),
        ("a{1001}", "invalid regular expression: invalid repetition size: {1001}"),
        (r"a\C", r"invalid regular expression: \C, a single byte, is not supported"),
        ("a\ud800", "invalid regular expression: not a Unicode text"),
        ("a\\", "invalid regular expression: trailing \\"),
        (r"(a)\1", r"invalid regular expression: invalid escape sequence: \1"),
    ],
)
def test_bad_regex(pattern: str, message: str) -> None:
    """What RE2 does not take, and a single-byte match, is an error that says why."""
    with pytest.raises(RegexError) as caught:
        build_matcher("l", MatchOp.REGEX, pattern)
    assert str(caught.value) == message


def _re2(pattern: str) -> re2.Pattern:
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    return re2.compile(pattern, options)


@given(
    st.text(r"ab.*+|\()\n", max_size=8),
    st.lists(st.text("ab.*|\n", max_size=5), min_size=1, max_size=8),
)
def test_shortcuts_equal_re2(pattern: str, texts: list[str]) -> None:
    """Whatever is decided without RE2 is decided as RE2 does, validity included."""
    try:
        expected = [_re2(pattern).fullmatch(text) is not None for text in texts]
    except re2.error:
        with pytest.raises(RegexError):
            compile_regex(pattern)
    else:
        assert list(map(compile_regex(pattern), texts)) == expected


@given(st.text(max_size=30))
def test_any_pattern(pattern: str) -> None:
    """Any text is a regular expression or a RegexError."""
    with suppress(RegexError):
        assert compile_regex(pattern)("") in {True, False}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=10))
def test_escape(text: str) -> None:
    """An escaped text matches itself, in RE2 and in the shortcut."""
    pattern = escape_regex(text)
    assert compile_regex(pattern)(text)
    assert _re2(pattern).fullmatch(text)
