"""Errors of the configuration.

ConfigError                    one mistake, at a key path
  UnknownKeyError              a key that does not exist there
InvalidConfigurationError      all mistakes of one file, with positions
"""

from __future__ import annotations

from collections.abc import Sequence

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the root of the file, such as ("processors", "filter/dapr", "metrics", "metric", 0)."""


class ConfigError(Exception):
    """One mistake: where it is, what was expected there.

    `path` is the key path of the value, or, in what `build_*` raises, relative to the component's own block. `offset` is
    the character inside a string value at which the mistake begins (an OTTL condition, a metricQuery), or None.
    """

    def __init__(self, path: KeyPath, expected: str, offset: int | None = None) -> None:
        super().__init__(path, expected, offset)
        self.path = path
        self.expected = expected
        self.offset = offset

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.expected}"


class UnknownKeyError(ConfigError):
    """A key that does not exist there: its place is the key itself, not its value."""


class InvalidConfigurationError(Exception):
    """All mistakes of one configuration, each already rendered as `file:line:column: where: what was expected`."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(*lines)
        self.lines = tuple(lines)

    def __str__(self) -> str:
        return "\n".join(self.lines)
