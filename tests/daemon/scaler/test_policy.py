"""The admission policy refuses what tallyd would refuse, and nothing that it would take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import re2
import yaml

from daemon.cli import main
from daemon.scaler.keys import ALIASES, KEYS, QUERY_REF, MetadataError
from daemon.scaler.metadata import parse_metadata
from daemon.scaler.policy import Rule, is_blank_pattern, policy_yaml, rules
from tests.query.test_shape import has_surrogates, takes, texts

DOCKER = Path(__file__).parents[3] / "docker"
GOOD = {"targetValue": "1", "metricQuery": "up"}
RULES = {rule.key: rule for rule in rules()}


def accepts(rule: Rule, text: str) -> bool:
    """Whether `text` passes, as the policy's CEL reads it."""
    if re2.search(is_blank_pattern(), text):
        return True
    if rule.key == "metricQuery":
        return takes(text)
    if not all(re2.search(pattern, text) for pattern in rule.patterns):
        return False
    if rule.least is None or rule.most is None:
        return True
    return rule.least <= float(text.strip()) <= rule.most


def expressions(name: str) -> list[str]:
    documents = yaml.safe_load_all(policy_yaml())
    (policy,) = [
        one for one in documents if one["metadata"]["name"] == name and "validations" in one["spec"]
    ]
    return [one["expression"] for one in policy["spec"]["validations"]]


def test_every_key_has_a_rule() -> None:
    """A key that is added to the metadata must be added here."""
    assert RULES.keys() == {*KEYS, *ALIASES} - {QUERY_REF}


@pytest.mark.parametrize("key", RULES)
def test_takes_what_tallyd_takes(key: str) -> None:
    """Whatever string of a test is a good value of the key, passes."""
    longest = 4096 if key == "metricQuery" else 20
    values = [one for one in texts() if len(one) <= longest and not has_surrogates(one)]
    values += [f" {one}\n" for one in values if len(one) < 10]
    good = [one for one in values if is_good(key, one)]
    assert [one for one in good if not accepts(RULES[key], one)] == []
    assert good


def is_good(key: str, text: str) -> bool:
    try:
        return not parse_metadata({**GOOD, key: text}, {}).problems
    except MetadataError:
        return False


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("operationOverTime", "rat"),
        ("operationOverTime", "Rate"),
        ("operationOverTime", "avg_over_time"),
        ("targetValue", "0"),
        ("targetValue", "-1"),
        ("targetValue", "1,5"),
        ("targetValue", "100m"),
        ("targetValue", "1e300"),
        ("window", "0s"),
        ("window", "1 minute"),
        ("window", "1m " + "0" * 70),
        ("clampMax", "ten"),
        ("clampMin", "NaN"),
        ("activationThreshold", "five"),
        ("ifNotFound", "zero"),
        ("valueIfNotFound", "-1"),
        ("dialect", "PromQL"),
        ("evidence", "no"),
        ("legacyIntScale", "1"),
        ("metricQuery", "sum(rate(requests[1m]))"),
    ],
)
def test_refuses_mistakes(key: str, text: str) -> None:
    """What tallyd refuses, and users write, does not pass."""
    assert not is_good(key, text)
    assert not accepts(RULES[key], text)


def test_blank_is_what_python_strips() -> None:
    """The policy takes the same characters for blank as tallyd does."""
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    blank = re2.compile(is_blank_pattern())
    assert [one for one in every if one.isspace() != bool(blank.search(one))] == []


@pytest.mark.parametrize(
    "path", ["kubernetes/components/admission/policy.yaml", "helm/files/policy.yaml"]
)
def test_what_is_committed_is_what_is_printed(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tallyd policy` prints the file of the kustomize component, and the Helm chart's."""
    assert main(["policy"]) == 0
    assert (DOCKER / path).read_text() == capsys.readouterr().out


def test_kubernetes_takes_it() -> None:
    """Policies and bindings fit their schemas, and each binding has its policy."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(policy_yaml()))
    for one in documents:
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    policies = [one["metadata"]["name"] for one in documents if one["kind"].endswith("Policy")]
    bound = [one["spec"]["policyName"] for one in documents if one["kind"].endswith("Binding")]
    assert policies == bound == ["tallyd-triggers", "tallyd-triggers-unknown-keys"]


def test_each_rule_is_in_the_policy() -> None:
    """Patterns reach the policy as they are, quotes written by their number."""
    joined = "\n".join(expressions("tallyd-triggers"))
    for rule in rules():
        for pattern in rule.patterns:
            assert pattern.replace('"', r"\x22") in joined


def test_unknown_keys_are_warned_of_alone() -> None:
    """A key that means nothing to tallyd is no reason to refuse an object, for tallyd answers it too."""
    (expression,) = expressions("tallyd-triggers-unknown-keys")
    assert "'scalerAddress'" in expression
    assert "'windowFromEnv'" in expression
    documents = list(yaml.safe_load_all(policy_yaml()))
    assert [one["spec"].get("validationActions") for one in documents] == [
        None,
        ["Deny"],
        None,
        ["Warn"],
    ]


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("keda-otel-scaler.default.svc:4318", True),
        ("keda-otel-scaler:4318", True),
        ("dns:///keda-otel-scaler.default:4318", True),
        ("my-keda-otel-scaler.default.svc:4318", False),
        ("keda-otel-scaler-2:4318", False),
        ("other.default.svc:4318", False),
    ],
)
def test_whose_triggers(address: str, meant: bool) -> None:
    """A trigger is looked at if the host of its address is the Service's name."""
    documents = list(yaml.safe_load_all(policy_yaml()))
    (variable,) = documents[0]["spec"]["variables"]
    pattern = variable["expression"].split('matches(r"')[1].split('")')[0]
    assert bool(re2.search(pattern, address)) is meant


def test_another_service(capsys: pytest.CaptureFixture[str]) -> None:
    """`--service` names the Service; what cannot be one is refused."""
    assert main(["policy", "--service", "scaler"]) == 0
    assert "/*)?scaler(?:" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["policy", "--service", "Scaler.*"])
