"""`tallyd explain --ask`: what a tallyd that runs would tell KEDA."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import grpc

from daemon.explain.metadata import build_metadata
from daemon.scaler.client import NoValueError, ScalerClient
from daemon.scaler.decision import Numbers
from daemon.web.access import AccessError, read_pems

OK, FAILED = 0, 1
CONNECT_S = 5.0
NAMESPACE, NAME = "default", "tallyd-explain"
"""Whose trigger it is: the answer does not depend on it, but values held over a restart belong to a scaled object."""


class NotRunningError(Exception):
    """Nothing takes connections at the address."""


class Told(NamedTuple):
    """The lines for people, and whether KEDA would get a value."""

    lines: tuple[str, ...]
    is_value: bool


def run_ask(args: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    try:
        pems = read_pems(args)
        told = asyncio.run(ask_running(args.ask, build_metadata(args).metadata, pems))
    except (AccessError, NotRunningError) as error:
        sys.stderr.write(f"tallyd explain: {error}\n")
        return FAILED
    sys.stdout.writelines(f"{line}\n" for line in told.lines)
    return FAILED if args.check and not told.is_value else OK


async def ask_running(
    address: str, metadata: Mapping[str, str], pems: Sequence[bytes | None] | None = None
) -> Told:
    """Return what the scaler at `address` answers to KEDA's three questions.

    `pems` are authorities, key and certificate where it speaks TLS.

    Raises:
        NotRunningError: nothing takes connections there.
    """
    async with _channel(address, pems) as channel:
        try:
            await asyncio.wait_for(channel.channel_ready(), CONNECT_S)
        except TimeoutError as error:
            text = f"no tallyd at {address}: no connection within {CONNECT_S:g} s"
            raise NotRunningError(text) from error
        scaler = ScalerClient(channel, metadata, namespace=NAMESPACE, name=NAME)
        target = await _line(scaler.target, _target)
        value = await _line(scaler.numbers, _value)
        active = await _line(scaler.is_active, _activity)
    width = max(map(len, metadata))
    asked = tuple(f"  {key.ljust(width)}  {text}" for key, text in metadata.items())
    answers = (
        f"  GetMetricSpec  {target.text}",
        f"  GetMetrics     {value.text}",
        f"  IsActive       {'the same' if active.text == value.text else active.text}",
    )
    lines = (f"asked {address} as KEDA would", *asked, "answers", *answers)
    return Told(lines, is_value=all(one.is_value for one in (target, value, active)))


def _channel(address: str, pems: Sequence[bytes | None] | None) -> Any:  # grpc ships no types
    if pems is None:
        return grpc.aio.insecure_channel(address)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(*pems))


class _Line(NamedTuple):
    text: str
    is_value: bool


async def _line(call: Callable[[], Awaitable[Numbers | bool]], show: Callable[..., str]) -> _Line:
    try:
        return _Line(show(await call()), is_value=True)
    except NoValueError as error:
        text = error.text.replace("\n", "\n" + " " * 17)
        return _Line(f"{error.status.upper()}: {text}", is_value=False)


def _target(numbers: Numbers) -> str:
    return f"target {numbers.exact:g} (targetSize {numbers.integer}, targetSizeFloat {numbers.exact:g})"


def _value(numbers: Numbers) -> str:
    return f"{numbers.exact:g} (metricValue {numbers.integer}, metricValueFloat {numbers.exact:g})"


def _activity(active: bool) -> str:
    return "active" if active else "not active"
