"""The guides are true: their blocks are read by what would read them, their figures are reckoned again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from daemon.check import load_checked
from daemon.cli import main
from daemon.scaler.metadata import parse_metadata

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docker" / "guides"
GUIDES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.md"))}
VALUES: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "helm" / "values.yaml").read_text())
FIRST_LINES = {"# config.yaml", "# values.yaml", "# old values.yaml", "# pod template"}


def blocks(language: str) -> list[Any]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(block, id=f"{name}-{n}")
        for name, text in GUIDES.items()
        for n, block in enumerate(pattern.findall(text))
    ]


def unknown(values: dict[str, Any], known: dict[str, Any], path: str = "") -> list[str]:
    """Return the keys of `values` that the chart's values do not have; what is free-form there is not looked into."""
    found = []
    for key, value in values.items():
        if key not in known:
            found.append(f"{path}{key}")
        elif isinstance(value, dict) and known[key] and f"{path}{key}" != "config":
            found += unknown(value, known[key], f"{path}{key}.")
    return found


@pytest.mark.parametrize("block", blocks("yaml"))
def test_yaml(block: str) -> None:
    """Each block is an object of Kubernetes, or says in its first line what it is and is good as that."""
    first = block.splitlines()[0]
    parsed = yaml.safe_load(block)
    if first == "# config.yaml":
        assert load_checked(block, {}).warnings == ()
    elif first == "# old values.yaml":
        load_checked(block, {})
    elif first == "# values.yaml":
        assert unknown(parsed, VALUES) == []
        if "config" in parsed:
            load_checked(yaml.safe_dump(parsed["config"]), {})
    elif first == "# pod template":
        endpoint = parsed["metadata"]["annotations"]["dapr.io/metrics-push-endpoint"]
        assert endpoint == f"{VALUES['services']['push']['name']}:55678"
    elif parsed["kind"] == "ScaledObject":
        check_scaled_object(parsed)
    else:
        kubernetes_validate.validate(parsed, kubernetes_validate.latest_version(), strict=True)


def check_scaled_object(parsed: dict[str, Any]) -> None:
    for trigger in parsed["spec"]["triggers"]:
        assert trigger["type"] in {"external", "external-push", "kedify-otel"}
        understood = parse_metadata(trigger["metadata"], {})
        assert (understood.problems, understood.unknown_keys) == ((), ())


@pytest.mark.parametrize("block", blocks("sh"))
def test_shell(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each line splits into words as a shell would split it; each command of tallyd is one, with its options."""
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        assert words
        if words[0] != "tallyd":
            continue
        with pytest.raises(SystemExit) as ended:
            main([words[1], "--help"])
        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in told] == []


@pytest.mark.parametrize("name", GUIDES)
def test_links(name: str) -> None:
    """What is linked to is there, its heading too."""
    for target in re.findall(r"\]\(([^)]+)\)", GUIDES[name]):
        file, _, anchor = target.partition("#")
        path = FOLDER / file
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
            assert anchor in slugs


@pytest.mark.parametrize("name", GUIDES)
def test_inline_commands(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each `tallyd` command in a sentence is one."""
    for command in set(re.findall(r"`tallyd (\w+)", GUIDES[name])):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        capsys.readouterr()


def test_every_guide_is_listed() -> None:
    """The list of guides has all of them, and the README leads to it."""
    listed = set(re.findall(r"\]\((\w+\.md)\)", GUIDES["README.md"]))
    assert listed == GUIDES.keys() - {"README.md"}
    assert "(docker/guides/README.md)" in (ROOT / "README.md").read_text()


def megabytes(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()  # type: ignore[union-attr]  # it does
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit] / 1e6


def test_sizing() -> None:
    """Each row is the sum of the three figures above it; a request has room for it, a limit a fifth more."""
    text = GUIDES["sizing.md"]
    process, sender, series = (
        float(re.search(rf"\| {what}[^|]*\| ([\d.]+) ", text)[1])  # type: ignore[index]  # there
        for what in ("the process", "a connected sidecar", "a series")
    )
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) MB \| (\w+) \| (\w+) \|$", text, re.MULTILINE)
    assert len(rows) == 6
    for senders, kept, needs, request, limit in rows:
        reckoned = process + sender * int(senders) + series * int(kept) / 1000
        assert int(needs) == round(reckoned)
        assert megabytes(request) > reckoned
        assert megabytes(limit) > 1.2 * reckoned


def test_sizing_is_on_the_safe_side_of_what_was_measured() -> None:
    """The guide's figures are the README's, or above them."""
    readme = (ROOT / "README.md").read_text()
    measured = re.search(
        r"about ([\d.]+) MB \+ ([\d.]+) MB a sidecar \+ ([\d.]+) KB a series", readme
    )
    assert measured is not None
    guide = re.findall(r"\| ([\d.]+) [MK]B \|$", GUIDES["sizing.md"], re.MULTILINE)
    assert all(
        float(ours) >= float(one) for ours, one in zip(guide, measured.groups(), strict=True)
    )


def test_the_chart_s_default_is_the_guide_s() -> None:
    """The chart's memory is what the guide gives 100 sidecars, with room for the 500 of its comment."""
    assert VALUES["resources"]["requests"]["memory"] == "128Mi"
    assert VALUES["resources"]["limits"]["memory"] == "256Mi"
    assert "| 500 | 500 | 151 MB | 192Mi | 256Mi |" in GUIDES["sizing.md"]


def test_first_lines() -> None:
    """A block that is no object of Kubernetes says what it is."""
    for text in GUIDES.values():
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            assert block.splitlines()[0] in FIRST_LINES or "kind" in yaml.safe_load(block)
