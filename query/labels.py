"""Label sets, the names they may have, and matchers over them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]
"""A time series' labels: (name, value) pairs sorted by name, `__name__` among them, no empty values."""

METRIC_NAME = "__name__"
SENDER = "sender"
"""Label that tells two live senders with otherwise equal labels apart (DESIGN 3.4)."""

_NOT_IN_LABEL_NAME = re.compile(r"[^A-Za-z0-9_]")
_NOT_IN_METRIC_NAME = re.compile(r"[^A-Za-z0-9_:]")


def label_name(text: str) -> str:
    """Return `text` as a label name: every character outside [A-Za-z0-9_] becomes `_` (DESIGN 3.4)."""
    return _NOT_IN_LABEL_NAME.sub("_", text)


def metric_name(text: str) -> str:
    """Return `text` as a metric name: as `label_name`, but `:` stays (DESIGN 3.4)."""
    return _NOT_IN_METRIC_NAME.sub("_", text)


def name_in(labels: Labels) -> str:
    """Return the metric name among `labels`, empty if there is none."""
    return next((value for key, value in labels if key == METRIC_NAME), "")


class MatchOp(StrEnum):
    """The four comparisons of a matcher."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a missing label counts as the empty string (spec/promql.md 2.3).

    `accepts` judges one label value. It is made by `query.regex.build_matcher` and is no part of equality.
    """

    name: str
    op: MatchOp
    value: str
    accepts: Callable[[str], bool] = field(compare=False, repr=False)
    effort: int = field(default=1, compare=False, repr=False)
    """As how many ordinary regular expressions it takes at most to judge a value."""
