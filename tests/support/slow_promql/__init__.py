"""A plain, slow evaluator of PromQL: Python floats, one series and one step at a time; the numpy engine's twin.

Written from promql.md 2 and to be obviously right: nothing is shared with `query.evaluate` but the expression tree.
"""

from tests.support.slow_promql.evaluator import SlowPromql
from tests.support.slow_promql.floats import RefusedError

__all__ = ["RefusedError", "SlowPromql"]
