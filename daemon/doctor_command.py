"""The command `tallyd doctor`: asks a running tallyd what is wrong."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Mapping, Sequence

from daemon.web.access import AccessError, read_access
from daemon.web.client import AskError, fetch
from daemon.web.doctor import Severity

OK, FAILED = 0, 1
ENDPOINT = "tallyd/doctor"
_WIDTH = 100
_MARKS = {Severity.ERROR.value: "✗", Severity.WARNING.value: "!", Severity.INFO.value: "·"}
_PLAIN_MARKS = {Severity.ERROR.value: "E", Severity.WARNING.value: "W", Severity.INFO.value: "i"}


def run_doctor(args: argparse.Namespace) -> int:
    """Run the command and return its exit code: 1 if something is wrong, or nobody answers."""
    try:
        findings = fetch(args.url, ENDPOINT, {}, read_access(args))["data"]
        wrong = any(one["severity"] == Severity.ERROR for one in findings)
        text = json.dumps(findings, indent=2, ensure_ascii=False) + "\n"
        if not args.json:
            text = format_findings(findings, args.url, _marks())
    except (AccessError, AskError) as error:
        sys.stderr.write(f"tallyd doctor: {error}\n")
        return FAILED
    except (KeyError, TypeError):
        sys.stderr.write(
            f"tallyd doctor: {args.url} answers in another form: expected a tallyd of this version\n"
        )
        return FAILED
    sys.stdout.write(text)
    return FAILED if wrong else OK


def format_findings(
    findings: Sequence[Mapping[str, str]], url: str, marks: Mapping[str, str] = _PLAIN_MARKS
) -> str:
    """Return the findings as text: what is wrong, and below it what to do.

    Raises:
        KeyError: a finding has another form.
    """
    if not findings:
        return f"{url}: nothing is wrong\n"
    lines: list[str] = []
    for one in findings:
        mark = marks[one["severity"]]
        lines += textwrap.wrap(
            one["what"], _WIDTH, initial_indent=f"{mark} ", subsequent_indent="  "
        )
        lines += textwrap.wrap(one["do"], _WIDTH, initial_indent="  -> ", subsequent_indent="     ")
    return "\n".join(lines) + "\n"


def _marks() -> Mapping[str, str]:
    """Return marks that standard output can show."""
    try:
        "".join(_MARKS.values()).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return _PLAIN_MARKS
    return _MARKS
