from __future__ import annotations

import pytest

from query.evaluate.conversions import absent_labels
from query.labels import Labels
from query.parser import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('x{b="2",a="1"}', (("a", "1"), ("b", "2"))),
        ('x{a="1"}[5m]', (("a", "1"),)),
        ('x{a="1",a="1"}', ()),
        ('x{a="1",a="2",a="3"}', ()),
        ('x{a="1",a=~"1"}', ()),
        ('x{a=~"1",a="1"}', (("a", "1"),)),
        ('x{a!="1",b=""}', ()),
        ('{__name__="x",a="1"}', (("a", "1"),)),
        ('sum(x{a="1"})', ()),
        ('rate(x{a="1"}[5m])[5m:]', ()),
    ],
)
def test_absent_labels(text: str, expected: Labels) -> None:
    """What is absent has the labels of a plain selector's equality matchers; a further matcher takes one away."""
    assert absent_labels(parse(text)) == expected
