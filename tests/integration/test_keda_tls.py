"""KEDA's side in Go asks the scaler over TLS, as a trigger with `enableTLS`, `caCert` and a client certificate would."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme
import yaml

from tests.support.certificates import Files
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import running_app

pytestmark = [pytest.mark.integration, pytest.mark.slow]

INTEROP = Path(__file__).parents[1] / "interop"
BUILD_S = 500
NOW_S = 1_730_500_000
TRIGGER = ("metricQuery=sum(a)", "targetValue=2.5")


@pytest.fixture(scope="module")
def keda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go client of tests/interop, built; needs Go and its module proxy."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed: no KEDA in Go")
    binary = tmp_path_factory.mktemp("interop") / "keda"
    command = ["go", "build", "-o", str(binary), "./keda"]
    done = subprocess.run(
        command, cwd=INTEROP, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    if done.returncode and "dial tcp" in done.stderr:
        pytest.skip("Go's module proxy cannot be reached: no KEDA in Go")
    assert done.returncode == 0, done.stderr
    return binary


class Pems:
    """Files of the client's side."""

    def __init__(self, folder: Path, files: Files) -> None:
        self.ca, self.other_ca = folder / "ca.pem", folder / "other.pem"
        files.authority.cert_pem.write_to_path(self.ca)
        stranger = trustme.CA()
        stranger.cert_pem.write_to_path(self.other_ca)
        self.own = self._pair(folder / "own", files.client_authority)
        self.strange = self._pair(folder / "strange", stranger)

    @staticmethod
    def _pair(folder: Path, authority: trustme.CA) -> tuple[str, ...]:
        folder.mkdir()
        issued = authority.issue_cert("keda")
        issued.cert_chain_pems[0].write_to_path(folder / "crt")
        issued.private_key_pem.write_to_path(folder / "key")
        return ("-cert", f"{folder}/crt", "-key", f"{folder}/key")


async def test_enable_tls(keda: Path, tmp_path: Path) -> None:
    """TLS 1.2 and 1.3, with a certificate and without, are served where they should be; all else fails, and says why."""
    for name in ("pems", "server"):
        (tmp_path / name).mkdir()
    files = Files(tmp_path / "server")
    pems = Pems(tmp_path / "pems", files)
    trusting = ("-name", "localhost", "-ca", str(pems.ca))

    async def asked(port: int, *options: str) -> str:
        """Return what the client prints, or fails with."""
        process = await asyncio.create_subprocess_exec(
            str(keda),
            *("-address", f"127.0.0.1:{port}", *options, *TRIGGER),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode()

    answers = {}
    cases = {
        "1.2": (*trusting, "-version", "1.2"),
        "1.3": (*trusting, "-version", "1.3"),
        "1.2 own": (*trusting, *pems.own, "-version", "1.2"),
        "1.3 own": (*trusting, *pems.own, "-version", "1.3"),
        "strange": (*trusting, *pems.strange),
        "wrong CA": ("-name", "localhost", "-ca", str(pems.other_ca), *pems.own),
        "wrong name": ("-name", "example.org", "-ca", str(pems.ca), *pems.own),
    }
    for mutual, more in ((False, {}), (True, files.client_ca)):
        config = {"extensions": {"keda_scaler": {"tls": files.settings(**more)}}}
        async with (
            running_app(yaml.safe_dump(config), at_ms=NOW_S * 1000) as run,
            run.sidecar(request(node=node())) as sidecar,
        ):
            await sidecar.report(request(ci("a", value=7, at=NOW_S)))
            for case, options in cases.items():
                answers[mutual, case] = await asked(run.app.ports["keda_scaler"], *options)
    served = {key: text.strip() for key, text in answers.items() if text.startswith("TLS")}
    value = "target 2.5 value 7"
    assert served == {
        (False, "1.2"): f"TLS 1.2 {value}",
        (False, "1.3"): f"TLS 1.3 {value}",
        (False, "1.2 own"): f"TLS 1.2 {value}",
        (False, "1.3 own"): f"TLS 1.3 {value}",
        (False, "strange"): f"TLS 1.3 {value}",
        (True, "1.2 own"): f"TLS 1.2 {value}",
        (True, "1.3 own"): f"TLS 1.3 {value}",
    }
    for mutual in (False, True):
        assert "unknown authority" in answers[mutual, "wrong CA"]
        assert "not example.org" in answers[mutual, "wrong name"]
