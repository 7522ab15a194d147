"""The long form: `make chaos ARGS="--senders 1000 --duration 1800"`; prints a report for humans."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

from tests.chaos.story import Outcome, Plan, Story


def report(outcome: Outcome) -> str:
    """Return what was done and seen, as text."""
    asked = outcome.asked
    took = sorted(asked.latencies_ms)
    rss = [mb for _, mb in outcome.rss_mb]
    lines = [f"seed {outcome.plan.seed}, {outcome.plan.senders} senders", "", "done to it"]
    lines += [f"  {what:32}{number:8}" for what, number in sorted(outcome.done.items())]
    lines += [f"  lie: {what:27}{number:8}" for what, number in sorted(outcome.sent_lies.items())]
    lines += [
        "",
        f"answers {asked.answers}, from {asked.least:.3f} to {asked.most:.3f}; pushes {asked.pushes}",
        f"refused {dict(asked.refused)}",
        f"held to the slow model {asked.checked}, largest error {asked.largest_error:g}",
        "latency ms "
        + ", ".join(f"p{p} {took[int(len(took) * p / 100)]:.1f}" for p in (50, 90, 99)),
        "resident MB " + " ".join(f"{mb:.0f}" for mb in rss[:: max(1, len(rss) // 20)]),
        f"  largest {max(rss):.0f}",
        f"lines of log {len(outcome.log.splitlines())}",
        "",
        "counters",
    ]
    lines += [f"  {name} {value:g}" for name, value in sorted(outcome.counters.items()) if value]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, default=1000)
    parser.add_argument("--duration", type=float, default=1800.0, help="seconds")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between reports")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    args = parser.parse_args()
    plan = Plan(
        seed=args.seed,
        senders=args.senders,
        interval_s=args.interval,
        duration_s=args.duration,
    )
    print(f"seed {plan.seed}", flush=True)  # noqa: T201
    with tempfile.TemporaryDirectory() as folder:
        outcome = asyncio.run(Story(plan, Path(folder)).tell())
    faults = outcome.faults()
    print(report(outcome), *faults, sep="\n")  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
