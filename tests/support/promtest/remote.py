"""A subject behind HTTP: remote write in, Prometheus' query API out."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from query.labels import Labels
from tests.support.promtest.subject import (
    Answer,
    CannotClearError,
    Matrix,
    NotSupportedError,
    Samples,
    Scalar,
    String,
    SubjectError,
    Value,
    Vector,
)
from tests.support.remote_write import push_series

TIMEOUT_S = 60.0
Restart = Callable[[], str]
"""Makes the server begin anew; returns its base URL."""


class RemoteSubject:
    """A running server; `restart`, if given, is how its data is dropped."""

    def __init__(
        self,
        base_url: str,
        restart: Restart | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._restart = restart
        self._parameters = dict(parameters or {})

    def clear(self) -> None:
        if self._restart is None:
            raise CannotClearError("the server at --url keeps its data: give --restart or --start")
        self.base_url = self._restart().rstrip("/")

    def load(self, series: Mapping[Labels, Samples]) -> None:
        push_series(self.base_url, {labels: list(samples) for labels, samples in series.items()})

    def instant(self, query: str, at_ms: int) -> Answer:
        return self._ask("query", {"query": query, "time": f"{at_ms / 1000:.3f}"})

    def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Answer:
        times = {"start": start_ms, "end": end_ms, "step": step_ms}
        return self._ask(
            "query_range", {"query": query, **{k: f"{v / 1000:.3f}" for k, v in times.items()}}
        )

    def _ask(self, endpoint: str, parameters: Mapping[str, str]) -> Answer:
        body = urllib.parse.urlencode({**self._parameters, **parameters}).encode()
        request = urllib.request.Request(f"{self.base_url}/api/v1/{endpoint}", data=body)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                document = json.load(response)
        except urllib.error.HTTPError as error:
            raise _refusal(error.code, error.read()) from error
        return Answer(
            value=_value(document["data"]),
            warnings=tuple(document.get("warnings", ())),
            infos=tuple(document.get("infos", ())),
        )


def _refusal(status: int, body: bytes) -> SubjectError:
    try:
        document = json.loads(body)
        text = f"{document['errorType']}: {document['error']}"
    except (ValueError, KeyError, TypeError):
        text = body.decode(errors="replace").strip()
    if "not supported" in text:
        return NotSupportedError(text)
    return SubjectError(f"{status} {text}")


def _value(data: dict[str, Any]) -> Value:
    result = data["result"]
    match data["resultType"]:
        case "vector":
            return Vector(elements=[(_labels(e["metric"]), float(e["value"][1])) for e in result])
        case "matrix":
            return Matrix(series=[(_labels(e["metric"]), _points(e["values"])) for e in result])
        case "scalar":
            return Scalar(value=float(result[1]))
        case _:
            return String(value=result[1])


def _labels(metric: dict[str, str]) -> Labels:
    return tuple(sorted(metric.items()))


def _points(values: list[list[Any]]) -> list[tuple[int, float]]:
    return [(round(float(time) * 1000), float(value)) for time, value in values]
