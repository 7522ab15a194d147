"""The image's rules, checked without a Docker engine: its file is read, its install steps are run."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
MOST_IMAGE_MB = 130.0
"""What a node pulls, packed as registries keep it."""
BASE_PACKED_MB = 48.0
"""python:3.11-slim-bookworm, packed: about 45 MB on either architecture, and room for its updates."""
MOST_UNPACKED_MB = 145.0
"""What we add to the unpacked base, which has about 125 MB."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, continued lines joined."""

    word: str
    rest: str


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage, FROM first."""
    text = re.sub(r"\\\n\s*", "", (DOCKER / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[list[Instruction]] = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(Instruction(word, rest))
    return found


def of(stage: list[Instruction], word: str) -> list[str]:
    return [instruction.rest for instruction in stage if instruction.word == word]


def test_two_stages_of_one_slim_base() -> None:
    """What builds stays behind: the last stage starts anew from the slim base."""
    bases = [of(stage, "FROM")[0].split()[0] for stage in stages()]
    assert bases == ["${BASE}", "${BASE}"]
    assert "ARG BASE=python:3.11-slim-bookworm" in (DOCKER / "Dockerfile").read_text()


def test_the_last_stage_installs_nothing() -> None:
    """No package manager runs in the last stage, and the base image's own is removed."""
    last = stages()[-1]
    (run,) = of(last, "RUN")
    assert run.startswith("rm -rf /usr/local/bin/pip*")
    assert not re.search(r"\b(apt|apt-get|pip|curl|wget)\b (?!\*)", run.replace("pip*", ""))
    assert of(last, "COPY") == ["--from=build /opt/tallyd /opt/tallyd"]


def test_runs_as_nobody_special_and_writes_nothing() -> None:
    """A numeric user that is not root (Kubernetes can check it); no byte code is written at run time."""
    last = stages()[-1]
    assert of(last, "USER") == ["1000:1000"]
    assert "PYTHONDONTWRITEBYTECODE=1" in of(last, "ENV")[0]
    assert of(last, "VOLUME") == []


def test_every_port_of_the_built_in_configuration_is_exposed() -> None:
    """EXPOSE names the ports that tallyd listens on by default."""
    assert set(of(stages()[-1], "EXPOSE")[0].split()) == {
        "55678",
        "4317",
        "4319",
        "4318",
        "9090",
        "13133",
        "8888",
    }


def test_the_health_check_asks_for_readiness() -> None:
    """HEALTHCHECK is Python's own standard library: the image has no curl."""
    (check,) = of(stages()[-1], "HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert command[0] == "/opt/tallyd/bin/python"
    assert "http://127.0.0.1:13133/readyz" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_signals_reach_the_process() -> None:
    """The entry point is a list, so that SIGTERM goes to tallyd and not to a shell."""
    last = stages()[-1]
    assert json.loads(of(last, "ENTRYPOINT")[0]) == ["tallyd"]
    assert json.loads(of(last, "CMD")[0]) == ["run"]


def test_everything_copied_is_there_and_not_ignored() -> None:
    """Each COPY of the build context names something that exists and that .dockerignore lets through."""
    allowed = {
        line[1:]
        for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = [source for copy in of(stages()[0], "COPY") for source in shlex.split(copy)[:-1]]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert set(sources) == allowed


@pytest.mark.slow
def test_the_install_steps_work_in_a_clean_folder(tmp_path: Path) -> None:
    """The build stage's own steps, run outside a container, give a tallyd that runs."""
    build = stages()[0]
    source = tmp_path / "src"
    source.mkdir()

    def local(text: str) -> str:
        return re.sub(r"/opt/(\w+)", rf"{tmp_path}/\1", text)

    for instruction in build:
        if instruction.word == "COPY":
            *names, _target = shlex.split(instruction.rest)
            for name in names:
                _copy(ROOT / name, source / name)
        elif instruction.word == "RUN":
            step = local(instruction.rest).replace("python -m venv", f"{sys.executable} -m venv")
            subprocess.run(step, shell=True, cwd=source, check=True, timeout=300)
    tallyd = [str(tmp_path / "tallyd" / "bin" / "tallyd")]
    shown = subprocess.run([*tallyd, "validate"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("built-in configuration: good")
    listed = subprocess.run(
        [*tallyd, "explain", "--list-sessions"], capture_output=True, text=True, check=True
    )
    assert "three-callers" in listed.stdout
    assert not (tmp_path / "tallyd" / "bin" / "pip").exists()
    assert _left_over(tmp_path / "tallyd") == []
    unpacked, packed = _sizes(tmp_path / "tallyd")
    assert unpacked <= MOST_UNPACKED_MB
    assert BASE_PACKED_MB + packed <= MOST_IMAGE_MB


def _left_over(folder: Path) -> list[str]:
    """Return what an image has no use for."""
    pattern = re.compile(r"(/tests|/__pycache__|\.pyi|\.h|\.pyx)$")
    return [str(path) for path in folder.rglob("*") if pattern.search(str(path))]


def _sizes(folder: Path) -> tuple[float, float]:
    """Return the megabytes of the files of a folder, and of its layer as a registry keeps it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.add(folder, "tallyd")
    unpacked = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    return unpacked / 1e6, buffer.tell() / 1e6


def test_the_image_is_built_for_both_architectures() -> None:
    """bake.hcl builds this Dockerfile for amd64 and arm64, in the package's version."""
    text = (DOCKER / "bake.hcl").read_text()
    assert 'platforms = ["linux/amd64", "linux/arm64"]' in text
    assert re.search(r'dockerfile = "docker/Dockerfile"', text)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf'variable "TAG" {{\s+default = "{version}"', text)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, symlinks=True, ignore=ignore)
    else:
        shutil.copy(source, target)


def test_compose_hardens_both_containers() -> None:
    """Read-only root, no capabilities, no new privileges; the player waits for a healthy tallyd."""
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    assert set(services) == {"tallyd", "sidecars"}
    assert "snapshot:/var/lib/tallyd" in services["tallyd"]["volumes"]
    assert (DOCKER / "kubernetes" / "config.yaml").exists()
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert services["sidecars"]["depends_on"] == {"tallyd": {"condition": "service_healthy"}}
    assert services["sidecars"]["command"] == ["demo", "--target", "tallyd:55678"]
