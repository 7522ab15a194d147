"""Prometheus' HTTP API: what there is to ask for, series, label names and values, metadata (promql.md 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from daemon.web.api import Route
from daemon.web.asking import TRUNCATED, Asking
from daemon.web.envelope import ApiError, Reply, bad_parameter, reply
from daemon.web.formatting import format_labels, quoted
from daemon.web.metadata import Family
from daemon.web.parameters import MAX_TIME_MS, Parameters, shortened
from daemon.web.prometheus import api_route
from daemon.web.turns import stepwise
from query.evaluate.shares import different, sorted_rows, sorted_texts
from query.labels import Labels, Matcher
from query.slices import Sliced

_HERE_LABEL_SETS = 2_000
"""More are looked through by the worker thread."""
_TEXTS_AT_ONCE = 1_000
_ESCAPED = re.compile(r"_([0-9a-fA-F]{1,6})_|__")


class Labelled(Protocol):
    """What is remembered, seen by its labels."""

    def label_sets(
        self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int
    ) -> Sliced[list[Labels]]:
        """Return the label sets of the series that match and hold a sample in [start_ms, end_ms], bit by bit."""

    def label_names(self) -> list[str]:
        """Return every label name in use."""

    def label_values(self, name: str) -> list[str]:
        """Return every value of a label in use."""


Metadata = Callable[[], Mapping[str, Family]]


class CatalogApi:
    """`series`, `labels`, `label/<name>/values` and `metadata`."""

    def __init__(self, labelled: Labelled, asking: Asking, metadata: Metadata) -> None:
        self._labelled = labelled
        self._asking = asking
        self._metadata = metadata

    def routes(self) -> Mapping[str, Route]:
        """Return the pages by path."""
        return {
            "/api/v1/series": api_route(self._series),
            "/api/v1/labels": api_route(self._labels),
            "/api/v1/label/*/values": api_route(self._values, ("GET", "HEAD")),
            "/api/v1/metadata": api_route(self._describe, ("GET", "HEAD")),
        }

    async def _series(self, parameters: Parameters, _: str) -> Reply:
        limit = parameters.limit()
        found = await self._found(parameters, required=True)

        def render() -> Reply:
            labels = list(different(found))
            rows = sorted_rows(labels)
            shown = rows[:limit] if limit else rows
            return Reply(
                data=_array([format_labels(labels[row]) for row in shown]),
                warnings=(TRUNCATED,) if len(shown) < len(rows) else (),
            )

        return await self._here_or_there(found, render)

    async def _labels(self, parameters: Parameters, _: str) -> Reply:
        limit = parameters.limit()
        _interval(parameters)
        if not parameters.texts("match[]"):
            return await self._sorted(self._labelled.label_names(), limit)
        found = await self._found(parameters)
        return await self._here_or_there(
            found, lambda: _listed({name for labels in found for name, _ in labels}, limit)
        )

    async def _values(self, parameters: Parameters, argument: str) -> Reply:
        name, limit = unescape_name(argument), parameters.limit()
        _interval(parameters)
        if not parameters.texts("match[]"):
            return await self._sorted(self._labelled.label_values(name), limit)
        found = await self._found(parameters)

        def values() -> Reply:
            return _listed({v for labels in found for key, v in labels if key == name}, limit)

        return await self._here_or_there(found, values)

    async def _describe(self, parameters: Parameters, _: str) -> Reply:
        limit = _signed_limit(parameters, "limit")
        _signed_limit(parameters, "limit_per_metric")  # a family has one description here
        wanted = parameters.text("metric")
        families = self._metadata()
        names = [name for name in families if not wanted or name == wanted]
        shown = names if limit < 0 else names[:limit]
        described = ((name, families[name]) for name in shown)
        return reply(
            {
                name: [{"type": one.type, "unit": one.unit, "help": one.help}]
                for name, one in described
            }
        )

    async def _found(self, parameters: Parameters, *, required: bool = False) -> list[Labels]:
        """Return the label sets that any `match[]` selects, with repetitions."""
        start_ms, end_ms = _interval(parameters)
        found: list[Labels] = []
        for matchers in parameters.selectors(required=required):
            found += await stepwise(
                self._labelled.label_sets(matchers, start_ms=start_ms, end_ms=end_ms)
            )
        return found

    async def _sorted(self, texts: list[str], limit: int) -> Reply:
        return await self._here_or_there(texts, lambda: _listed(texts, limit))

    async def _here_or_there(self, found: Sequence[object], compute: Callable[[], Reply]) -> Reply:
        if len(found) <= _HERE_LABEL_SETS:
            return compute()
        return await self._asking.in_worker(compute)


def unescape_name(text: str) -> str:
    """Return a label name that is written with `U__` and `_2d_` for what no classic name has.

    Raises:
        ApiError: it is empty.
    """
    if not text:
        raise ApiError("bad_data", "expected the name of a label")
    if not text.startswith("U__"):
        return text

    def char(found: re.Match[str]) -> str:
        code = found[1]
        if code is None:
            return "_"
        return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else found[0]

    return _ESCAPED.sub(char, text[3:])


def _interval(parameters: Parameters) -> tuple[int, int]:
    start_ms = parameters.time_ms("start", -MAX_TIME_MS)
    end_ms = parameters.time_ms("end", MAX_TIME_MS)
    if end_ms < start_ms:
        raise bad_parameter("end", "end timestamp must not be before start time")
    return start_ms, end_ms


def _listed(texts: Iterable[str], limit: int) -> Reply:
    found = sorted_texts(list(texts))
    shown = found[:limit] if limit else found
    return Reply(
        data=_array([quoted(text) for text in shown]),
        warnings=(TRUNCATED,) if len(shown) < len(found) else (),
    )


def _array(texts: Sequence[str]) -> list[bytes]:
    """Return a JSON array of elements, in pieces: one thread must not hold another up for long."""
    pieces = [b"["]
    for first in range(0, len(texts), _TEXTS_AT_ONCE):
        if first:
            pieces.append(b",")
        some = ",".join(texts[first : first + _TEXTS_AT_ONCE])
        pieces.append(some.encode(errors="replace"))
    return [*pieces, b"]"]


def _signed_limit(parameters: Parameters, name: str) -> int:
    text = parameters.text(name)
    if not text:
        return -1
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text, re.ASCII):
        raise ApiError("bad_data", f'{name} must be a number, got "{shortened(text)}"')
    return int(text)
