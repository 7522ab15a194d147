"""The manifests: what Kubernetes would take, and what fits this tallyd."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from daemon.check import load_checked
from daemon.config.load import load_config
from daemon.scaler.metadata import parse_metadata
from tests.support.go_tools import tool

FOLDER = Path(__file__).parent.parent / "docker" / "kubernetes"
NOT_KUBERNETES_OWN = {
    "ScaledObject",
    "ServiceMonitor",
    "PrometheusRule",
    "Kustomization",
    "Component",
}
"""Kinds whose schemas Kubernetes does not carry."""


def objects() -> list[tuple[Path, dict[str, Any]]]:
    return [
        (path, one)
        for path in sorted(FOLDER.rglob("*.yaml"))
        for one in yaml.safe_load_all(path.read_text())
        if "kind" in one
    ]


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for _, one in objects() if one["kind"] == kind}


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(one, id=f"{path.stem}-{one['kind']}")
        for path, one in objects()
        if one["kind"] not in NOT_KUBERNETES_OWN
    ],
)
def test_kubernetes_takes_it(manifest: dict[str, Any]) -> None:
    """Each object fits its schema, without a key that the schema does not have."""
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_every_file_is_used() -> None:
    """What lies in the folder is what kustomize applies, or an example."""
    listed = {
        path.parent / name
        for path in FOLDER.rglob("kustomization.yaml")
        for name in [
            *yaml.safe_load(path.read_text())["resources"],
            *[
                file
                for one in yaml.safe_load(path.read_text()).get("configMapGenerator", [])
                for file in one["files"]
            ],
            "kustomization.yaml",
        ]
    }
    there = {path for path in FOLDER.rglob("*.yaml") if path.parent.name != "examples"}
    assert listed == there


def test_the_configuration_is_good() -> None:
    """It loads without a warning."""
    assert load_checked(FOLDER / "config.yaml", {}).warnings == ()


def test_the_parts_fit_together() -> None:
    """The Services, the budget and the policy select the Deployment's pods; its configuration lies where it looks for it."""
    deployment = named("Deployment")["tallyd"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [
        deployment["selector"]["matchLabels"],
        *[one["spec"]["selector"] for one in named("Service").values()],
        named("PodDisruptionBudget")["tallyd"]["spec"]["selector"]["matchLabels"],
        named("NetworkPolicy")["tallyd"]["spec"]["podSelector"]["matchLabels"],
    ]
    [container] = deployment["template"]["spec"]["containers"]
    [config] = [one for one in container["volumeMounts"] if one["name"] == "config"]
    assert selectors == [labels] * 5
    assert container["args"] == ["run", "--config", f"{config['mountPath']}/config.yaml"]
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    [generated] = kustomization["configMapGenerator"]
    [volume] = [one for one in deployment["template"]["spec"]["volumes"] if "configMap" in one]
    assert (generated["name"], generated["files"]) == (volume["configMap"]["name"], ["config.yaml"])


def test_every_port_of_a_service_leads_to_one_that_listens() -> None:
    """Services name ports of the container, and those are the built-in configuration's."""
    [container] = named("Deployment")["tallyd"]["spec"]["template"]["spec"]["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    services = named("Service")
    assert services.keys() == {"otelcol", "keda-otel-scaler"}
    for service in services.values():
        assert {one["targetPort"] for one in service["spec"]["ports"]} <= ports.keys()
    config = load_config(None, {}).config
    endpoints = [getattr(one, "endpoint", None) for one in config.extensions.values()]
    listening = {int(one.rpartition(":")[2]) for one in endpoints if one}
    assert listening <= set(ports.values())


def test_kustomize_builds_it_with_every_component(tmp_path: Path) -> None:
    """The base with all of its components, as kustomize renders it, is what Kubernetes takes."""
    components = sorted((FOLDER / "components").iterdir())
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(FOLDER, tmp_path)],
        "components": [os.path.relpath(one, tmp_path) for one in components],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    command = [tool("kustomize"), "build", str(tmp_path)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rendered = list(yaml.safe_load_all(built))
    for one in rendered:
        if one["kind"] not in NOT_KUBERNETES_OWN:
            kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    kinds = {one["kind"] for one in rendered}
    assert kinds >= {"PersistentVolumeClaim", "ServiceMonitor", "PrometheusRule"}
    (deployment,) = [one for one in rendered if one["kind"] == "Deployment"]
    (_, snapshot) = deployment["spec"]["template"]["spec"]["volumes"]
    assert snapshot == {"name": "snapshot", "persistentVolumeClaim": {"claimName": "tallyd"}}


@pytest.mark.parametrize("kind", ["external", "external-push", "kedify-otel"])
def test_scaled_objects(kind: str) -> None:
    """The walk-through's trigger, in each of its types, has no problem and no unknown key."""
    text = (FOLDER / "examples" / f"scaledobject-{kind}.yaml").read_text()
    [trigger] = yaml.safe_load(text)["spec"]["triggers"]
    parsed = parse_metadata(trigger["metadata"], {})
    assert (trigger["type"], parsed.problems, parsed.unknown_keys) == (kind, (), ())
