"""The transform processor: statements change metrics and data points (spec/ottl.md 6).

May import `daemon.ottl`, `daemon.config` and `receivers`.
"""

from daemon.processors.transform.build import build_transform
from daemon.processors.transform.processor import Transform

__all__ = ["Transform", "build_transform"]
