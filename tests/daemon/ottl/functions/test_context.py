"""Converters that look at the metric around the condition."""

from __future__ import annotations

import pytest

from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.context import CONVERTERS
from tests.daemon.ottl.fixtures import context_of

KNOWN = {converter.name: converter for converter in CONVERTERS}


@pytest.mark.parametrize(
    ("fixture", "text", "expected"),
    [
        ("sum", 'HasAttrKeyOnDatapoint("method")', True),
        ("sum", 'HasAttrKeyOnDatapoint("nope")', False),
        ("multi", 'HasAttrKeyOnDatapoint("b")', True),
        ("nodp", 'HasAttrKeyOnDatapoint("a")', False),
        ("sum", 'HasAttrOnDatapoint("method", "GET")', True),
        ("sum", 'HasAttrOnDatapoint("method", "PUT")', False),
        ("sum", 'HasAttrOnDatapoint("code", "")', True),
        ("sum", 'HasAttrOnDatapoint("code", "200")', False),
        ("sum", 'HasAttrOnDatapoint("nope", "")', False),
        ("multi", 'HasAttrOnDatapoint("a", "x")', True),
        ("multi", 'HasAttrOnDatapoint("a", "y")', False),
        ("multi", 'HasAttrOnDatapoint("b", "")', True),
        ("nodp", 'HasAttrOnDatapoint("a", "")', False),
    ],
)
def test_answers(fixture: str, text: str, expected: bool) -> None:
    """The first point that has the key decides; what is no string counts as empty."""
    condition = compile_condition(text, "metric", converters=KNOWN)
    assert condition.evaluate(context_of(fixture)) is expected


@pytest.mark.parametrize("text", ['HasAttrKeyOnDatapoint("a")', 'HasAttrOnDatapoint("a", "b")'])
def test_a_metric_without_data(text: str) -> None:
    """There is nothing to look at: an evaluation error."""
    condition = compile_condition(text, "metric", converters=KNOWN)
    with pytest.raises(OttlEvaluationError):
        condition.evaluate(context_of("empty"))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("HasAttrKeyOnDatapoint(name)", "metric"),
        ('HasAttrOnDatapoint("method", name)', "metric"),
        ('HasAttrKeyOnDatapoint("a")', "datapoint"),
        ('HasAttrKeyOnDatapoint("a")', "resource"),
    ],
)
def test_refused_at_start(text: str, level: str) -> None:
    """They take literals only, in metric conditions only."""
    with pytest.raises(OttlBuildError):
        compile_condition(text, level, converters=KNOWN)
