"""References to the environment and to files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.expansion import Expander, ExpansionError

ENVIRON = {"A": "1", "EMPTY": "", "TRICKY": "${env:A}$$"}


@pytest.mark.parametrize(
    ("text", "expected", "is_whole"),
    [
        ("plain", "plain", False),
        ("${env:A}", "1", True),
        ("x${env:A}y${env:A}", "x1y1", False),
        ("${env:A}${env:A}", "11", False),
        ("${env:NOPE:-default}", "default", True),
        ("${env:A:-default}", "1", True),
        ("${env:EMPTY:-default}", "", True),
        ("${env:NOPE:-}", "", True),
        ("${env:NOPE:-a:-b}", "a:-b", True),
        ("${env:NOPE:-<${env:A}>}", "<1>", True),
        ("${env:TRICKY}", "${env:A}$$", True),
        ("$$", "$", False),
        ("$$$$", "$$", False),
        ("$${env:A}", "${env:A}", False),
        ("$$${env:A}", "$1", False),
        ("$", "$", False),
        ("^a$", "^a$", False),
        ("$1 costs $A", "$1 costs $A", False),
        ("${env:A", "${env:A", False),
        ("a${", "a${", False),
        ("a } b", "a } b", False),
    ],
)
def test_expand(text: str, expected: str, is_whole: bool) -> None:
    """References are replaced once; `$$` is a dollar sign and a lone one is left alone."""
    expansion = Expander(ENVIRON).expand(text)
    assert (expansion.text, expansion.is_whole) == (expected, is_whole)


@pytest.mark.parametrize(
    ("text", "expected", "warning"),
    [
        ("a${env:NOPE}", "a", "environment variable NOPE is not set: taken as empty"),
        ("a${A}", "a1", "${A} is the old form: write ${env:A}"),
        ("a${B:-x}", "ax", "${B:-x} is the old form: write ${env:B:-x}"),
    ],
)
def test_warnings(text: str, expected: str, warning: str) -> None:
    """An unset variable is empty and the old form still works, each with a warning."""
    expander = Expander(ENVIRON)
    assert (expander.expand(text).text, expander.take_warnings(), expander.warnings) == (
        expected,
        [warning],
        [],
    )


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("a${env:1}", 1, "expected the name of an environment variable"),
        ("${1}", 0, "write $${ for a literal ${"),
        ("${}", 0, "expected the name of an environment variable"),
        ("${http:x}", 0, "no scheme 'http': expected ${env:NAME}"),
        ("${a b:c}", 0, "${a b:c} is no reference"),
        (
            "${file:/nowhere/at all}",
            0,
            "cannot read file /nowhere/at all: No such file or directory",
        ),
        ("${file:a\0b}", 0, "cannot read file"),
        ("ab${env:N:-c${x:y}}", 2, "no scheme 'x'"),
        ("${env:N:-" * 10 + "}" * 10, 0, "references nested deeper than 8 levels"),
    ],
)
def test_refused(text: str, offset: int, expected: str) -> None:
    """A reference that gives nothing is an error at its beginning that says what to write."""
    with pytest.raises(ExpansionError) as caught:
        Expander(ENVIRON).expand(text)
    assert caught.value.offset == offset
    assert expected in caught.value.expected


def test_file(tmp_path: Path) -> None:
    """A file gives its text without the last line break."""
    (tmp_path / "secret").write_text("one\ntwo\n")
    assert Expander({}).expand(f"${{file:{tmp_path}/secret}}").text == "one\ntwo"


def test_file_that_is_no_text(tmp_path: Path) -> None:
    """A file of bytes is refused, and so is one without end."""
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "large").write_bytes(b"x" * (1 << 20) + b"y")
    for name, expected in (("bytes", "is not UTF-8 text"), ("large", "is larger than 1 MiB")):
        with pytest.raises(ExpansionError, match=expected):
            Expander({}).expand(f"${{file:{tmp_path / name}}}")


@given(st.text(alphabet="${}:-envA a\n"))
def test_any_text(text: str) -> None:
    """Any text is expanded or refused, and the pieces cover the expanded text in order."""
    try:
        starts = [piece.start for piece in Expander(ENVIRON).expand(text).pieces]
    except ExpansionError:
        return
    assert (starts, starts[0]) == (sorted(starts), 0)
