"""Compiled conditions: the collector's own answers, folding, what may be remembered, and fuzz."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions import context
from daemon.ottl.functions.registry import CONVERTERS
from tests.daemon.ottl.fixtures import context_of

DAPR1 = """name != "runtime/service_invocation/req_recv_total"
and instrumentation_scope.attributes["app_id"] != "nodeapp"
and instrumentation_scope.attributes["src_app_id"] != "pythonapp"
"""
KNOWN = {**CONVERTERS, **{converter.name: converter for converter in context.CONVERTERS}}
CONTEXTS = {"M": "metric", "R": "resource", "D": "datapoint"}
WRITTEN = {"DAPR1": DAPR1, "EMPTY": ""}


def vectors() -> list[object]:
    lines = Path(__file__).with_name("conditions.txt").read_text("utf-8").splitlines()
    rows = [line.split(maxsplit=4) for line in lines if line and not line.startswith("#")]
    return [pytest.param(*row[1:], id=f"{row[0]}: {row[4]}") for row in rows]


def answer(text: str, level: str, fixture: str = "sum") -> str:
    try:
        condition = compile_condition(text, level, converters=KNOWN)
    except OttlBuildError:
        return "PARSE"
    try:
        return "T" if condition.evaluate(context_of(fixture)) else "F"
    except OttlEvaluationError:
        return "EVAL"


@pytest.mark.parametrize(("level", "fixture", "expected", "text"), vectors())
def test_vectors(level: str, fixture: str, expected: str, text: str) -> None:
    """Every condition gives what the collector gives."""
    assert answer(WRITTEN.get(text, text), CONTEXTS[level], fixture) == expected
