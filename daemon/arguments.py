"""The arguments of each command, and what a value must look like."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from daemon.web.access import add_access_arguments

DEFAULT_URL = "http://localhost:9090"


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """Give a command its `--config FILE`."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="YAML in the collector's schema, or Helm values around it (default: built in)",
    )


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `explain` is asked."""
    add = parser.add_argument
    add("metric_query", metavar="METRIC_QUERY", nargs="?", help="as in a trigger's metricQuery")
    add("--session", metavar="NAME", default="three-callers", help="default: three-callers")
    add("--list-sessions", action="store_true", help="show the recorded sessions and exit")
    add(
        "--over-time",
        metavar="OPERATION",
        help="operationOverTime (default: rate for METRIC_QUERY)",
    )
    add("--window", metavar="DURATION", help="window (default: 60s)")
    add("--target", metavar="NUMBER", help="targetValue (default: 1)")
    add("--dialect", metavar="NAME", help="auto, promql or otel (default: auto)")
    add(
        "--metadata",
        metavar="KEY=VALUE",
        type=_pair,
        action="append",
        default=[],
        help="any other key of a trigger's metadata, such as clampMax=10 or queryRef=NAME; repeatable",
    )
    add("--all", action="store_true", help="list metrics without series one by one, too")
    add("--check", action="store_true", help="exit with 1 if KEDA would get an error")
    add("--json", action="store_true", help="one JSON object for scripts (keys: below)")
    running = parser.add_mutually_exclusive_group()
    running.add_argument(
        "--url",
        metavar="URL",
        help=f"ask the HTTP API of a tallyd that runs, such as {DEFAULT_URL}; it has its own configuration",
    )
    running.add_argument(
        "--ask",
        metavar="HOST:PORT",
        type=_endpoint,
        help="ask the scaler of a tallyd that runs, such as localhost:4318; it has its own configuration",
    )
    add_access_arguments(parser)


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how `demo` plays."""
    add = parser.add_mutually_exclusive_group().add_argument
    add("--speed", metavar="N", type=_speed, default=20.0, help="times real time (default: 20)")
    add(
        "--target",
        metavar="HOST:PORT",
        type=_endpoint,
        help="play to this OpenCensus receiver, in real time, draw nothing",
    )


def add_query_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `query` is asked."""
    add = parser.add_argument
    add("expr", metavar="EXPR", help="PromQL")
    add("--url", metavar="URL", default=DEFAULT_URL, help=f"whom to ask (default: {DEFAULT_URL})")
    add("--at", metavar="TIME", help="evaluation time (default: now)")
    add("--range", metavar="FROM,TO,STEP", help="ask for many times; shown as charts")
    add("--json", action="store_true", help="the answer as the server gave it")
    add_access_arguments(parser)


def add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whom `doctor` asks."""
    add = parser.add_argument
    add("--url", metavar="URL", default=DEFAULT_URL, help=f"whom to ask (default: {DEFAULT_URL})")
    add("--json", action="store_true", help="a list of {severity, what, do}")
    add_access_arguments(parser)


def add_policy_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `policy` needs."""
    parser.add_argument(
        "--service",
        metavar="NAME",
        type=_service,
        default="keda-otel-scaler",
        help="the Service that triggers point to (default: keda-otel-scaler)",
    )


def _pair(text: str) -> str:
    if text.find("=") < 1:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return text


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 10_000:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 10000, got {text!r}")
    return speed


def _endpoint(text: str) -> str:
    from daemon.config.fields import parse_endpoint  # noqa: PLC0415

    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _service(text: str) -> str:
    if not re.fullmatch("[a-z]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise argparse.ArgumentTypeError(f"expected the name of a Service, got {text!r}")
    return text
