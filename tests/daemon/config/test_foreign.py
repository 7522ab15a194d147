"""Files that hold a configuration in another form."""

from __future__ import annotations

import pytest

from tests.daemon.config.support import problems

HELM = (
    "1:1: these are Helm values without opentelemetry-collector.alternateConfig, which is where a configuration is "
    "looked for: pass what stands below {} as a file of its own"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mode: deployment\nconfig: {receivers: }", HELM.format("config")),
        ("alternateConfig: {receivers: }", HELM.format("alternateConfig")),
        (
            "opentelemetry-collector: {config: {receivers: }}",
            HELM.format("opentelemetry-collector.config"),
        ),
        (
            "opentelemetry-collector: {mode: x}\nother: 1",
            HELM.replace("what stands below {}", "the configuration"),
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\ndata: {tallyd.yaml: 'receivers:'}",
            (
                "1:1: this is a Kubernetes ConfigMap, not a configuration: "
                "pass what stands below data.tallyd.yaml as a file of its own"
            ),
        ),
        (
            "apiVersion: v1\nkind: List",
            "1:1: this is a Kubernetes List, not a configuration: pass the configuration in it as a file of its own",
        ),
    ],
)
def test_what_to_pass(text: str, expected: str) -> None:
    """One message says which part of the file is the configuration."""
    assert problems(text) == [expected]


@pytest.mark.parametrize("text", ["config: 1", "processors: \nconfig: {a: 1}", "kind: x"])
def test_unknown_keys_stay_unknown(text: str) -> None:
    """A stray key makes a file no Helm values and no Kubernetes object."""
    assert all("unknown key" in line for line in problems(text))
