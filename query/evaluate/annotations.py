"""Warnings and infos that travel beside a result and never fail it (promql.md 2.5, 2.8, 2.10)."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from query.text import Span, line_and_column

MOST_TEXTS = 10
"""Texts of a kind that are told; of the others only their number, as Prometheus does."""


class Annotations:
    """Collects what the asker should know although there is an answer, each text once.

    The texts are Prometheus': `PromQL info: metric might not be a counter, ... (1:6)`.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may make the result wrong, in the order of discovery."""
        return _told(self._warnings, "warning")

    @property
    def infos(self) -> tuple[str, ...]:
        """What may be meant otherwise, in the order of discovery."""
        return _told(self._infos, "info")

    def warn(self, message: str, span: Span) -> None:
        """Add a warning about the part of the query at `span`."""
        self._warnings[f"PromQL warning: {message} ({self._position(span)})"] = None

    def inform(self, message: str, span: Span) -> None:
        """Add an info about the part of the query at `span`."""
        self._infos[f"PromQL info: {message} ({self._position(span)})"] = None

    def _position(self, span: Span) -> str:
        line, column = line_and_column(self._text, span.start)
        return f"{line}:{column}"


def _told(texts: Collection[str], kind: str) -> tuple[str, ...]:
    told = tuple(islice(texts, MOST_TEXTS))
    if len(texts) > MOST_TEXTS:
        told += (f"{len(texts) - MOST_TEXTS} more {kind} annotations omitted",)
    return told
