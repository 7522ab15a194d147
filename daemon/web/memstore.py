"""The add-on's REST paths, for those who move over: `/memstore/*` and `/info` (promql.md 3.1, DESIGN 4.3)."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np

from daemon.clock import Clock
from daemon.web.api import Call, Handler, Page, Route, read_body, text_page
from daemon.web.asking import Asking
from daemon.web.catalog import Labelled
from daemon.web.envelope import ApiError
from daemon.web.parameters import Parameters
from daemon.web.prometheus import read_parameters
from daemon.web.turns import stepwise
from query.dialect import parse_metric_query, simple_form
from query.errors import QueryError
from query.labels import METRIC_NAME, Labels, Matcher, MatchOp
from query.queryable import Queryable, Selection, is_stale
from query.regex import build_matcher
from query.scaling import Answer, Question
from query.values import OverTime

MAX_BODY_BYTES = 128 * 1024
MAX_SERIES = 5_000
"""Of one answer of `/memstore/data`: a few MB."""
WINDOW_MS = 60_000
"""Of `operationOverTime`, as a trigger's that gives none (keda.md 6.3.7)."""

_ANY_NAME = (build_matcher(METRIC_NAME, MatchOp.REGEX, ".+"),)

Describe = Callable[[Parameters], Awaitable[Page]]


class Scaling(Protocol):
    """The engine that answers KEDA."""

    def answer(self, question: Question, at_ms: int) -> Answer:
        """Return what is known at `at_ms`; raises QueryError."""


class MemstoreApi:
    """Reads what the add-on's paths read; `/memstore/reset` is not offered: it would make KEDA scale in."""

    def __init__(
        self,
        engine: Scaling,
        store: Queryable,
        labelled: Labelled,
        asking: Asking,
        clock: Clock,
        *,
        retention_ms: int,
    ) -> None:
        self._engine = engine
        self._store = store
        self._labelled = labelled
        self._asking = asking
        self._clock = clock
        self._retention_ms = retention_ms

    def routes(self) -> Mapping[str, Route]:
        """Return the pages by path."""
        return {
            "/memstore/query": Route(self._query, ("POST",)),
            "/memstore/names": Route(self._names),
            "/memstore/data": Route(_told(self._data)),
            "/memstore/reset": Route(_no_reset, ("POST",)),
            "/info": Route(_info),
        }

    async def _query(self, call: Call) -> Page:
        body = await read_body(call.request, MAX_BODY_BYTES)
        operation = OverTime.LAST_ONE.value
        try:
            text, operation = read_question(body)
            value = self._value(text, operation)
        except (ApiError, QueryError) as error:
            refused = {"ok": False, "operation": operation, "error": str(error), "value": -1}
            return _json_page(refused, error.status if isinstance(error, ApiError) else 400)
        return _json_page({"ok": True, "operation": operation, "error": "", "value": value})

    def _value(self, text: str, operation: str) -> float:
        """Return the answer a trigger would get, before clamping; -1 never stands for a number (promql.md 3.2, 27)."""
        if operation not in set(OverTime):
            raise ApiError("bad_data", f"operationOverTime: expected one of {', '.join(OverTime)}")
        over_time = OverTime(operation)
        query = simple_form(parse_metric_query(text).expr, text)
        question = Question(query=query, over_time=over_time, window_ms=WINDOW_MS, target=None)
        now_ms = self._clock()
        self._asking.refuse_while_settling()
        answer = self._engine.answer(question, now_ms)
        if not answer.known:
            raise ApiError("not_found", f"nobody ever reported the metric of {text[:200]!r}")
        return 0.0 if answer.value is None else answer.value

    async def _names(self, _call: Call) -> Page:
        return _json_page(sorted(self._labelled.label_values(METRIC_NAME)))

    async def _data(self, parameters: Parameters) -> Page:
        """Tell every series; those of one metric with `?name=`."""
        name = parameters.text("name")
        matchers = (build_matcher(METRIC_NAME, MatchOp.EQUAL, name),) if name else _ANY_NAME
        now_ms = self._clock()
        await self._check_size(matchers)
        start_ms = now_ms - self._retention_ms if self._retention_ms else 0
        selection = await stepwise(
            self._store.selecting(matchers, start_ms=start_ms, end_ms=now_ms + WINDOW_MS)
        )
        return await self._asking.in_worker(lambda: _json_page(describe(selection)))

    async def _check_size(self, matchers: tuple[Matcher, ...]) -> None:
        everything = 2**62
        found = await stepwise(
            self._labelled.label_sets(matchers, start_ms=-everything, end_ms=everything)
        )
        if len(found) > MAX_SERIES:
            raise ApiError(
                "execution",
                f"{len(found)} series are more than {MAX_SERIES}: ask for one metric with ?name=NAME",
            )


