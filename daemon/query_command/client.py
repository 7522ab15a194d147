"""One question to a Prometheus HTTP API, and its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.web.access import Access
from daemon.web.client import AskError, fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """A time series of an answer: its labels, and (seconds, value as text) pairs."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered; a scalar or string is one element without labels."""

    type: str
    elements: Sequence[Element]
    document: Mapping[str, Any]  # Any: the JSON as it came
    notes: Sequence[str] = field(default_factory=tuple)
    """Warnings and infos."""


def ask(url: str, endpoint: str, parameters: Mapping[str, str], access: Access) -> Answer:
    """Return the answer of `query` or `query_range` at a server's base URL.

    Raises:
        AskError: nobody answers there, or the answer is an error.
    """
    return _answer(fetch(url, endpoint, parameters, access))


def _answer(document: Mapping[str, Any]) -> Answer:
    try:
        data = document["data"]
        kind, result = data["resultType"], data["result"]
        if kind == "matrix":
            elements = [_element(one["metric"], one["values"]) for one in result]
        elif kind == "vector":
            elements = [_element(one["metric"], [one["value"]]) for one in result]
        else:
            elements = [_element({}, [result])]
    except (KeyError, TypeError, ValueError) as error:
        raise AskError("expected a query's result, got JSON of another shape") from error
    notes = (*document.get("warnings", ()), *document.get("infos", ()))
    return Answer(type=kind, elements=elements, document=document, notes=notes)


def _element(labels: Mapping[str, str], points: Sequence[Sequence[Any]]) -> Element:
    return Element(labels=labels, points=[(float(at), str(value)) for at, value in points])
