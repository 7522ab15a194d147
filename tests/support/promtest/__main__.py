"""`python -m tests.support.promtest FILE...`: run scripts in process, or against a server."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tests.support.promtest.engine_subject import EngineSubject, SlowSubject
from tests.support.promtest.remote import RemoteSubject
from tests.support.promtest.run import Outcome, Status, run_commands
from tests.support.promtest.script import ScriptError, parse_script
from tests.support.promtest.servers import PrometheusServer, TallydServer
from tests.support.promtest.subject import CannotClearError, Subject


def main(arguments: list[str] | None = None) -> int:
    """Run the files; return 1 if an evaluation failed, 2 if a file is no script."""
    options = _parser().parse_args(arguments)
    with ExitStack() as stack:
        subject = _subject(options, stack)
        total: Counter[Status] = Counter()
        status = 0
        for number, path in enumerate(_files(options.files)):
            try:
                commands = parse_script(path.read_text(encoding="utf-8"))
                if number:
                    subject.clear()
            except (ScriptError, CannotClearError) as error:
                _say(f"{path}: {error}")
                status = 2
                continue
            counts: Counter[Status] = Counter()
            for outcome in run_commands(commands, subject):
                counts[outcome.status] += 1
                _print(path, outcome, verbose=options.verbose)
            total += counts
            _say(f"{path}: {_summary(counts)}")
        _say(f"all: {_summary(total)}")
    return status or int(total[Status.FAILED] > 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.support.promtest", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="scripts, or folders")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="a running server, empty, with remote write switched on")
    where.add_argument("--start", action="store_true", help="start a tallyd for each block")
    where.add_argument("--prometheus", action="store_true", help="start Debian's prometheus")
    where.add_argument("--slow", action="store_true", help="the slow evaluator, in process")
    parser.add_argument("--restart", metavar="COMMAND", help="with --url: empties the server")
    parser.add_argument("--immediate-names", action="store_true", help="drop names at once")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what was skipped, too")
    return parser


def _subject(options: argparse.Namespace, stack: ExitStack) -> Subject:
    delayed = not options.immediate_names
    parameters = {"delayed_name_removal": "true"} if delayed else {}
    if options.url:
        url, command = options.url, options.restart

        def restart() -> str:
            subprocess.run(command, shell=True, check=True)
            return str(url)

        return RemoteSubject(url, restart if command else None, parameters)
    if options.start:
        server = stack.enter_context(TallydServer())
        return RemoteSubject(server.start(), server.start, parameters)
    if options.prometheus:
        prometheus = stack.enter_context(PrometheusServer())
        return RemoteSubject(prometheus.start(), prometheus.start)
    return SlowSubject() if options.slow else EngineSubject(delayed_names=delayed)


def _files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        files.extend(sorted(path.glob("**/*.test")) if path.is_dir() else [path])
    return files


def _print(path: Path, outcome: Outcome, *, verbose: bool) -> None:
    if outcome.status is Status.PASSED or (outcome.status is Status.SKIPPED and not verbose):
        return
    _say(f"{path}:{outcome.line}: {outcome.status}: {outcome.query}")
    for reason in outcome.reasons:
        _say(f"    {reason}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _summary(counts: Counter[Status]) -> str:
    return ", ".join(f"{counts[status]} {status}" for status in Status)


if __name__ == "__main__":
    raise SystemExit(main())
