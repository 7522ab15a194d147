"""`tallyd explain`: arguments to an explanation, printed for people or for scripts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping

from daemon.config.load import BUILT_IN, LoadedConfig
from daemon.config.service import LogsConfig
from daemon.explain.document import build_document
from daemon.explain.explanation import explain
from daemon.explain.metadata import build_metadata
from daemon.explain.text import format_explanation
from daemon.explain.verdicts import NothingReceivesError
from daemon.logs import configure_logs
from daemon.recording import RecordingError, load_session, metrics_events, session_names
from daemon.scaler.asking import BadQuestionError
from daemon.scaler.decision import Refused

OK, FAILED = 0, 1
SHOWS: Mapping[str, str] = {
    "nodeapp-start": "the called app from its start, first call at 65 s",
    "pythonapp-start": "the caller from its start: it sends, receives nothing",
    "three-callers": "one caller, from 35 s on three",
    "burst": "three callers, 100 calls more from 22 s to 27 s",
    "callers-gone": "three callers, two of them die at 22 s",
    "sigterm": "a caller that is ended by SIGTERM",
    "sigkill": "a caller that is killed",
    "scale-out": "from 1 pod to 3 under three callers",
    "server-restart": "the receiver is away for 1 s at 49 s",
    "sidecar-restart": "killed and started again in its pod: counters begin anew",
    "late-server": "the receiver comes 70 s after the sidecar",
    "trace-unimplemented": "a receiver without the trace service",
    "low-cardinality": "increasedCardinality: false, own latency buckets",
    "busy": "mTLS, actors, pub/sub, resiliency, failing calls",
    "busy-caller": "the caller of busy",
}
"""What is special about each recorded session."""


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
        given = build_metadata(args)
        explanation = explain(loaded, events, given.metadata)
    except (RecordingError, BadQuestionError, NothingReceivesError) as error:
        sys.stderr.write(f"tallyd explain: {error}\n")
        return FAILED
    configuration = BUILT_IN if args.config is None else str(args.config)
    if args.json:
        document = build_document(explanation, configuration)
        sys.stdout.write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")
    else:
        text = format_explanation(
            explanation,
            configuration,
            all_metrics=args.all,
            over_time_is_ours=given.over_time_is_ours,
        )
        sys.stdout.write(text)
    is_error = isinstance(explanation.outcome.decision, Refused)
    return FAILED if args.check and is_error else OK


def _sessions() -> Iterator[str]:
    yield f"{'session':<19}  {'length':>6}  reports  pods  shows"
    for name in session_names():
        events = load_session(name)
        seconds = (events[-1].at_ms - events[0].at_ms) / 1000
        pods = len({event.pod for event in events})
        metrics = metrics_events(events)
        reports = sum(event.raw is not None for event in metrics) - len(
            {(event.connection, event.stream) for event in metrics}
        )
        shown = SHOWS.get(name, "")
        yield f"{name:<19}  {seconds:>4.0f} s  {reports:>7}  {pods:>4}  {shown}".rstrip()
