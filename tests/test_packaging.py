"""What is installed: three generic package names, one distribution, one command."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"daemon", "receivers", "query"}
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run(
        [sys.executable, *command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=120
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_import_names_are_ours_alone(package: str) -> None:
    """No other distribution installs a package of the same generic name."""
    assert set(importlib.metadata.packages_distributions()[package]) == {"tallyd"}


@pytest.mark.slow
def test_wheel_holds_the_product_only(wheel: Path) -> None:
    """The wheel's top level is the three packages and its metadata: no tests, no docker."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} - PACKAGES == {"tallyd-0.1.0.dist-info"}


@pytest.mark.slow
def test_wheel_runs_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """The console script of an installed wheel works outside the checkout, with its recordings."""
    environment = tmp_path / "venv"
    venv.create(environment, system_site_packages=False, with_pip=False, symlinks=True)
    target = next(environment.glob("lib/python*/site-packages"))
    command = ["-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target"]
    subprocess.run([sys.executable, *command, str(target), str(wheel)], check=True, timeout=120)
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    (target / "dependencies.pth").write_text(dependencies + "\n")
    python = environment / "bin" / "python"
    shown = subprocess.run(
        [python, "-m", "daemon", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout.strip() == "tallyd 0.1.0"
    where = [str(python), "-c", "import daemon; print(daemon.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert str(environment) in found.stdout


def test_every_dependency_says_why() -> None:
    """Each dependency in pyproject.toml has a lower bound and its reason on the line."""
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    lines = [line for line in block[1].splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if not re.search(r'"[\w-]+>=[\d.]+",\s+# \S', line)] == []


@pytest.mark.parametrize("name", LOCKS)
def test_locks_pin_by_hash_and_name_no_index(name: str) -> None:
    """Every pin of a lock file carries hashes, and no lock names an index."""
    text = (ROOT / name).read_text()
    pins = re.findall(r"^\S+==\S+( \\\n    --hash=sha256:[0-9a-f]{64})?", text, re.MULTILINE)
    assert pins
    assert all(pins)
    assert "://" not in text


def test_runtime_lock_covers_the_dependencies() -> None:
    """Every dependency of pyproject.toml is pinned in both locks that install it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=\[]", one)[0].lower() for one in project["dependencies"]}
    for name in LOCKS[:2]:
        pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        assert wanted - pinned == set(), name
