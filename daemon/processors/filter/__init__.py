"""The filter processor: drops metrics and data points that conditions match (spec/ottl.md 5).

May import `daemon.ottl`, `daemon.config` and `receivers`.
"""

from daemon.processors.filter.build import build_filter
from daemon.processors.filter.processor import Filter

__all__ = ["Filter", "build_filter"]
