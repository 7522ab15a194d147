from __future__ import annotations

import pytest

from query.evaluate.absence import labels_if_absent
from query.labels import Labels
from query.parser import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('x{b="2",a="1"}', (("a", "1"), ("b", "2"))),
        ('x{a="1"}[5m]', (("a", "1"),)),
        ('x{a="1",a="1"}', ()),
        ('x{a="1",a=~"1"}', ()),
        ('x{a=~"1",a="1"}', (("a", "1"),)),
        ('x{a!="1",b=""}', ()),
        ('sum(x{a="1"})', ()),
        ('rate(x{a="1"}[5m])[5m:]', ()),
    ],
)
def test_labels(text: str, expected: Labels) -> None:
    """Only what `=` alone says of a label is known of what is not there (promql.md 2.7)."""
    assert labels_if_absent(parse(text)) == expected
