"""Prometheus' HTTP API: queries (promql.md 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from daemon.clock import Clock
from daemon.web.api import Call, Page, Route, read_body
from daemon.web.asking import Asking, Wish, error_of
from daemon.web.envelope import ApiError, Reply, bad_parameter, reply
from daemon.web.parameters import MAX_FORM_BYTES, Parameters
from query.engine import MAX_POINTS, check_range
from query.errors import BadQueryError, QueryError
from query.parser import parse
from query.printer import print_expr

FORM = "application/x-www-form-urlencoded"
READS = ("GET", "HEAD", "POST")

Answer = Callable[[Parameters, str], Awaitable[Reply]]
"""What a page of the API finds, given the parameters and the variable part of the path."""


class QueryApi:
    """`query`, `query_range` and `format_query`."""

    def __init__(self, asking: Asking, clock: Clock) -> None:
        self._asking = asking
        self._clock = clock

    def routes(self) -> Mapping[str, Route]:
        """Return the pages by path."""
        return {
            "/api/v1/query": api_route(self._query),
            "/api/v1/query_range": api_route(self._query_range),
            "/api/v1/format_query": api_route(_format_query),
        }

    async def _query(self, parameters: Parameters, _: str) -> Reply:
        at_ms = parameters.time_ms("time", self._clock())
        wish = _wish(parameters, at_ms=at_ms)
        return await self._asking.instant(parameters.text("query"), at_ms, wish)

    async def _query_range(self, parameters: Parameters, _: str) -> Reply:
        start_ms, end_ms = parameters.time_ms("start"), parameters.time_ms("end")
        if end_ms < start_ms:
            raise bad_parameter("end", "end timestamp must not be before start time")
        step_ms = parameters.required_duration_ms("step")
        if step_ms <= 0:
            raise bad_parameter(
                "step",
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            )
        try:
            steps = len(check_range(start_ms, end_ms, step_ms, MAX_POINTS))
        except BadQueryError as error:
            raise ApiError("bad_data", str(error)) from error
        wish = _wish(parameters, steps=steps)
        return await self._asking.range(parameters.text("query"), start_ms, end_ms, step_ms, wish)


def api_route(answer: Answer, methods: tuple[str, ...] = READS) -> Route:
    """Return a page that reads parameters, calls `answer`, and wraps what comes of it."""

    async def page(call: Call) -> Page:
        try:
            found = await answer(await read_parameters(call), call.argument)
        except QueryError as error:
            return error_page(error_of(error))
        except ApiError as error:
            return error_page(error)
        return Page(body=found.body())

    return Route(page, methods)


def error_page(error: ApiError) -> Page:
    """Return an error as a page."""
    return Page(status=error.status, body=error.body())


async def read_parameters(call: Call) -> Parameters:
    """Return the parameters of a request: those of a form count before those of the query string.

    Raises:
        ApiError: they cannot be read.
        TooLargeError: the form is too large.
    """
    request = call.request
    query_string = request.rel_url.raw_query_string
    if len(query_string) > MAX_FORM_BYTES:
        raise ApiError("bad_data", f"the query string is longer than {MAX_FORM_BYTES} bytes", 414)
    if request.method == "POST":
        body = await read_body(request, MAX_FORM_BYTES)
        if content_type(request.headers.get("Content-Type", "")) == FORM:
            return Parameters(body, query_string)
    return Parameters(query_string)


def content_type(header: str) -> str:
    """Return the type in a Content-Type header, without parameters, in small letters."""
    return header.partition(";")[0].strip().lower()


def _wish(parameters: Parameters, *, steps: int = 1, at_ms: int | None = None) -> Wish:
    timeout_ms = parameters.duration_ms("timeout")
    lookback_ms = parameters.duration_ms("lookback_delta")
    if lookback_ms is not None and lookback_ms <= 0:
        raise bad_parameter("lookback_delta", "expected a duration above zero")
    return Wish(
        steps=steps,
        lookback_ms=lookback_ms,
        timeout_s=None if timeout_ms is None else max(timeout_ms, 0) / 1000,
        limit=parameters.limit(),
        delayed_names=parameters.text("delayed_name_removal") == "true",
        at_ms=at_ms,
    )


async def _format_query(parameters: Parameters, _: str) -> Reply:
    return reply(print_expr(parse(parameters.text("query"))))
