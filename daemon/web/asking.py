"""Where queries run: small ones between two messages, large ones one by one in a worker thread (DESIGN 4.5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from daemon.clock import Clock
from daemon.web.envelope import ApiError, Reply
from daemon.web.formatting import Renderer
from daemon.web.turns import Gone, Pauses, Room, Turn, stepwise
from query.engine import PreparedQuery, PromEngine, QueryOptions
from query.errors import QueryError
from query.evaluate.results import QueryResult
from query.queryable import Queryable
from query.slices import Sliced
from query.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Subquery,
    Unary,
    VectorSelector,
)

T = TypeVar("T")

Prepare = Callable[[QueryOptions], Sliced[PreparedQuery]]
TRUNCATED = "results truncated due to limit"

_VALUES_A_SAMPLE = 8
"""A value of a range query costs about what eight samples cost to read."""
_SAMPLES_A_SERIES = 50
"""Work on labels, sorting and rendering cost as much a series as reading so many samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingSettings:
    """Limits of queries over HTTP; the settings of `extensions.http_api` say what they mean."""

    lookback_ms: int
    timeout_s: float
    max_samples: int
    max_concurrency: int
    max_inline_samples: int
    settle_for_ms: int = 0
    """`exporters.windows.settle_for`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one request asks for besides its query."""

    steps: int = 1
    lookback_ms: int | None = None
    timeout_s: float | None = None
    limit: int = 0
    """Elements of the result; 0 is no limit."""
    delayed_names: bool = False
    """Drop metric names at the end only (promql.md 2.13)."""
    at_ms: int | None = None
    """The time of an instant query, which is refused while settling if its answer may be partial."""


class _Doubt(NamedTuple):
    """Why an answer while settling may be partial."""

    left_ms: int
    """Until settled; 0 once it is."""
    warming: bool
    """Whether it rests on series with a single sample (keda.md 6.3.3)."""


_NO_DOUBT = _Doubt(0, False)


