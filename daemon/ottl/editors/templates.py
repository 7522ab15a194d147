"""Replacement templates (`$1`, `${name}`, `$$`) and globs, as Go reads them (spec/ottl.md 6.3, 8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.gotext import from_utf8, to_utf8

_REFERENCE: Final = re.compile(r"\$(?:(?P<dollar>\$)|(?P<name>\w+)|\{(?P<braced>\w+)\})")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_GLOB: Final = re.compile(
    r"\\(?P<escaped>.)|(?P<any>\*+)|(?P<one>\?)|\[(?P<negated>!?)(?P<set>[^\]]+)\]|(?P<open>\{)|(?P<close>\})"
    r"|(?P<comma>,)|(?P<plain>.)",
    re.DOTALL,
)

Part = str | int | tuple[str]
"""Text as it stands, the number of a group, or the name of one."""
Transform = Callable[[str], str]


def parse_template(template: str) -> list[Part]:
    """Return the parts of a template; `$` with no name behind it stands for itself."""
    parts: list[Part] = []
    end = 0
    for found in _REFERENCE.finditer(template):
        parts.append(template[end : found.start()])
        end = found.end()
        name = found["name"] or found["braced"]
        if found["dollar"]:
            parts.append("$")
        elif _NUMBER.fullmatch(name):
            parts.append(int(name) if len(name) < 9 else (name,))
        else:
            parts.append((name,))
    parts.append(template[end:])
    return [part for part in parts if part != ""]


def replace_matches(compiled: Any, parts: list[Part], text: str, transform: Transform) -> str:
    """Return the text with every match replaced; the same text where nothing matches.

    `compiled` (Any: re2 ships no types) is a pattern over bytes; `transform` changes each expanded template.
    """
    data = to_utf8(text)
    pieces: list[bytes] = []
    end = 0
    for match in _matches(compiled, data):
        pieces.append(data[end : match.start()])
        pieces.append(to_utf8(transform(_expand(parts, match))))
        end = match.end()
    return from_utf8(b"".join([*pieces, data[end:]])) if pieces else text


def _matches(compiled: Any, data: bytes) -> Iterator[Any]:  # Any: re2 ships no types
    """Yield the matches that Go's regexp finds: no empty one right behind another, none inside a character."""
    end = -1
    for match in compiled.finditer(data):
        at = match.start()
        is_inside = at < len(data) and data[at] & 0xC0 == 0x80
        if match.end() == at and (at == end or is_inside):
            continue
        end = match.end()
        yield match


def _expand(parts: list[Part], match: Any) -> str:  # Any: re2 ships no types
    groups = match.re.groupindex
    expanded: list[str] = []
    for part in parts:
        if isinstance(part, str):
            expanded.append(part)
            continue
        number = (
            groups.get(to_utf8(part[0]), groups.get(part[0])) if isinstance(part, tuple) else part
        )
        if number is not None and number <= match.re.groups:
            expanded.append(from_utf8(match.group(number) or b""))
    return "".join(expanded)


def glob_to_pattern(glob: str) -> str:
    r"""Return the RE2 pattern that matches the whole of what the glob matches.

    `*` is any text, `?` any character, `[a-z]` and `[!a-z]` a set, `{a,b}` a choice, `\` takes the next one as it stands.

    Raises:
        OttlEvaluationError: brackets that do not fit.
    """
    pieces: list[str] = []
    depth = 0
    for found in _GLOB.finditer(glob):
        depth += (found.lastgroup == "open") - (found.lastgroup == "close")
        if depth < 0 or found["plain"] in {"[", "\\"}:
            raise OttlEvaluationError(
                f"bad glob {glob!r}: {found[0]} at {found.start()} fits nothing"
            )
        pieces.append(_glob_piece(found, inside=depth > 0))
    if depth:
        raise OttlEvaluationError(f"bad glob {glob!r}: a {{ is not closed")
    return rf"(?s)\A(?:{''.join(pieces)})\z"


def _glob_piece(found: re.Match[str], *, inside: bool) -> str:
    kind = found.lastgroup
    if kind == "set":
        body = re.sub(r"([\\\[\]^&~|])", r"\\\1", found["set"])
        return f"[{'^' if found['negated'] else ''}{body}]"
    simple = {"any": ".*", "one": ".", "open": "(?:", "close": ")"}
    if kind in simple:
        return simple[kind]
    if kind == "comma":
        return "|" if inside else ","
    return re.escape(found["escaped"] or found["plain"])
