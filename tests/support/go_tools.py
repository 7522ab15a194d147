"""helm and kustomize, built from their Go modules into the user's cache: `make tools`.

Both are what operators use, so the manifests are rendered with the real ones. Without Go, or where they cannot be built,
the tests that need them are skipped and say why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

MODULES = {
    "helm": "helm.sh/helm/v3/cmd/helm@v3.22.0",
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1",
}
KUBERNETES = "1.33.0"
"""What a helm that was built without flags is told to render for."""
_BUILD_S = 400
"""A cold build of helm takes 145 s of CPU time, of kustomize 22 s."""


def folder() -> Path:
    """Where the built programs are kept, beside what other programs cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tallyd"


def path_of(name: str) -> Path:
    return folder() / f"{name}-{MODULES[name].partition('@')[2]}"


def tool(name: str) -> str:
    """Return the program's path, or skip the test."""
    path = path_of(name)
    if not path.exists():
        why = (
            "make tools builds it"
            if shutil.which("go")
            else "it is built with Go, which is not here"
        )
        pytest.skip(f"no {name}: {why}")
    return str(path)


def build(name: str) -> str:
    """Build a program unless it is there; return what became of it."""
    path = path_of(name)
    if path.exists():
        return "is there"
    if shutil.which("go") is None:
        return "not built, there is no Go: tests that need it are skipped"
    with tempfile.TemporaryDirectory() as target:
        environment = {**os.environ, "GOBIN": target, "CGO_ENABLED": "0"}
        command = ["go", "install", "-ldflags=-s -w", MODULES[name]]
        try:
            subprocess.run(
                command,
                env=environment,
                cwd=target,
                check=True,
                capture_output=True,
                timeout=_BUILD_S,
            )
        except subprocess.CalledProcessError as error:
            last = error.stderr.decode().strip().splitlines()[-1:]
            return f"not built, tests that need it are skipped: {''.join(last)}"
        except subprocess.TimeoutExpired:
            return f"not built within {_BUILD_S} s, tests that need it are skipped"
        folder().mkdir(parents=True, exist_ok=True)
        # Its name appears when it is whole.
        shutil.copy(Path(target) / name, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)
    return "built"


if __name__ == "__main__":
    for one in MODULES:
        sys.stdout.write(f"{one}: {build(one)}\n")
        sys.stdout.flush()
