from __future__ import annotations

import time
from contextlib import suppress

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from query.errors import RegexError
from query.labels import Matcher, MatchOp
from query.regex import build_matcher, compile_regex, compile_replacement, escape_regex


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
        (".?" * 20_000, "invalid regular expression: pattern too large - compile failed"),
        (
            "(a?b?)*" * 3_000 + "x",
            "regular expression is too large: 24005 instructions once compiled, the limit is 16384",
        ),
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


def test_too_many_groups() -> None:
    """A replacement captures groups, which is slow with many of them; a matcher with as many does not."""
    pattern = "(a*)" * 2_000
    with pytest.raises(RegexError, match="too large: 2000 groups once compiled, the limit is"):
        compile_replacement(pattern, "$1")
    assert compile_regex(pattern)("aa")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a*)*" * 3_000 + "b",
        "(.?){1000}" * 2,
        "|".join(f"nodeapp-{number}-.*" for number in range(1_000)),
    ],
)
def test_exploding_regex(pattern: str) -> None:
    """What is long once compiled takes some dozen times as long as an ordinary expression, and says so."""
    matcher, ordinary = (
        build_matcher("l", MatchOp.REGEX, one) for one in (pattern, ".*-(foo|bar)[0-9]+.*")
    )
    assert ordinary.effort == 1
    assert _cpu_s(matcher) < 100 * max(matcher.effort, 10) * _cpu_s(ordinary)


def _cpu_s(matcher: Matcher) -> float:
    """Return the least processor time of some judgements, which the expression is made ready by."""
    took_s = []
    for _ in range(5):
        began_s = time.thread_time()
        for number in range(20):
            matcher.accepts(f"nodeapp-6d4cf5b9-{number:05x}")
        took_s.append(time.thread_time() - began_s)
    return min(took_s)


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


@pytest.mark.parametrize(
    ("pattern", "template", "text", "expected"),
    [
        ("(.*)", "z-$1", "x", "z-x"),
        ("(?P<a>b+)(c)?", "${a}x$a_${a}-$2-$3$$9$", "bb", "bbxbb--$9$"),
        ("a(.*)", "$1y-${1}y-$01-$0", "abc", "-bcy--abc"),
        ("x", "${}$-${1", "x", "${}$-${1"),
        (".*", "v", "a\nb", "v"),
        ("é(.)", "$1", "éü", "ü"),
        ("a", "b", "ab", None),
        ("", "new", "", "new"),
        ("(a)", "$99999999999", "a", ""),
    ],
)
def test_replacement(pattern: str, template: str, text: str, expected: str | None) -> None:
    """Templates are Go's: an unknown group is empty, what is no reference is text, and a match is anchored."""
    assert compile_replacement(pattern, template)(text) == expected


def test_bad_replacement() -> None:
    """The pattern of a replacement is judged as a matcher's."""
    with pytest.raises(RegexError, match="missing \\)"):
        compile_replacement("(", "x")


@given(st.text(max_size=20), st.text(alphabet="ab$1{}_n", max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_template_expands(text: str, template: str) -> None:
    """Any template expands to some text."""
    assert compile_replacement("(?P<n>(?s:.*))", template)(text) is not None
