"""The Helm chart: what it renders is what Kubernetes takes, and at default values what kustomize applies."""

from __future__ import annotations

import json
import shutil
import subprocess
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from daemon.check import load_checked
from daemon.config.schema import Config
from daemon.scaler.metadata import parse_metadata
from tests.support.go_tools import KUBERNETES, tool

DOCKER = Path(__file__).parent.parent / "docker"
CHART = DOCKER / "helm"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
NOT_KUBERNETES_OWN = {"ScaledObject", "ServiceMonitor", "PrometheusRule"}
EVERYTHING: dict[str, Any] = {
    "name": "scaler",
    "image": {"digest": "sha256:" + "0" * 64, "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "snapshot": {"persistence": {"enabled": True, "storageClassName": "fast"}},
    "services": {
        "push": {"annotations": {"a": "b"}},
        "scaler": {"extraPorts": [{"name": "page", "port": 8889, "targetPort": "page"}]},
    },
    "extraPorts": [{"name": "page", "containerPort": 8889}],
    "serviceAccount": {"annotations": {"a": "b"}},
    "networkPolicy": {"extraIngress": [{"ports": [{"port": 8889}]}]},
    "tls": {"enabled": True, "secretName": "tallyd-tls"},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "dashboard": {"enabled": True},
    "admissionPolicy": {"enabled": True},
    "scaledObject": {"enabled": True, "type": "external-push"},
    "annotations": {"a": "b"},
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "env": [{"name": "TOKEN", "value": "x"}],
    "envFrom": [{"secretRef": {"name": "tokens"}}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "system-cluster-critical",
}
"""Every switch on, every list and map filled."""


def template(
    values: dict[str, Any], tmp_path: Path, kubernetes: str = KUBERNETES
) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [tool("helm"), "template", "tallyd", str(CHART), "--values", str(file)]
    command += ["--namespace", "shop", "--kube-version", kubernetes]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rendered(values: dict[str, Any], tmp_path: Path) -> list[dict[str, Any]]:
    done = template(values, tmp_path)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(kind: str, objects: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = [one for one in objects if one["kind"] == kind]
    return one


def meaning(text: str) -> Config:
    """Return a configuration but for the order of its extensions, which Helm sorts."""
    config = load_checked(text, {}).config
    extensions = tuple(sorted(config.service.extensions))
    return replace(config, service=replace(config.service, extensions=extensions))


def by_name(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return objects by kind and name, without the labels that tell who made them."""
    for one in objects:
        labels = one["metadata"]["labels"]
        one["metadata"]["labels"] = {"app.kubernetes.io/name": labels["app.kubernetes.io/name"]}
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def test_default_values_are_the_kustomize_base(tmp_path: Path) -> None:
    """Both ways to install give the same objects, and configurations that mean the same."""
    command = [tool("kustomize"), "build", str(DOCKER / "kubernetes")]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    base = by_name(list(yaml.safe_load_all(built)))
    chart = by_name(rendered({}, tmp_path))
    texts = [one.pop(("ConfigMap", "tallyd"))["data"]["config.yaml"] for one in (base, chart)]
    assert chart == base
    kustomized, helmed = (meaning(text) for text in texts)
    assert helmed == kustomized


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["default", "everything"])
def test_kubernetes_takes_it(values: dict[str, Any], tmp_path: Path) -> None:
    """Each object fits its schema, without a key that the schema does not have."""
    for one in rendered(values, tmp_path):
        if one["kind"] not in NOT_KUBERNETES_OWN:
            kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_every_switch(tmp_path: Path) -> None:
    """What is switched on is there, under the name that was given."""
    objects = rendered(EVERYTHING, tmp_path)
    assert {one["kind"] for one in objects} == {
        *("ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"),
        *("ConfigMap", "PersistentVolumeClaim", "ServiceMonitor", "PrometheusRule"),
        *("ScaledObject", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }
    pod = of_kind("Deployment", objects)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "tallyd@sha256:" + "0" * 64
    assert [one["name"] for one in container["volumeMounts"]] == [
        one["name"] for one in pod["volumes"]
    ]
    assert pod["volumes"][1]["persistentVolumeClaim"] == {"claimName": "scaler"}
    assert (pod["priorityClassName"], pod["nodeSelector"]) == (
        EVERYTHING["priorityClassName"],
        EVERYTHING["nodeSelector"],
    )
    alerts = of_kind("PrometheusRule", objects)["spec"]
    assert alerts == yaml.safe_load((DOCKER / "monitoring" / "alerts.yaml").read_text())
    (dashboard,) = [one for one in objects if one["metadata"]["name"] == "scaler-dashboard"]
    shown = json.loads(dashboard["data"]["tallyd.json"])
    assert shown == json.loads((DOCKER / "monitoring" / "dashboard.json").read_text())


@pytest.mark.parametrize(
    "values",
    [
        {"podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": False}},
        {"serviceAccount": {"create": False, "name": "other"}, "existingConfigMap": "mine"},
    ],
    ids=["without policies", "with objects that are there"],
)
def test_switched_off(values: dict[str, Any], tmp_path: Path) -> None:
    """What is switched off is not there; what is there already is used."""
    objects = rendered(values, tmp_path)
    kinds = {one["kind"] for one in objects}
    pod = of_kind("Deployment", objects)["spec"]["template"]["spec"]
    if "existingConfigMap" in values:
        assert kinds.isdisjoint({"ServiceAccount", "ConfigMap"})
        assert pod["serviceAccountName"] == "other"
        assert pod["volumes"][0]["configMap"] == {"name": "mine"}
    else:
        assert kinds == {"ServiceAccount", "ConfigMap", "Service", "Deployment"}


@pytest.mark.parametrize("kind", ["external", "external-push", "kedify-otel"])
def test_the_scaled_object(kind: str, tmp_path: Path) -> None:
    """The walk-through's trigger is that of docker/kubernetes/examples, but for the namespace."""
    values = {"scaledObject": {"enabled": True, "type": kind}}
    scaled = of_kind("ScaledObject", rendered(values, tmp_path))
    path = DOCKER / "kubernetes" / "examples" / f"scaledobject-{kind}.yaml"
    example = yaml.safe_load(path.read_text())
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"].pop("scalerAddress") == "keda-otel-scaler.shop.svc:4318"
    example["spec"]["triggers"][0]["metadata"].pop("scalerAddress")
    assert scaled["spec"] == example["spec"]
    parsed = parse_metadata(trigger["metadata"], {})
    assert (parsed.problems, parsed.unknown_keys) == ((), ())


def test_a_configuration_as_text(tmp_path: Path) -> None:
    """A `config` that is a text is taken as it is, comments and blank lines too."""
    text = "# mine\nprocessors:\n\nextensions:\n  keda_scaler:\n"
    config_map = of_kind("ConfigMap", rendered({"config": text}, tmp_path))
    assert config_map["data"]["config.yaml"].strip() == text.strip()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"replicas": 2}, "replicas"),
        ({"image": {"tga": "1"}}, "tga"),
        ({"tls": {"enabled": True}}, "secretName"),
        ({"scaledObject": {"type": "otel"}}, "type"),
        ({"networkPolicy": {"kedaNamespaces": "keda"}}, "kedaNamespaces"),
        ({"name": "Tallyd"}, "name"),
    ],
    ids=str,
)
def test_values_that_are_refused(values: dict[str, Any], told: str, tmp_path: Path) -> None:
    """A value that means nothing, or the wrong thing, is refused by name."""
    done = template(values, tmp_path)
    assert done.returncode != 0
    assert told in done.stderr


