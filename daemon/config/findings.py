"""What reading a configuration brings to light: mistakes that stop a start, warnings that do not."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.config.errors import ConfigError, KeyPath


@dataclass(slots=True)
class Findings:
    """Mistakes and warnings, each at a key path."""

    mistakes: list[ConfigError] = field(default_factory=list)
    warnings: list[ConfigError] = field(default_factory=list)

    def mistake(self, path: KeyPath, expected: str, offset: int | None = None) -> None:
        """Note what stops the start."""
        self.mistakes.append(ConfigError(path, expected, offset))

    def warn(self, path: KeyPath, what: str, offset: int | None = None) -> None:
        """Note what is odd but allowed."""
        self.warnings.append(ConfigError(path, what, offset))
