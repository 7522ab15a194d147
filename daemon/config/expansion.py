"""`${env:NAME}`, `${env:NAME:-default}`, `${file:PATH}`, the old `${NAME}`, and `$$` for a dollar sign.

Differs from the collector: what a reference gives is not expanded again, so a secret may hold any dollar sign.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from daemon.config.marks import Piece

_DOLLAR = re.compile(r"\$\$|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_MAX_NESTING = 8
_MAX_FILE_BYTES = 1 << 20


class ExpansionError(Exception):
    """A reference that gives nothing; `offset` is where it begins in the text."""

    def __init__(self, expected: str, offset: int) -> None:
        super().__init__(expected, offset)
        self.expected = expected
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """The expanded text; `pieces` tell where its parts came from."""

    text: str
    pieces: tuple[Piece, ...]
    is_whole: bool
    """The text was one reference and nothing else, so that its value takes the type it has as YAML."""


@dataclass(slots=True)
class Expander:
    """Expands references; `warnings` are those of the scalar at hand until taken."""

    environ: Mapping[str, str]
    warnings: list[str] = field(default_factory=list)

    def take_warnings(self) -> list[str]:
        """Return and forget the warnings."""
        taken, self.warnings = self.warnings, []
        return taken

    def expand(self, text: str, depth: int = 0) -> Expansion:
        """Return `text` with every reference replaced; one without its closing brace stays as it is.

        Raises:
            ExpansionError: a reference is malformed or its file cannot be read.
        """
        parts: list[str] = []
        pieces: list[Piece] = []
        length = position = 0
        is_whole = False

        def add(part: str, source: int, *, is_reference: bool) -> None:
            nonlocal length
            pieces.append(Piece(length, source, is_reference))
            parts.append(part)
            length += len(part)

        while found := _DOLLAR.search(text, position):
            add(text[position : found.start()], position, is_reference=False)
            end = found.end() if found[0] == "$$" else _closing(text, found.end())
            if end is None:
                position = found.start()
                break
            part = "$" if found[0] == "$$" else self._value(text, found.start(), end, depth)
            add(part, found.start(), is_reference=True)
            is_whole = found[0] != "$$" and found.start() == 0 and end == len(text)
            position = end
        add(text[position:], position, is_reference=False)
        return Expansion(text="".join(parts), pieces=tuple(pieces), is_whole=is_whole)

    def _value(self, text: str, start: int, end: int, depth: int) -> str:
        body = text[start + 2 : end - 1]
        if depth >= _MAX_NESTING:
            raise ExpansionError(f"references nested deeper than {_MAX_NESTING} levels", start)
        scheme, colon, rest = body.partition(":")
        if not colon or rest.startswith("-"):
            self.warnings.append(f"${{{body}}} is the old form: write ${{env:{body}}}")
            scheme, rest = "env", body
        if scheme == "env":
            return self._environment(rest, start, depth)
        if scheme == "file":
            return _file(rest, start)
        known = "expected ${env:NAME}, ${env:NAME:-default} or ${file:PATH}"
        what = f"no scheme {scheme!r}" if _SCHEME.match(scheme) else f"${{{body}}} is no reference"
        raise ExpansionError(f"{what}: {known}, or $${{ for a literal ${{", start)

    def _environment(self, body: str, start: int, depth: int) -> str:
        name, has_default, default = body.partition(":-")
        if not _NAME.match(name):
            raise ExpansionError(
                f"expected the name of an environment variable (letters, digits, _), got {name!r}; "
                "write $${ for a literal ${",
                start,
            )
        if name in self.environ:
            return self.environ[name]
        if has_default:
            return self._default(default, start, depth + 1)
        self.warnings.append(f"environment variable {name} is not set: taken as empty")
        return ""

    def _default(self, text: str, start: int, depth: int) -> str:
        try:
            return self.expand(text, depth).text
        except ExpansionError as error:
            raise ExpansionError(error.expected, start) from error


def _closing(text: str, position: int) -> int | None:
    """Return the end of the reference whose body begins at `position`, or None if it is never closed."""
    open_braces = 1
    while open_braces:
        found = re.compile(r"\$\{|\}").search(text, position)
        if found is None:
            return None
        open_braces += 1 if found[0] == "${" else -1
        position = found.end()
    return position


def _file(path: str, start: int) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise ExpansionError(f"file {path} is larger than {_MAX_FILE_BYTES >> 20} MiB", start)
        return content.decode().removesuffix("\n")
    except UnicodeDecodeError as error:
        raise ExpansionError(f"file {path} is not UTF-8 text", start) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ExpansionError(f"cannot read file {path}: {reason}", start) from error
