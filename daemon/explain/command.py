"""`tallyd explain`: arguments to an explanation, printed for people or for scripts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping

from daemon.config.load import BUILT_IN, LoadedConfig
from daemon.config.service import LogsConfig
from daemon.explain.asking import BadQuestionError
from daemon.explain.document import build_document
from daemon.explain.explanation import explain
from daemon.explain.text import format_explanation
from daemon.explain.verdicts import NothingReceivesError
from daemon.recording import (
    WALK_THROUGH,
    RecordingError,
    load_session,
    metrics_events,
    session_names,
)
from daemon.telemetry import configure_logs

OK, FAILED = 0, 1
DEFAULT_SESSION = "three-callers"
_QUERY_KEYS = ("metricQuery", "queryRef")


def run_explain(args: argparse.Namespace, loaded: LoadedConfig) -> int:
    """Run the command and return its exit code.

    Raises:
        InvalidConfigurationError: parts of the configuration cannot be built.
    """
    configure_logs(LogsConfig(level="warn"))
    try:
        if args.list_sessions:
            sys.stdout.writelines(f"{line}\n" for line in _sessions())
            return OK
        events = load_session(args.session)
        explanation = explain(loaded, events, build_metadata(args))
    except (RecordingError, BadQuestionError, NothingReceivesError) as error:
        sys.stderr.write(f"tallyd explain: {error}\n")
        return FAILED
    configuration = BUILT_IN if args.config is None else str(args.config)
    if args.json:
        document = build_document(explanation, configuration)
        sys.stdout.write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")
    else:
        sys.stdout.write(format_explanation(explanation, configuration))
    return OK


def build_metadata(args: argparse.Namespace) -> Mapping[str, str]:
    """Return the trigger's metadata that the arguments stand for.

    The walk-through's if they give no query at all; a query alone gets the options' defaults; metadata with a query or
    `queryRef` of its own is taken as KEDA would send it.
    """
    given = dict(pair.partition("=")[::2] for pair in args.metadata)
    options = {
        "metricQuery": args.metric_query,
        "operationOverTime": args.over_time,
        "window": args.window,
        "targetValue": args.target,
        "dialect": args.dialect,
    }
    given.update({key: value for key, value in options.items() if value is not None})
    if args.metric_query is not None:
        return {"operationOverTime": "rate", "targetValue": "1", **given}
    if any(key in given or f"{key}FromEnv" in given for key in _QUERY_KEYS):
        return given
    return {**WALK_THROUGH, **given}


def _sessions() -> Iterator[str]:
    for name in session_names():
        events = load_session(name)
        seconds = (events[-1].at_ms - events[0].at_ms) / 1000
        pods = dict.fromkeys(event.pod for event in events)
        reports = sum(event.raw is not None for event in metrics_events(events)) - len(
            {(event.connection, event.stream) for event in metrics_events(events)}
        )
        yield f"{name:<20} {seconds:>4.0f} s  {reports:>3} reports  {', '.join(pods)}"