def test_notes(tmp_path: Path) -> None:
    """What Helm tells after an installation names the Services and where they are."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    text = (chart / "templates" / "NOTES.txt").read_text()
    # `helm template` shows manifests alone, and an installation needs a cluster.
    shown = "notes: |\n" + textwrap.indent(text, "  ")
    (chart / "templates" / "notes.yaml").write_text(shown)
    command = [tool("helm"), "template", "tallyd", str(chart), "--namespace", "shop"]
    command += ["--kube-version", KUBERNETES, "--show-only", "templates/notes.yaml"]
    notes = yaml.safe_load(subprocess.run(command, capture_output=True, check=True).stdout)["notes"]
    assert 'dapr.io/metrics-push-endpoint: "otelcol:55678"' in notes
    assert 'scalerAddress: "keda-otel-scaler.shop.svc:4318"' in notes
    assert "KEDA in from: keda." in notes


def test_an_old_kubernetes(tmp_path: Path) -> None:
    """The admission policy is refused by a Kubernetes that does not know it, in words."""
    done = template({"admissionPolicy": {"enabled": True}}, tmp_path, kubernetes="1.29.0")
    assert "admissionPolicy.enabled: expected Kubernetes 1.30 or newer" in done.stderr


def test_lint() -> None:
    """`helm lint` finds nothing."""
    command = [tool("helm"), "lint", "--strict", str(CHART), "--kube-version", KUBERNETES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_schema_knows_every_value() -> None:
    """Whatever values.yaml has is in its schema, and nothing else."""

    def compare(values: dict[str, Any], schema: dict[str, Any], path: str) -> list[str]:
        properties = schema.get("properties")
        if properties is None:
            return []
        names = properties.keys() - {"global", "claims"}
        different = [f"{path}.{name}" for name in names ^ values.keys()]
        for name in names & values.keys():
            if isinstance(values[name], dict):
                different += compare(values[name], properties[name], f"{path}.{name}")
        return different

    assert compare(VALUES, json.loads((CHART / "values.schema.json").read_text()), "") == []


def test_the_default_configuration_is_good() -> None:
    """It loads without a warning."""
    assert load_checked(yaml.safe_dump(VALUES["config"]), {}).warnings == ()


def test_version() -> None:
    """The chart's version and its image's are the package's."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (DOCKER.parent / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
    assert chart["version"] == chart["appVersion"]


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_files_are_those_of_the_repository(name: str) -> None:
    """What the chart carries is what docker/monitoring has: a chart cannot reach outside its folder."""
    assert (CHART / "files" / name).read_text() == (DOCKER / "monitoring" / name).read_text()
