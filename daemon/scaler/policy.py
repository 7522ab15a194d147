"""The keys of a trigger as a ValidatingAdmissionPolicy: what tallyd would refuse, `kubectl apply` refuses.

Made from the same words, numbers and grammar that `metadata` reads by. It knows less, so it refuses less: what comes
from the environment or from a named query is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import yaml

from daemon.scaler.keys import ALIASES, FROM_ENV, KNOWN_KEYS, MAX_VALUE_LENGTH, QUERY_REF
from daemon.scaler.metadata import IF_NOT_FOUND, MAX_NUMBER, MIN_TARGET, NUMBER, SWITCH
from query.dialect import Dialect
from query.durations import DURATION_PATTERN, MAX_DURATION_LENGTH
from query.shape import COUNTABLE, METRIC_QUERY
from query.values import OverTime

NAME: Final = "tallyd-triggers"
DEFAULT_SERVICE: Final = "keda-otel-scaler"

_SPACE: Final = r"[\s\v\x1c-\x1f\x{85}\p{Z}]"
"""What str.strip() takes away."""
_HEADER: Final = """\
# Written by `tallyd policy`: what tallyd would refuse in a trigger's metadata is refused when it is applied.
# For Kubernetes 1.30 and newer; once for each cluster. It looks at the triggers of ScaledObjects and ScaledJobs that
# point to the Service %s; what comes from the environment or a named query is not looked at.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one key's value must be, unless it is blank."""

    key: str
    patterns: tuple[str, ...]
    """Each finds something in a good value; RE2."""
    expected: str
    least: float | None = None
    most: float | None = None


def rules() -> list[Rule]:
    """Return the rules for single values."""
    number = rf"(?:{NUMBER.pattern})"
    return [
        Rule(
            key="metricQuery",
            patterns=(METRIC_QUERY,),
            expected="sum, avg, min, max or count over one metric, such as sum(requests_total{app_id='nodeapp'}); "
            "a rate is asked for by operationOverTime: rate",
        ),
        _words("operationOverTime", [one.value for one in OverTime]),
        _number("targetValue", MIN_TARGET),
        Rule(
            key="window",
            patterns=(
                _whole(DURATION_PATTERN),
                "[1-9]",
                rf"^{_SPACE}*.{{1,{MAX_DURATION_LENGTH}}}{_SPACE}*$",
            ),
            expected="a duration above 0 such as 60s or 2m",
        ),
        *(
            Rule(key=key, patterns=(_whole(number),), expected="a number")
            for key in ("clampMin", "clampMax", "activationTargetValue", *ALIASES)
        ),
        _words("ifNotFound", IF_NOT_FOUND),
        _number("valueIfNotFound", 0),
        _words("dialect", [one.value for one in Dialect]),
        _words("evidence", SWITCH, flags="i"),
        _words("legacyIntScale", SWITCH, flags="i"),
    ]


def policy_yaml(service: str = DEFAULT_SERVICE) -> str:
    """Return the policies and their bindings, for triggers that point to `service`."""
    refused = _policy(NAME, service, list(_validations()))
    warned = _policy(f"{NAME}-unknown-keys", service, [_unknown_keys()])
    documents = [
        refused,
        _binding(NAME, "Deny"),
        warned,
        _binding(f"{NAME}-unknown-keys", "Warn"),
    ]
    text = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True
    )
    return _HEADER % service + text


def is_blank_pattern() -> str:
    """Return the pattern of a value that counts as absent."""
    return rf"^{_SPACE}*$"


def _whole(pattern: str) -> str:
    return rf"^{_SPACE}*{pattern}{_SPACE}*$"


def _words(key: str, words: Iterable[str], flags: str = "") -> Rule:
    every = list(words)
    return Rule(
        key=key,
        patterns=(_whole(rf"(?{flags}:{'|'.join(every)})"),),
        expected=f"one of {', '.join(every)}",
    )


def _number(key: str, least: float) -> Rule:
    return Rule(
        key=key,
        patterns=(_whole(rf"(?:{NUMBER.pattern})"),),
        expected=f"a number from {least:g} to {MAX_NUMBER:g}",
        least=least,
        most=MAX_NUMBER,
    )


