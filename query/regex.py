"""Matchers over one label, and replacements: RE2 regular expressions, with the common ones decided without RE2."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import re2

from query.errors import RegexError
from query.labels import Matcher, MatchOp

MAX_INSTRUCTIONS: Final = 16_384
"""Of a compiled expression: the worst takes half a millisecond for a value. A thousand pods by prefix are 10,000."""
MAX_CAPTURES: Final = 2**20
"""Instructions times groups of an expression whose groups are wanted: 3,000 groups took 180 ms for a value."""
_ORDINARY: Final = 128
"""Instructions of an expression that is not remarkable."""
_TRIED_BYTES: Final = 2**20
"""Memory in which RE2 finds out in a few milliseconds that an expression is too large; its own 8 MiB take 700 ms."""
_TOO_LARGE: Final = "regular expression is too large: {} once compiled, the limit is {}"
_LONGEST_REASON: Final = 100
"""RE2 quotes the pattern."""
_REFERENCE: Final = re.compile(r"\$(?:\$|\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_GROUP_NUMBER: Final = re.compile("0|[1-9][0-9]{0,7}")
_META: Final = frozenset(r"\.+*?()|[]{}^$")


def build_matcher(name: str, op: MatchOp, value: str) -> Matcher:
    r"""Return the matcher `name op value`.

    A regular expression is RE2, anchored at both ends, its dot matches a newline (promql.md 2.3). The result of
    `accepts` is not remembered here.

    Raises:
        RegexError: The regular expression is not valid, or uses `\C`.
    """
    if op is MatchOp.EQUAL:
        return Matcher(name, op, value, lambda text: text == value)
    if op is MatchOp.NOT_EQUAL:
        return Matcher(name, op, value, lambda text: text != value)
    accepts, effort = _test(value)
    if op is MatchOp.REGEX:
        return Matcher(name, op, value, accepts, effort)
    return Matcher(name, op, value, lambda text: not accepts(text), effort)


def compile_regex(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a whole text matches `pattern`.

    Raises:
        RegexError: As `build_matcher`.
    """
    return _test(pattern)[0]


def compile_replacement(pattern: str, template: str) -> Callable[[str], str | None]:
    """Return a function that expands `template` if a whole text matches `pattern`, and yields None if not.

    The template is Go's: `$1`, `${1}x` and `$name` are groups, an unknown one is empty, `$$` is a dollar
    (promql.md 2.7, label_replace).

    Raises:
        RegexError: As `build_matcher`.
    """
    compiled = _compile(pattern, captures=True)
    parts = _template_parts(template, compiled.groupindex, compiled.groups)

    def replace(text: str) -> str | None:
        match = compiled.fullmatch(text)
        if match is None:
            return None
        return "".join(
            [part if isinstance(part, str) else match.group(part) or "" for part in parts]
        )

    return replace


def escape_regex(text: str) -> str:
    """Return a pattern that matches `text` and nothing else."""
    return "".join(f"\\{char}" if char in _META else char for char in text)


def _without_regex(pattern: str) -> Callable[[str], bool] | None:
    """Return the test for a pure alternation of literals, `prefix.*` or `prefix.+`; None for anything else."""
    tail = pattern[-2:] if pattern[-2:] in {".*", ".+"} else ""
    alternatives = _literals(pattern.removesuffix(tail) if tail else pattern)
    if alternatives is None or (tail and len(alternatives) > 1):
        return None
    if not tail:
        accepted = frozenset(alternatives)
        return lambda text: text in accepted
    prefix = alternatives[0]
    shortest = len(prefix) + (tail == ".+")
    return lambda text: len(text) >= shortest and text.startswith(prefix)


def _literals(pattern: str) -> list[str] | None:
    r"""Return the alternatives of `a|b\.c|d` as plain texts, or None if one of them is no literal."""
    alternatives = [""]
    chars = iter(pattern)
    for char in chars:
        if char == "|":
            alternatives.append("")
        elif char == "\\":
            escaped = next(chars, "")
            if escaped not in _META or not escaped:
                return None
            alternatives[-1] += escaped
        elif char in _META or "\ud800" <= char <= "\udfff":
            return None
        else:
            alternatives[-1] += char
    return alternatives


def _test(pattern: str) -> tuple[Callable[[str], bool], int]:
    """Return the test for a whole text, and its effort as a `Matcher` tells it."""
    simple = _without_regex(pattern)
    if simple is not None:
        return simple, 1
    compiled = _compile(pattern, captures=False)
    return lambda text: compiled.fullmatch(text) is not None, 1 + compiled.programsize // _ORDINARY


def _compile(pattern: str, *, captures: bool) -> Any:  # the extension module has no types
    """Return the compiled pattern. Where groups are captured, RE2 gives up what makes it fast."""
    if _has_backslash_c(pattern):
        raise RegexError(r"invalid regular expression: \C, a single byte, is not supported")
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.never_capture = not captures
    own_bytes, options.max_mem = options.max_mem, _TRIED_BYTES
    try:
        tried = re2.compile(pattern, options)
        if tried.programsize > MAX_INSTRUCTIONS:
            raise RegexError(
                _TOO_LARGE.format(f"{tried.programsize} instructions", MAX_INSTRUCTIONS)
            )
        if tried.programsize * tried.groups > MAX_CAPTURES:
            most = MAX_CAPTURES // tried.programsize
            raise RegexError(_TOO_LARGE.format(f"{tried.groups} groups", most))
        if tried.programsize <= _ORDINARY:
            return tried
        options.max_mem = own_bytes
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise RegexError(f"invalid regular expression: {_reason(error)}") from error


def _template_parts(template: str, names: Mapping[str, int], most: int) -> list[str | int]:
    """Return the texts and group numbers of a template, unknown groups left out."""
    parts: list[str | int] = []
    end = 0
    for reference in _REFERENCE.finditer(template):
        parts.append(template[end : reference.start()])
        end = reference.end()
        name = reference["braced"] or reference["bare"]
        if name is None:
            parts.append("$")
        elif name in names:
            parts.append(names[name])
        elif _GROUP_NUMBER.fullmatch(name) and int(name) <= most:
            parts.append(int(name))
    return [*parts, template[end:]]


def _has_backslash_c(pattern: str) -> bool:
    chars = iter(pattern)
    return any(char == "\\" and next(chars, "") == "C" for char in chars)


def _reason(error: Exception) -> str:
    """Return RE2's complaint as text; the extension module hands it over as bytes."""
    if isinstance(error, UnicodeEncodeError):
        return "not a Unicode text"
    reason = error.args[0] if error.args else ""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"