class Asking:
    """Answers queries; runs on the event loop, with one worker thread for the large ones.

    Copies are made on the loop, bit by bit. Of large queries one has its copies at a time: the others wait, at most
    `max_concurrency`, and copy when it is their turn.
    """

    def __init__(
        self,
        queryable: Queryable,
        settings: AskingSettings,
        worker: Executor,
        clock: Clock,
        *,
        asked: Callable[[str], None],
    ) -> None:
        """Ask `queryable`; `asked(name)` hears which metrics somebody wants (DESIGN 3.5)."""
        self.engine = PromEngine(queryable)
        self._queryable = queryable
        self._settings = settings
        self._worker = worker
        self._clock = clock
        self._settled_at_ms = clock() + settings.settle_for_ms
        self._asked = asked
        self._renderer = Renderer()
        self._turn = asyncio.Lock()
        self._room = Room(settings.max_concurrency)

    async def instant(self, text: str, at_ms: int, wish: Wish) -> Reply:
        """Return a query's value at one instant; raises as `range` does."""
        return await self._answer(
            lambda options: self.engine.preparing_instant(text, at_ms, options), wish
        )

    async def range(self, text: str, start_ms: int, end_ms: int, step_ms: int, wish: Wish) -> Reply:
        """Return a query's values over a range.

        Raises:
            ApiError: it cannot be answered now.
            QueryError: it cannot be answered.
        """
        return await self._answer(
            lambda options: self.engine.preparing_range(text, start_ms, end_ms, step_ms, options),
            wish,
        )

    def settled(self) -> None:
        """Answer as after settling: what was remembered before the start is there."""
        self._settled_at_ms = self._clock()

    def refuse_while_settling(self) -> None:
        """Raise ApiError as long as senders may not have noticed a restart (keda.md 6.3.6)."""
        left_ms = self._settled_at_ms - self._clock()
        if left_ms > 0:
            raise _settling(left_ms)

    async def in_worker(self, compute: Callable[[], T]) -> T:
        """Return what `compute` returns, for work that would hold the loop up; it must not read the store."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, compute)

    async def _answer(self, prepare: Prepare, wish: Wish) -> Reply:
        timeout_s = self._settings.timeout_s
        if wish.timeout_s is not None:
            timeout_s = min(wish.timeout_s, timeout_s)
        deadline_s = time.monotonic() + timeout_s
        gone = Gone()

        def begin() -> Sliced[PreparedQuery]:
            left_s = max(0.0, deadline_s - time.monotonic()) if turn.waited else timeout_s
            return prepare(self._options(wish, left_s, gone))

        turn = Turn(self._turn, self._room, deadline_s)
        try:
            prepared = await self._prepared(begin, wish, turn)
            doubt = await stepwise(self._doubt(prepared.expr, wish))
            if not turn.taken:
                return self._finish(prepared, wish, doubt)
            return await self.in_worker(lambda: self._finish(prepared, wish, doubt))
        finally:
            gone.set()
            turn.end()

    async def _prepared(
        self, begin: Callable[[], Sliced[PreparedQuery]], wish: Wish, turn: Turn
    ) -> PreparedQuery:
        """Return a query with its copies; a large one when it is its turn, until which it holds nothing."""
        work, read, pauses = begin(), 0, Pauses()
        while True:
            prepared: PreparedQuery | None = None
            try:
                read += next(work)
            except StopIteration as done:
                prepared = done.value
                assert prepared is not None  # noqa: S101 what the generator returns
                self._hear(prepared)
            small = read <= self._settings.max_inline_samples
            if prepared is not None:
                small = self._is_small(prepared, wish.steps)
            if not small and not turn.taken and not await turn.take_at_once():
                work.close()
                del work, prepared
                await turn.take()
                work, read = begin(), 0
                continue
            if prepared is not None:
                return prepared
            await pauses.pause()
            turn.check()

    def _hear(self, prepared: PreparedQuery) -> None:
        for name in {selector.name for selector in selectors(prepared.expr)}:
            if name is not None and not self._queryable.knows(name):
                self._asked(name)

    def _finish(self, prepared: PreparedQuery, wish: Wish, doubt: _Doubt) -> Reply:
        """Evaluate and render; in whatever thread."""
        result = prepared.evaluate()
        if doubt.warming or (doubt.left_ms and not len(result.rows)):
            raise _settling(doubt.left_ms)
        warnings = result.warnings
        if 0 < wish.limit < len(result.rows):
            result, warnings = _first(result, wish.limit), (*warnings, TRUNCATED)
        return Reply(
            data=self._renderer.result(result, prepared.check),
            warnings=warnings,
            infos=result.infos,
        )

    def _doubt(self, expr: Expr, wish: Wish) -> Sliced[_Doubt]:
        """Return what makes an answer partial because senders have not noticed the restart yet (promql.md 7)."""
        left_ms = self._settled_at_ms - self._clock()
        if wish.at_ms is None or left_ms <= 0 or not any(selectors(expr)):
            return _NO_DOUBT
        warming = False
        for node in walk(expr):
            if isinstance(node, MatrixSelector) and node.selector.at is None:
                end_ms = wish.at_ms - node.selector.offset_ms
                found = yield from self._queryable.selecting(
                    node.selector.matchers, start_ms=end_ms - node.range_ms, end_ms=end_ms
                )
                warming = warming or bool((found.counts == 1).any())
        return _Doubt(left_ms, warming)

    def _is_small(self, prepared: PreparedQuery, steps: int) -> bool:
        weight = prepared.samples + prepared.series * _SAMPLES_A_SERIES
        if steps > 1:
            weight += prepared.samples * steps // _VALUES_A_SAMPLE
        if weight > self._settings.max_inline_samples:
            return False
        return not any(isinstance(node, Subquery) for node in walk(prepared.expr))

    def _options(self, wish: Wish, timeout_s: float, gone: Gone) -> QueryOptions:
        lookback_ms = wish.lookback_ms or self._settings.lookback_ms
        return QueryOptions(
            lookback_ms=lookback_ms,
            max_samples=self._settings.max_samples,
            delayed_names=wish.delayed_names,
            timeout_s=timeout_s,
            clock=time.monotonic,
            is_canceled=gone.is_set,
        )


def _settling(left_ms: int) -> ApiError:
    return ApiError(
        "unavailable",
        f"settling after the start: {-(-left_ms // 1000)} s left until every sender must have reported "
        "(exporters.windows.settle_for)",
    )


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield `expr` and everything in it, selectors of ranges included."""
    waiting = [expr]
    while waiting:
        expr = waiting.pop()
        yield expr
        match expr:
            case MatrixSelector(selector=selector):
                waiting.append(selector)
            case Subquery(expr=inner) | Unary(expr=inner):
                waiting.append(inner)
            case Call(args=args):
                waiting.extend(args)
            case Aggregation(expr=inner, param=param):
                waiting += [inner] if param is None else [inner, param]
            case Binary(left=left, right=right):
                waiting += [left, right]


def selectors(expr: Expr) -> Iterator[VectorSelector]:
    """Yield the selectors in `expr`."""
    return (node for node in walk(expr) if isinstance(node, VectorSelector))


def _first(result: QueryResult, limit: int) -> QueryResult:
    """Return the first elements of a result."""
    end = int(result.ends[limit - 1])
    return QueryResult(
        type=result.type,
        labels=result.labels,
        rows=result.rows[:limit],
        ends=result.ends[:limit],
        times_ms=result.times_ms[:end],
        values=result.values[:end],
        warnings=result.warnings,
        infos=result.infos,
    )


def error_of(error: QueryError) -> ApiError:
    """Return what a refused query is answered with; Prometheus names the parameter where the text is at fault."""
    if error.error_type == "bad_data":
        return ApiError("bad_data", f'invalid parameter "query": {error}')
    return ApiError(error.error_type, str(error))
