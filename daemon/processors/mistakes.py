"""Mistakes that only building a processor brings to light."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.config.errors import ConfigError


def raise_mistakes(component_id: str, mistakes: Sequence[ConfigError]) -> None:
    """Raise what was noted, if anything was.

    Raises:
        ConfigError: the one mistake.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise ExceptionGroup(f"mistakes in {component_id}", mistakes)
