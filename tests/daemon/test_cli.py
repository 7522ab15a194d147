"""The command line: what is printed where, and the exit code."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.cli import main

CASES = Path(__file__).parents[1] / "config"
BAD = CASES / "five-mistakes.bad.yaml"


def validate(path: Path) -> int:
    return main(["validate", "--config", str(path)])


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("walk-through.good.yaml", "opencensus, otlp -> filter/dapr -> windows"),
        ("walk-through-helm.good.yaml", "opencensus, otlp -> filter/dapr -> windows"),
    ],
)
def test_validate_good(file: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file exits 0 and shows what would run."""
    path = CASES / file
    assert validate(path) == 0
    assert capsys.readouterr() == (
        f"{path}: good\n  metrics: {expected}\n  extensions: keda_scaler, http_api, health_check\n",
        "",
    )


def test_validate_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file the built-in configuration is checked."""
    assert main(["validate"]) == 0
    assert capsys.readouterr().out.startswith("built-in configuration: good\n")


def test_validate_bad(capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file exits 2 with every mistake on standard error and nothing on standard output."""
    assert validate(BAD) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines()), err.startswith(f"{BAD}:8:15: receivers.")) == ("", 5, True)


def test_validate_conditions_and_queries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mistakes inside conditions and named queries come together with everything else, in the file's order."""
    path = tmp_path / "tallyd.yaml"
    path.write_text(
        "extensions: {keda_scaler: {queries: {q: {metricQuery: 'sum(a'}}}}\n"
        "processors:\n"
        "  filter:\n"
        "    metrics:\n"
        "      metric:\n"
        "        - |\n"
        '          name == "a"\n'
        '          and nome == "b"\n'
    )
    assert validate(path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{path}:").split(": ")[0] for line in lines] == ["1:61", "8:15"]


def test_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is odd but allowed is said on standard error and costs nothing."""
    path = tmp_path / "tallyd.yaml"
    path.write_text("processors: {filter: }")
    assert validate(path) == 0
    assert capsys.readouterr().err == (
        f"{path}:1:14: processors.filter: is defined but not used in any pipeline (warning)\n"
    )


def test_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is a bad configuration, and so is a folder."""
    assert [validate(tmp_path / "none.yaml"), validate(tmp_path)] == [2, 2]
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory",
        f"{tmp_path}: cannot be read: Is a directory",
    ]


@pytest.mark.parametrize(
    "argv", [[], ["fly"], ["run", "--port", "1"], ["explain", "--metadata", "clampMax", "x"]]
)
def test_wrong_arguments(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments exit with 2 and show the usage."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: tallyd")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--help"], r"tallyd run --config"),
        (["run", "--help"], r"--config FILE"),
        (["validate", "--help"], r"file:line:column"),
        (["--version"], r"^tallyd \d+\.\d+\.\d+$"),
    ],
)
def test_help(argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Help and version are there and exit with 0."""
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 0
    assert re.search(expected, capsys.readouterr().out.strip())


def tallyd(*argv: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", "daemon", *argv],
        capture_output=True,
        text=True,
        env=environ,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("validate", "--config", str(CASES / "walk-through.good.yaml")), 0),
        (("validate", "--config", str(BAD)), 2),
        (("run", "--config", str(BAD)), 2),
        (("run", "--config", "/nowhere.yaml"), 2),
    ],
    ids=["good", "bad", "run bad", "run without file"],
)
def test_exit_codes(argv: tuple[str, ...], expected: int) -> None:
    """The process ends with the exit code, without a trace of Python."""
    done = tallyd(*argv)
    assert (done.returncode, "Traceback" in done.stderr) == (expected, False)


@pytest.mark.integration
def test_port_taken(tmp_path: Path) -> None:
    """A port that is taken exits 1 with a last line that names the endpoint."""
    path = tmp_path / "tallyd.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        path.write_text(
            f"extensions: {{keda_scaler: {{endpoint: '{endpoint}'}}}}\n"
            "service: {telemetry: {metrics: {level: none}}}"
        )
        done = tallyd("run", "--config", str(path))
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[-1].startswith(f"tallyd run: cannot listen on {endpoint}: ")


def test_help_is_light() -> None:
    """Help does not load what only a running daemon needs."""
    script = "import sys, daemon.cli; print([m for m in ('grpc', 'numpy', 'aiohttp') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
