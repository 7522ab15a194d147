"""Where queries run: turns of large ones, limits, who hears which metrics are wanted."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from daemon.web.asking import Asking, AskingSettings, Wish, selectors, walk
from daemon.web.envelope import ApiError, Reply
from query.errors import QueryError, QuerySyntaxError
from query.labels import Labels
from query.parser import parse
from tests.support.promtest.stores import store_with

SMALL, LARGE = "count(x)", "count_over_time(x[1m])"
AT_MS = 60_000


@dataclass
class Bench:
    """An `Asking` over three series, and its worker, which can be kept busy."""

    asking: Asking
    worker: ThreadPoolExecutor
    asked: list[str]
    idle: threading.Event = field(default_factory=threading.Event)

    def occupy(self) -> None:
        """Keep the worker busy until `idle` is set."""
        self.worker.submit(self.idle.wait)

    async def ask(self, query: str, **wish: float) -> str:
        """Return the value of the first element, or the error's type."""
        try:
            reply = await self.asking.instant(query, AT_MS, Wish(**wish))  # type: ignore[arg-type]
        except (ApiError, QueryError) as error:
            return error.error_type
        return str(first_value(reply))


def first_value(reply: Reply) -> object:
    return json.loads(b"".join(reply.data))["result"][0]["value"][1]


SETTINGS = AskingSettings(
    lookback_ms=300_000,
    timeout_s=10.0,
    max_samples=100_000,
    max_concurrency=2,
    max_inline_samples=160,
)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Ten samples a series: an instant query weighs 153 samples, a range 180 and goes to the worker."""
    series: dict[Labels, list[tuple[int, float]]] = {
        (("__name__", "x"), ("n", str(n))): [(at_ms, 1.0) for at_ms in range(5000, 55_000, 5000)]
        for n in range(3)
    }
    asked: list[str] = []
    with ThreadPoolExecutor(max_workers=1) as worker:
        asking = Asking(store_with(series), SETTINGS, worker, lambda: AT_MS, asked=asked.append)
        bench = Bench(asking, worker, asked)
        yield bench
        bench.idle.set()


async def test_small_ones_do_not_wait(bench: Bench) -> None:
    """While the worker is busy a small query is answered all the same, a large one after it."""
    bench.occupy()
    large = asyncio.create_task(bench.ask(LARGE))
    assert await bench.ask(SMALL) == "3"
    assert not large.done()
    bench.idle.set()
    assert await large == "10"


async def test_turns(bench: Bench) -> None:
    """As many large queries as configured run or wait; one more is refused at once."""
    bench.occupy()
    tasks = [asyncio.create_task(bench.ask(LARGE)) for _ in range(2)]
    await asyncio.sleep(0)
    assert await bench.ask(LARGE) == "unavailable"
    bench.idle.set()
    assert await asyncio.gather(*tasks) == ["10", "10"]
    assert await bench.ask(LARGE) == "10"


async def test_queue_timeout(bench: Bench) -> None:
    """Who waits longer than the timeout for a turn is told so, and the next one finds room."""
    bench.occupy()
    first = asyncio.create_task(bench.ask(LARGE))
    await asyncio.sleep(0)
    with pytest.raises(ApiError, match="query timed out in query queue") as caught:
        await bench.asking.instant(LARGE, AT_MS, Wish(timeout_s=0.01))
    assert caught.value.status == 503
    bench.idle.set()
    assert await first == "10"
    assert await bench.ask(LARGE) == "10"


async def test_timeout_of_a_search(bench: Bench) -> None:
    """A search through very many label values ends with the query's time, on the loop too."""
    series: dict[Labels, list[tuple[int, float]]] = {
        (("__name__", "x"), ("n", str(n))): [(5000, 1.0)] for n in range(1_000)
    }
    asking = Asking(
        store_with(series), SETTINGS, bench.worker, lambda: AT_MS, asked=bench.asked.append
    )
    query = 'count(x{n=~".*[0-9]"})'
    with pytest.raises(ApiError, match="query timed out while its series were looked for"):
        await asking.instant(query, AT_MS, Wish(timeout_s=0))
    assert (await asking.instant(query, AT_MS, Wish())).data


async def test_errors_leave_room(bench: Bench) -> None:
    """A query that fails, in the worker or before, ends its turn."""
    for _ in range(5):
        assert await bench.ask("x[1m] / 0") == "bad_data"
        assert await bench.ask("sum_over_time(x[1m]) * on () x") == "execution"
        assert await bench.ask(LARGE, timeout_s=0) in {"timeout", "10"}
    assert await bench.ask(LARGE) == "10"


async def test_gone(bench: Bench) -> None:
    """Whoever goes away while waiting gives the turn to the next."""
    bench.occupy()
    tasks = [asyncio.create_task(bench.ask(LARGE)) for _ in range(2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    bench.idle.set()
    assert await bench.ask(LARGE) == "10"


async def test_asked(bench: Bench) -> None:
    """Names that nobody reported are passed on: buckets are kept from the first query on (DESIGN 3.5)."""
    await bench.asking.instant("rate(y_bucket[1m]) + x + {__name__=~'z'}", AT_MS, Wish())
    assert bench.asked == ["y_bucket"]


async def test_range_weighs_its_steps(bench: Bench) -> None:
    """A range query with many steps goes to the worker although it reads few samples."""
    bench.occupy()
    task = asyncio.create_task(bench.asking.range("x{n='1'}", 50_000, 60_000, 10, Wish(steps=1001)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    bench.idle.set()
    reply = await task
    assert len(json.loads(b"".join(reply.data))["result"][0]["values"]) == 1001


def test_walk() -> None:
    """Every selector is found, whatever stands around it."""
    expr = parse("-sum by (a) (topk(scalar(k), a)) + max_over_time(rate(b[1m])[5m:]) * c")
    assert ({one.name for one in selectors(expr)}, sum(1 for _ in walk(expr))) == (
        {"k", "a", "b", "c"},
        14,
    )


async def test_syntax(bench: Bench) -> None:
    """A text that is no query is refused before anything is read."""
    with pytest.raises(QuerySyntaxError):
        await bench.asking.instant("sum(", AT_MS, Wish())


async def test_many_series_go_to_the_worker() -> None:
    """Labels are work too: the newest samples of many series are few, sorting them is not."""
    series: dict[Labels, list[tuple[int, float]]] = {
        (("__name__", "x"), ("n", str(n))): [(55_000, 1.0)] for n in range(300)
    }
    settings = AskingSettings(
        lookback_ms=300_000,
        timeout_s=10.0,
        max_samples=100_000,
        max_concurrency=2,
        max_inline_samples=10_000,
    )
    with ThreadPoolExecutor(max_workers=1) as worker:
        names: list[str] = []
        asking = Asking(store_with(series), settings, worker, lambda: AT_MS, asked=names.append)
        bench = Bench(asking, worker, names)
        bench.occupy()
        large = asyncio.create_task(bench.ask("count(x)"))
        few = await bench.ask('count(x{n="7"})')
        assert (few, large.done()) == ("1", False)
        bench.idle.set()
        assert await large == "300"