def read_question(body: bytes) -> tuple[str, str]:
    """Return query and operation of a body `{"operationOverTime": ..., "query": ...}`.

    Raises:
        ApiError: it is no such object.
    """
    try:
        document: Any = json.loads(body)  # Any: what JSON holds is looked at below
    except (ValueError, RecursionError) as error:
        raise ApiError("bad_data", "expected a JSON object with query, got no JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("query"), str):
        raise ApiError("bad_data", 'expected a JSON object such as {"query": "sum(x)"}')
    operation = document.get("operationOverTime") or OverTime.LAST_ONE.value
    if not isinstance(operation, str):
        raise ApiError("bad_data", "operationOverTime: expected text")
    return document["query"], operation


def describe(selection: Selection) -> dict[str, list[dict[str, object]]]:
    """Return the series of a selection by metric name: labels, samples, and the add-on's aggregates of them."""
    found: dict[str, list[dict[str, object]]] = {}
    for row, labels in enumerate(selection.labels):
        count = int(selection.counts[row])
        times_ms, values = selection.times_ms[row, :count], selection.values[row, :count]
        keep = ~is_stale(values)
        one = _describe_series(labels, times_ms[keep].tolist(), values[keep].tolist())
        found.setdefault(dict(labels).get(METRIC_NAME, ""), []).append(one)
    return found


def _describe_series(labels: Labels, times_ms: list[int], values: list[float]) -> dict[str, object]:
    return {
        "labels": {name: value for name, value in labels if name != METRIC_NAME},
        "data": [
            {"time": time_ms // 1000, "value": _plain(value)}
            for time_ms, value in zip(times_ms, values, strict=True)
        ],
        "aggregatesOverTime": _aggregates(times_ms, values),
        "lastUpdate": times_ms[-1] // 1000 if times_ms else 0,
    }


def _aggregates(times_ms: list[int], values: list[float]) -> dict[str, float | None]:
    if not values:
        return {}
    grown = sum(
        after - before if after >= before else after for before, after in itertools.pairwise(values)
    )
    span_s = (times_ms[-1] - times_ms[0]) / 1000
    aggregates = {
        "last_one": values[-1],
        "rate": grown / span_s if span_s else 0.0,
        "min": min(values),
        "max": max(values),
        "avg": float(np.mean(values)),
        "count": float(len(values)),
    }
    return {name: _plain(value) for name, value in aggregates.items()}


def _plain(value: float) -> float | None:
    """Return a number that JSON knows."""
    return value if math.isfinite(value) else None


def _told(answer: Describe) -> Handler:
    async def page(call: Call) -> Page:
        try:
            return await answer(await read_parameters(call))
        except ApiError as error:
            return _json_page({"error": str(error)}, error.status)

    return page


async def _no_reset(_call: Call) -> Page:
    text = "tallyd does not forget on demand: KEDA would scale in. Restart it to begin anew"
    return text_page(text, 404)


async def _info(_call: Call) -> Page:
    return _json_page({"name": "tallyd", "version": version("tallyd")})


def _json_page(document: object, status: int = 200) -> Page:
    text = json.dumps(document, ensure_ascii=False, indent=4)
    return Page(status=status, body=[text.encode(errors="replace")])
