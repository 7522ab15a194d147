"""One row per figure: what was measured, what it may be, what it is."""

from __future__ import annotations


def show(figure: str, measured: float, unit: str, *, at_most: float | None = None) -> None:
    """Print a row; budgets are told, not asserted: machines differ."""
    budget = "" if at_most is None else f"<= {at_most:g} {unit}"
    verdict = "" if at_most is None else "ok" if measured <= at_most else "OVER"
    print(f"\n  {figure:<62} {measured:>9.4g} {unit:<4} {budget:>12}  {verdict}", end="")  # noqa: T201