# -- CEL -------------------------------------------------------------------------------------------


def _validations() -> Iterable[dict[str, str]]:
    for key in ("targetValue", "metricQuery"):
        given = [_given(key), f"'{key}{FROM_ENV}' in m"]
        named = [f"'{name}' in m" for name in (QUERY_REF, f"{QUERY_REF}{FROM_ENV}")]
        yield _validation([" || ".join((*given, *named))], f"metadata key {key} is missing")
    for rule in rules():
        value = f"m['{rule.key}']"
        conditions = [f"size({value}) <= {MAX_VALUE_LENGTH}"]
        conditions += [f"{value}.matches({_quoted(pattern)})" for pattern in rule.patterns]
        if rule.least is not None:
            conditions += [
                f"double({value}.trim()) >= {float(rule.least)!r}",
                f"double({value}.trim()) <= {rule.most!r}",
            ]
        good = "\n    && ".join(conditions)
        yield _validation(
            [f"!({_given(rule.key)})", f"({good})"],
            f"metadata key {rule.key}: expected {rule.expected}",
        )
    query = "m['metricQuery']"
    yield _validation(
        [
            f"!({_given('metricQuery')})",
            f"!{query}.matches({_quoted(COUNTABLE)})",
            f"{query}.split('(').size() == {query}.split(')').size()",
        ],
        "metadata key metricQuery: as many parentheses must close as open",
    )
    for proper in dict.fromkeys(ALIASES.values()):
        names = [proper, *(alias for alias, meant in ALIASES.items() if meant == proper)]
        for one, other in combinations(names, 2):
            yield _validation(
                [f"!({_given(one)})", f"!({_given(other)})", f"m['{one}'] == m['{other}']"],
                f"metadata keys {one} and {other} disagree: keep one",
            )


def _unknown_keys() -> dict[str, str]:
    known = ", ".join(f"'{key}'" for key in sorted(KNOWN_KEYS))
    return _validation(
        [f"m.all(k, k in [{known}])"],
        "a metadata key of a trigger is unknown to tallyd and has no effect",
    )


def _given(key: str) -> str:
    return f"'{key}' in m && !m['{key}'].matches({_quoted(is_blank_pattern())})"


def _quoted(pattern: str) -> str:
    """Return a pattern as a raw string of CEL, in which nothing can stand for a double quote but its number."""
    return 'r"' + pattern.replace('"', r"\x22") + '"'


def _validation(any_of: list[str], message: str) -> dict[str, str]:
    holds = "\n  || ".join(any_of)
    return {"expression": f"variables.metadata.all(m,\n  {holds})", "message": message}


def _policy(name: str, service: str, validations: list[dict[str, str]]) -> dict[str, Any]:
    resources = {
        "apiGroups": ["keda.sh"],
        "apiVersions": ["v1alpha1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["scaledobjects", "scaledjobs"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            # tallyd checks each trigger itself: where this cannot be evaluated nothing need be held up.
            "failurePolicy": "Ignore",
            "matchConstraints": {"resourceRules": [resources]},
            "variables": [{"name": "metadata", "expression": _metadata(service)}],
            "validations": validations,
        },
    }


def _metadata(service: str) -> str:
    """Return the CEL of the metadata of all triggers that point to `service`.

    Kedify's KEDA adds the address where there is none; the others need one.
    """
    address = _quoted(rf"^(?:[a-z]+:/*)?{service}(?:[.:]|$)")
    return (
        "has(object.spec.triggers) ? object.spec.triggers.filter(t, has(t.metadata)\n"
        "  && t.type in ['kedify-otel', 'external', 'external-push']\n"
        "  && ('scalerAddress' in t.metadata\n"
        f"    ? t.metadata['scalerAddress'].matches({address})\n"
        "    : t.type == 'kedify-otel')).map(t, t.metadata) : []"
    )


def _binding(name: str, action: str) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": [action]},
    }


class _Dumper(yaml.SafeDumper):
    """Writes expressions as they are read: line by line."""

    def ignore_aliases(self, data: Any) -> bool:  # PyYAML's own signature
        """Write everything out."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
