"""The entry point: `tallyd` and `python -m daemon`."""

from __future__ import annotations

import sys

from daemon.cli import main

if __name__ == "__main__":
    sys.exit(main())
