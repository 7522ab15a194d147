"""Values of an expression at the steps of a query: what every operation takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from query.labels import Labels
from query.queryable import BoolArray, Float64Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepVector:
    """An instant vector at each of s steps: n series, absent at some of the steps.

    Arrays are never changed after construction; an operation makes new ones or passes them on.
    """

    labels: Sequence[Labels]
    """n label sets, `__name__` among them until the name is dropped."""
    values: Float64Array
    """float64[n, s]: undefined where not present."""
    present: BoolArray
    """bool[n, s]."""
    drops_name: bool | BoolArray = False
    """The metric name goes once the whole expression is evaluated (delayed name removal, promql.md 2.13).

    bool[n] where the series differ in that, as they may after `or`.
    """

    def rows(self, rows: npt.NDArray[np.intp]) -> StepVector:
        """Return the series at `rows`, in their order."""
        drops_name = self.drops_name
        return StepVector(
            labels=[self.labels[row] for row in rows.tolist()],
            values=self.values[rows],
            present=self.present[rows],
            drops_name=drops_name if isinstance(drops_name, bool) else drops_name[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepScalar:
    """A scalar at each of s steps."""

    values: Float64Array
    """float64[s]."""
