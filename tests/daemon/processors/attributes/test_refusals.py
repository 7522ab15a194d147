"""Settings of the processors attributes and resource that stop a start (otlp.md 4.1, 4.2)."""

from __future__ import annotations

import pytest

from tests.support.processing import refusal

T1 = "actions: [{key: t, value: 1, action: insert}]"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (
            "{key: k, action: insert}",
            "3:15: {0}: insert needs a value, from_attribute or from_context",
        ),
        ("{value: v, action: insert}", "3:15: {0}: insert needs a key"),
        ("{value: v, action: upsert, pattern: a}", "3:15: {0}: upsert needs a key"),
        (
            "{key: k, value: v, action: nope}",
            "3:42: {0}.action: expected insert, update, upsert, delete, hash, extract or convert, got 'nope'",
        ),
        ("{key: k, value: v, action: delete}", "3:31: {0}.value: delete does not take value"),
        ("{action: hash}", "3:15: {0}: hash needs a key or pattern"),
        (
            "{key: k, action: hash, from_attribute: b}",
            "from_attribute: hash does not take from_attribute",
        ),
        ("{key: k, action: extract}", "3:15: {0}: extract needs a pattern"),
        (
            '{key: k, pattern: "(a)", action: extract}',
            "{0}.pattern: expected every group to have a name",
        ),
        (
            '{key: k, pattern: "a", action: extract}',
            "{0}.pattern: expected every group to have a name",
        ),
        (
            '{key: k, pattern: "(?P<n>a)(b)", action: extract}',
            "expected every group to have a name",
        ),
        ('{key: k, pattern: "(", action: delete}', "3:33: {0}.pattern: bad pattern: "),
        ('{key: k, pattern: "(", action: extract}', "3:33: {0}.pattern: bad pattern: "),
        (
            "{key: k, action: convert}",
            "{0}: expected converted_type to be string, int, double, got nothing",
        ),
        (
            "{key: k, action: convert, converted_type: bool}",
            "{0}.converted_type: expected converted_type",
        ),
        ("{key: k, value: v}", "3:15: {0}.action: is required and missing"),
        ("{key: k, value: null, action: insert}", "{0}: insert needs a value"),
        (
            "{key: k, value: v, from_attribute: b, action: insert}",
            "{0}.from_attribute: cannot stand beside value",
        ),
        (
            "{key: k, value: '', from_context: b, action: insert}",
            "{0}.from_context: cannot stand beside value",
        ),
        (
            "{key: k, value: 9223372036854775808, action: insert}",
            "3:31: {0}.value: expected a number of 64 bits with sign, got 9223372036854775808",
        ),
        (
            "{key: k, value: [{a: 1e400, b: -9223372036854775809}], action: insert}",
            "{0}.value[0].b: expected a number",
        ),
        ("{key: k, values: v, action: insert}", "{0}.values: unknown key; did you mean 'value'?"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "setting"), [("attributes", "actions"), ("resource", "attributes")]
)
def test_actions(kind: str, setting: str, action: str, expected: str) -> None:
    """54 to 67: an action that cannot work is refused where it stands, the same in both processors."""
    found = refusal(kind, f"{setting}: [{action}]")
    if kind == "attributes":
        assert expected.replace("{0}", "processors.attributes.actions[0]") in found
    else:
        assert expected.partition("{0}")[2] in found


@pytest.mark.parametrize(
    ("kind", "configuration", "expected"),
    [
        pytest.param(
            "attributes", "", "processors.attributes.actions: expected at least one action"
        ),
        pytest.param(
            "attributes",
            "actions: []",
            "3:5: processors.attributes.actions: expected at",
            id="none",
        ),
        pytest.param(
            "resource",
            "attributes: []",
            "3:5: processors.resource.attributes: expected at least",
            id="78",
        ),
        pytest.param(
            "resource",
            "actions: [{key: env, value: dev, action: insert}]",
            "3:5: processors.resource.actions: unknown key; expected one of attributes",
            id="79",
        ),
        pytest.param(
            "resource",
            "attributes: [{key: env, value: dev, action: insert}]\ninclude: {match_type: strict, metric_names: [a]}",
            "4:5: processors.resource.include: unknown key",
            id="no include",
        ),
        pytest.param(
            "attributes",
            f"include: {{match_type: regexp, libraries: [{{name: li}}]}}\n{T1}",
            "3:35: processors.attributes.include.libraries: unknown key",
            id="49",
        ),
        pytest.param(
            "attributes",
            f"include: {{match_type: strict, attributes: [{{key: k, value: a}}]}}\n{T1}",
            "processors.attributes.include.attributes: unknown key",
            id="52",
        ),
        pytest.param(
            "attributes",
            f"include: {{match_type: nope, metric_names: [a]}}\n{T1}",
            "3:27: processors.attributes.include.match_type: expected strict or regexp, got 'nope'",
            id="69",
        ),
        pytest.param(
            "attributes",
            f"include: {{metric_names: [a]}}\n{T1}",
            "processors.attributes.include.match_type: is required and missing",
            id="70",
        ),
        pytest.param(
            "attributes",
            f"include: {{match_type: strict, services: [x]}}\n{T1}",
            "processors.attributes.include.services: unknown key",
            id="72",
        ),
        pytest.param(
            "attributes",
            f"include: {{match_type: strict, metric_names: [m1], resources: [{{key: host, value: b}}]}}\n{T1}",
            "3:55: processors.attributes.include.resources: resources decide nothing about metrics",
            id="48",
        ),
        pytest.param(
            "attributes",
            f"exclude: {{match_type: strict, resources: [{{key: host, value: a}}]}}\n{T1}",
            "processors.attributes.exclude.resources: resources decide nothing",
            id="51",
        ),
        pytest.param(
            "attributes",
            f"exclude: {{match_type: strict, metric_names: []}}\n{T1}",
            "processors.attributes.exclude.metric_names: expected at least one name",
            id="no name",
        ),
        pytest.param(
            "attributes",
            f'exclude: {{match_type: regexp, metric_names: [a, "("]}}\n{T1}',
            "processors.attributes.exclude.metric_names[1]: bad pattern",
            id="bad name",
        ),
    ],
)
def test_the_rest(kind: str, configuration: str, expected: str) -> None:
    """Lists without actions and matches that decide nothing are refused, each with its place."""
    assert expected in refusal(kind, configuration)


def test_all_at_once() -> None:
    """Every mistake is told."""
    found = refusal(
        "attributes", 'actions: [{key: k, action: insert}, {key: k, pattern: "(", action: delete}]'
    )
    assert [line.split(": ")[1] for line in found.splitlines()] == [
        "processors.attributes.actions[0]",
        "processors.attributes.actions[1].pattern",
    ]
