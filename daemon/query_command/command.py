"""The command `tallyd query`: arguments to a question, its answer to standard output."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping

from daemon.query_command.client import Answer, ask
from daemon.query_command.text import BARS, PLAIN_BARS, format_charts, format_table
from daemon.web.access import AccessError, read_access
from daemon.web.client import AskError
from query.durations import parse_duration_ms
from query.errors import DurationError

OK, FAILED, BAD_QUESTION = 0, 1, 2


def run_query(args: argparse.Namespace, clock: Callable[[], float] = time.time) -> int:
    """Run the command and return its exit code: 0 answered, 1 failed, 2 the question is wrong."""
    try:
        endpoint, parameters = read_question(args, clock())
        answer = ask(args.url, endpoint, parameters, read_access(args))
    except AccessError as error:
        sys.stderr.write(f"tallyd query: {error}\n")
        return BAD_QUESTION
    except AskError as error:
        sys.stderr.write(f"tallyd query: {error}\n")
        return BAD_QUESTION if error.is_bad_question else FAILED
    sys.stderr.writelines(f"tallyd query: {note}\n" for note in answer.notes)
    _show(answer, as_json=args.json, as_charts=args.range is not None)
    return OK


def read_question(args: argparse.Namespace, now_s: float) -> tuple[str, Mapping[str, str]]:
    """Return the endpoint and parameters that the arguments stand for.

    Raises:
        AskError: the times are wrong.
    """
    if args.range is None:
        at = {} if args.at is None else {"time": read_time(args.at, now_s)}
        return "query", {"query": args.expr, **at}
    if args.at is not None:
        raise AskError("--at and --range exclude each other", is_bad_question=True)
    parts = [part.strip() for part in args.range.split(",")]
    if len(parts) != 3:
        text = f"expected --range FROM,TO,STEP such as -5m,now,15s, got {args.range!r}"
        raise AskError(text, is_bad_question=True)
    start, end = (read_time(part, now_s) for part in parts[:2])
    return "query_range", {"query": args.expr, "start": start, "end": end, "step": parts[2]}


def read_time(text: str, now_s: float) -> str:
    """Return a time for the API: `now`, `-5m` before now, or what the API itself understands.

    Raises:
        AskError: it begins with a minus sign and is no duration.
    """
    if text == "now":
        return f"{now_s:.3f}"
    if not text.startswith("-"):
        return text
    try:
        return f"{now_s - parse_duration_ms(text[1:]) / 1000:.3f}"
    except DurationError as error:
        raise AskError(f"time {text!r}: {error}", is_bad_question=True) from error


def _show(answer: Answer, *, as_json: bool, as_charts: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(answer.document, indent=2, ensure_ascii=False)}\n")
        return
    width = shutil.get_terminal_size().columns
    lines = format_charts(answer, width=width, bars=_bars()) if as_charts else format_table(answer)
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _bars() -> str:
    """Return bars that standard output can show."""
    try:
        BARS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return PLAIN_BARS
    return BARS
