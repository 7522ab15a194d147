"""The trigger's metadata that arguments stand for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import NamedTuple

from daemon.recording import WALK_THROUGH

_QUERY_KEYS = ("metricQuery", "queryRef")


class Given(NamedTuple):
    """Metadata as KEDA would send it."""

    metadata: Mapping[str, str]
    over_time_is_ours: bool
    """Whether `operationOverTime` is the command's default, which is not that of a trigger."""


def build_metadata(args: argparse.Namespace) -> Given:
    """Return the metadata.

    The walk-through's if they give no query at all; a query as argument gets the options' defaults; metadata with a query
    of its own gets their target only, with a `queryRef` nothing.
    """
    given = dict(pair.partition("=")[::2] for pair in args.metadata)
    options = {
        "metricQuery": args.metric_query,
        "operationOverTime": args.over_time,
        "window": args.window,
        "targetValue": args.target,
        "dialect": args.dialect,
    }
    given.update({key: value for key, value in options.items() if value is not None})
    is_ours = args.metric_query is not None and not _has(given, "operationOverTime")
    if is_ours:
        given["operationOverTime"] = "rate"
    if not any(_has(given, key) for key in _QUERY_KEYS):
        given = {**WALK_THROUGH, **given}
    if not (_has(given, "targetValue") or _has(given, "queryRef")):
        given["targetValue"] = "1"
    return Given(given, is_ours)


def _has(metadata: Mapping[str, str], key: str) -> bool:
    return key in metadata or f"{key}FromEnv" in metadata
