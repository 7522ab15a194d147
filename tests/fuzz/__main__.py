"""The long form: `make fuzz ARGS="--seconds 60 promql node"`; a finding is kept in the folder that is named."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import random
import secrets
import subprocess
import sys
import traceback
from pathlib import Path

from tests.fuzz.mutate import CORPUS, hunt
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--findings", type=Path, default=Path(".findings"))
    args = parser.parse_args()
    if unknown := set(args.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(unknown)}")
    print(f"seed {args.seed}", flush=True)  # noqa: T201
    guided = importlib.util.find_spec("atheris") is not None
    found = 0
    for name in args.targets or TARGETS:
        if guided:
            found += _atheris(name, args.seconds, args.seed, args.findings)
            continue
        for data, error in hunt(name, args.seconds, random.Random(args.seed)):
            found += 1
            args.findings.mkdir(exist_ok=True)
            path = args.findings / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
            path.write_bytes(data)
            print(f"{path}: {data[:200]!r}")  # noqa: T201
            traceback.print_exception(error, limit=-4)
    return 1 if found else 0


def _atheris(name: str, seconds: float, seed: int, findings: Path) -> bool:
    """Let atheris hunt in a process of its own; return whether it found something."""
    findings.mkdir(exist_ok=True)
    command = [
        *(sys.executable, "-m", "tests.fuzz.guided", name),
        f"-max_total_time={seconds:g}",
        f"-seed={seed}",
        f"-artifact_prefix={findings}/{name}-",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    # New inputs go to the first folder; the kept ones are only read.
    grown = findings / f"grown-{name}"
    grown.mkdir(exist_ok=True)
    return subprocess.run([*command, grown, CORPUS / name], check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
