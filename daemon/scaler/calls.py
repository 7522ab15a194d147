"""The top of every call of KEDA: how long it took, how it ended, and a fault of ours that costs this call alone."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import structlog

from daemon.scaler.schema import Method
from daemon.seldom import Seldom
from daemon.telemetry import SelfMetrics

log = structlog.get_logger(__name__)

# Any: grpc ships no types.
Context = Any
Handler = Callable[[bytes, Context], Awaitable[bytes | None]]

_CODES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


class Calls:
    """Watches calls; streams are not timed, for they last as long as their scaled object."""

    def __init__(self, metrics: SelfMetrics, count: Callable[[str, int], None]) -> None:
        """`count` hears of "failed_calls", each a defect."""
        self._metrics = metrics
        self._count = count
        self._took = metrics.histograms(
            "tallyd_keda_scaler_call_seconds", "Time that answers to KEDA took", label="method"
        )
        self._seldom = Seldom()

    def guarded(self, method: Method, handler: Handler) -> Handler:
        """Return the handler with a top."""
        name, streams, took = method.name, method.streams, self._took
        errors = self._metrics.counters(
            "tallyd_keda_scaler_errors",
            "Calls of KEDA that ended with another status than OK",
            label="code",
            method=name,
        )

        async def guarded(request: bytes, context: Context) -> bytes | None:
            began_s = time.perf_counter()
            try:
                return await handler(request, context)
            except grpc.aio.AbortError:
                errors(_code_of(context), 1)
                raise
            except Exception:
                errors(grpc.StatusCode.INTERNAL.name, 1)
                self._count("failed_calls", 1)
                held_back = self._seldom(name)
                if held_back is not None:
                    log.exception("call failed", method=name, left_out=held_back)
                await context.abort(grpc.StatusCode.INTERNAL, "tallyd failed, its log says why")
                raise
            finally:
                if not streams:
                    took(name, time.perf_counter() - began_s)

        return guarded


def _code_of(context: Context) -> str:
    """Return the status that the call was ended with; grpc has it as its number or as its own enum."""
    code = context.code()
    return str(code.name) if isinstance(code, grpc.StatusCode) else _CODES.get(code, "UNKNOWN")
