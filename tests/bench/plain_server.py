"""The least that any Python server must do with a report, or an OTLP request: `grpc.aio` takes it in and drops it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc

from receivers.opencensus.server import METRICS_SERVICE, TRACE_SERVICE
from receivers.otlp.grpc_server import METRICS_SERVICE as OTLP_SERVICE


async def _discard(_requests: Any, context: Any) -> None:
    while await context.read() is not grpc.aio.EOF:
        pass


async def _drop(_request: bytes, _context: Any) -> bytes:
    return b""


async def _main() -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    stream, unary = grpc.stream_stream_rpc_method_handler, grpc.unary_unary_rpc_method_handler
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(METRICS_SERVICE, {"Export": stream(_discard)}),
            grpc.method_handlers_generic_handler(OTLP_SERVICE, {"Export": unary(_drop)}),
            grpc.method_handlers_generic_handler(
                TRACE_SERVICE, {"Export": stream(_discard), "Config": stream(_discard)}
            ),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    for event in (
        {"message": "listening", "component": "opencensus", "port": port},
        {"message": "ready"},
    ):
        print(json.dumps(event), flush=True)  # noqa: T201
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_main())
