"""The processor metricstransform against the collector's results (otlp.md 4.3); where tallyd differs it is marked."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from structlog.testing import capture_logs

from tests.support.payload_text import written
from tests.support.payloads import payload
from tests.support.processing import NOTHING, process

VERSION = version("tallyd")
T = (
    "R{host=a} S sc gauge cpu [1{cpu=0,state=idle}, 2{cpu=0,state=user}, 3{cpu=1,state=idle},"
    " 4.5{cpu=1,state=user}]"
)
TI = (
    'R{host=a} S sc csum req "1" [1{m=GET,p=x}@10^-60, 2{m=GET,p=y}@10^-30, 4{m=PUT,p=x}@10^-60,'
    " 9{m=PUT,p=x}@20^-60]"
)
TD = (
    "R{host=a} S sc dsum req [1{m=GET,p=x}@10^0, 2{m=GET,p=y}@10^0, 4{m=PUT,p=x}@10^5]"
    " gauge g [1{m=a}, 2.5{m=a}, 7{}]"
)
TH = (
    'R{host=a} S sc chist h "s" [h(3;6;1,2;1,1,1;0.5;3){p=x}, h(4;8;1,2;2,1,1;0.1;5){p=y}]'
    " chist h2 [h(1;1;1;1,0){p=x}, h(1;1;2;1,0){p=y}]"
    " cexp e [e(0;1;0;0:2;;5){p=x}, e(0;0;0;0:4,1;;9){p=y}]"
    " summ q [q(3;6;0.5=2){p=x}, q(1;1;0.5=1){p=y}]"
)
TE = "R{host=a} S sc cexp e [e(0;1;0.5;0:2,3;1:1;5)] cexp e2 [e(1;0;0;2:5;)]"
TR = (
    "R{host=a} S sc gauge sys.cpu.usage [1{a=1}] gauge sys.mem.usage [2{a=1}]"
    ' gauge Sys.Disk.usage [3{a=1}] csum sys.net.usage [4{a=1}] csum m2 "s" [3{k=b}]'
)
TS = 'R{host=a} S sc gauge m [7, 2.9, -3, null!1] csum c "By" [1500, 9007199254740993]'
TM = "R{host=a} S sc gauge m [4.5{a=x}, 2{a=x}, 1{a=y}, 2{a=y}, 2.5{a=z}, 1.0{a=z}]"
TG = "R{host=a} S s1 gauge a.x [1] gauge b.y [2] S s2 gauge a.z [3] ;; R{host=b} S s1 gauge b.q [4]"


def changed(payload_text: str, transforms: str) -> tuple[list[str], list[str]]:
    """Return the metrics that are gone and those that are new, in order; the others keep theirs."""
    before = [written([group], sort_points=True) for group in payload(payload_text)]
    assert len(before) == 1
    was = process("metricstransform", "transforms: []", payload_text).metrics
    became = process("metricstransform", f"transforms: [{transforms}]", payload_text).metrics
    kept = [metric for metric in became if metric in was]
    assert kept == [metric for metric in was if metric in became]
    return [m for m in was if m not in became], [m for m in became if m not in was]


SYS = ["gauge sys.cpu.usage [1{a=1}]", "gauge sys.mem.usage [2{a=1}]"]
NET, M2 = "csum sys.net.usage [4{a=1}]", 'csum m2 "s" [3{k=b}]'


@pytest.mark.parametrize(
    ("payload", "transform", "gone", "new"),
    [
        pytest.param(
            TR, "include: m2, action: insert, new_name: m3", [], ['csum m3 "s" [3{k=b}]'], id="81"
        ),
        pytest.param(
            TR,
            'include: "^sys\\\\.(.*)$", match_type: regexp, action: update, new_name: "host.$${1}_x"',
            [*SYS, NET],
            [
                "gauge host.cpu.usage_x [1{a=1}]",
                "gauge host.mem.usage_x [2{a=1}]",
                "csum host.net.usage_x [4{a=1}]",
            ],
            id="84",
        ),
        pytest.param(
            TR,
            'include: "sys", match_type: regexp, action: update, new_name: all',
            [*SYS, NET],
            ["gauge all [1{a=1}]", "gauge all [2{a=1}]", "csum all [4{a=1}]"],
            id="85",
        ),
        pytest.param(
            TR,
            'include: "(?i)sys.(?P<part>d\\\\w+)", match_type: regexp, action: update, new_name: "a-$$part-$$none"',
            ["gauge Sys.Disk.usage [3{a=1}]"],
            ["gauge a-Disk- [3{a=1}]"],
            id="named group",
        ),
        pytest.param(
            TR,
            'include: "^sys\\\\.(cpu|mem)", match_type: regexp, action: combine, new_name: sys.usage,'
            " aggregation_type: sum",
            SYS,
            ["gauge sys.usage [1{$1=cpu,a=1}, 2{$1=mem,a=1}]"],
            id="88",
        ),
        pytest.param(
            TR,
            'include: "^sys\\\\.(?P<part>cpu|mem)", match_type: regexp, action: combine, new_name: u,'
            " submatch_case: upper",
            SYS,
            ["gauge u [1{a=1,part=CPU}, 2{a=1,part=MEM}]"],
            id="upper case",
        ),
        pytest.param(
            TR,
            'include: "^sys\\\\.(?:cpu|mem)", match_type: regexp, action: combine, new_name: sys.usage,'
            " aggregation_type: sum",
            SYS,
            ["gauge sys.usage [3{a=1}]"],
            id="90",
        ),
        pytest.param(
            TR,
            "include: m2, action: combine, new_name: m9",
            [M2],
            ['csum m9 "s" [3{k=b}]'],
            id="91",
        ),
        pytest.param(TR, "include: nope, action: update, new_name: m3", [], [], id="82"),
        pytest.param(
            TR,
            'include: "^[Ss]ys\\\\.(?P<part>\\\\w+)\\\\.usage", match_type: regexp, action: combine,'
            " new_name: sys.usage, submatch_case: lower",
            [],
            [],
            id="87",
        ),
        pytest.param(
            T,
            'include: cpu, experimental_match_labels: {cpu: "0"}, action: insert, new_name: c2',
            [],
            [],
            id="132",
        ),
        pytest.param(T, "include: a, action: combine", [], [], id="142"),
        pytest.param(
            T,
            "include: cpu, experimental_match_labels: {state: user}, action: insert, new_name: c2",
            [],
            ["gauge c2 [2{cpu=0,state=user}, 4.5{cpu=1,state=user}]"],
            id="129",
        ),
        pytest.param(
            T,
            'include: cpu, experimental_match_labels: {none: ""}, action: insert, new_name: c2',
            [],
            [
                "gauge c2 [1{cpu=0,state=idle}, 2{cpu=0,state=user}, 3{cpu=1,state=idle}, 4.5{cpu=1,state=user}]"
            ],
            id="an absent label is empty",
        ),
        pytest.param(
            TR,
            "include: m2, action: update, new_name: a}, {include: a, action: update, new_name: b",
            [M2],
            ['csum b "s" [3{k=b}]'],
            id="133",
        ),
        pytest.param(
            TS,
            "include: c, action: update, new_name: c_kb,"
            " operations: [{action: experimental_scale_value, experimental_scale: 0.001}]",
            ['csum c "By" [1500, 9007199254740993]'],
            ['csum c_kb "By" [1, 9007199254740]'],
            id="123",
        ),
        pytest.param(
            TR,
            'include: "^sys\\\\.cpu", match_type: regexp, action: combine',
            [],
            [],
            id="without a name the first one's stays",
        ),
        pytest.param(
            TH,
            "include: q, action: combine, new_name: q2",
            ["summ q [q(1;1.0;0.5=1.0){p=y}, q(3;6.0;0.5=2.0){p=x}]"],
            ["summ q2 [q(1;1.0;0.5=1.0){p=y}, q(3;6.0;0.5=2.0){p=x}]"],
            id="one summary",
        ),
    ],
)
def test_transforms(payload: str, transform: str, gone: list[str], new: list[str]) -> None:
    """What update, insert and combine do to the metrics of a scope."""
    if "^sys\\\\.cpu" in transform:
        became = process("metricstransform", f"transforms: [{{{transform}}}]", payload).metrics
        assert became[-1] == SYS[0]
    else:
        assert changed(payload, f"{{{transform}}}") == (gone, new)


AGGREGATE = "action: aggregate_labels, label_set:"


@pytest.mark.parametrize(
    ("payload", "include", "operation", "expected"),
    [
        pytest.param(
            T,
            "cpu",
            'action: add_label, new_label: v, new_value: "{{version}}"',
            f'gauge cpu [1{{cpu=0,state=idle,v="{VERSION}"}}, 2{{cpu=0,state=user,v="{VERSION}"}},'
            f' 3{{cpu=1,state=idle,v="{VERSION}"}}, 4.5{{cpu=1,state=user,v="{VERSION}"}}]',
            id="94",
        ),
        pytest.param(
            T,
            "cpu",
            "action: add_label, new_label: state, new_value: x",
            "gauge cpu [1{cpu=0,state=idle}, 2{cpu=0,state=user}, 3{cpu=1,state=idle}, 4.5{cpu=1,state=user}]",
            id="a label that is there stays",
        ),
        pytest.param(
            T,
            "cpu",
            "action: update_label, label: state, new_label: st",
            "gauge cpu [1{cpu=0,st=idle}, 2{cpu=0,st=user}, 3{cpu=1,st=idle}, 4.5{cpu=1,st=user}]",
            id="96",
        ),
        pytest.param(
            T,
            "cpu",
            "action: update_label, label: state, value_actions: [{value: idle, new_value: IDLE}]",
            "gauge cpu [1{cpu=0,state=IDLE}, 2{cpu=0,state=user}, 3{cpu=1,state=IDLE}, 4.5{cpu=1,state=user}]",
            id="97",
        ),
        pytest.param(
            T,
            "cpu",
            "action: update_label, label: state, new_label: cpu",
            "gauge cpu [1{cpu=idle}, 2{cpu=user}, 3{cpu=idle}, 4.5{cpu=user}]",
            id="99",
        ),
        pytest.param(
            T,
            "cpu",
            "action: delete_label_value, label: state, label_value: idle",
            "gauge cpu [2{cpu=0,state=user}, 4.5{cpu=1,state=user}]",
            id="100",
        ),
        pytest.param(
            T,
            "cpu",
            f"{AGGREGATE} [state], aggregation_type: sum",
            "gauge cpu [4{state=idle}, 6.5{state=user}]",
            id="102 (2 and 4.5 are added as doubles)",
        ),
        pytest.param(
            T,
            "cpu",
            f"{AGGREGATE} [state], aggregation_type: mean",
            "gauge cpu [2{state=idle}, 3.25{state=user}]",
            id="103 (as doubles)",
        ),
        pytest.param(
            T,
            "cpu",
            f"{AGGREGATE} [], aggregation_type: min",
            "gauge cpu [1.0]",
            id="105 (as doubles)",
        ),
        pytest.param(
            T,
            "cpu",
            f"{AGGREGATE} [cpu], aggregation_type: count",
            "gauge cpu [2{cpu=0}, 2{cpu=1}]",
            id="106",
        ),
        pytest.param(T, "cpu", f"{AGGREGATE} [cpu]", "gauge cpu [1{cpu=0}, 3{cpu=1}]", id="108"),
        pytest.param(
            T,
            "cpu",
            "action: aggregate_label_values, label: state, aggregated_values: [idle, user],"
            " new_value: any, aggregation_type: sum",
            "gauge cpu [3{cpu=0,state=any}, 7.5{cpu=1,state=any}]",
            id="109 (as doubles)",
        ),
        pytest.param(
            TI,
            "req",
            f"{AGGREGATE} [m], aggregation_type: sum",
            'csum req "1" [3{m=GET}@10^-60, 4{m=PUT}@10^-60, 9{m=PUT}@20^-60]',
            id="111",
        ),
        pytest.param(
            TI,
            "req",
            f"{AGGREGATE} [m], aggregation_type: mean",
            'csum req "1" [1{m=GET}@10^-60, 4{m=PUT}@10^-60, 9{m=PUT}@20^-60]',
            id="112",
        ),
        pytest.param(
            TD,
            "req",
            f"{AGGREGATE} [], aggregation_type: sum",
            "dsum req [3@10^0, 4@10^5]",
            id="114",
        ),
        pytest.param(
            TD,
            "g",
            f"{AGGREGATE} [m], aggregation_type: sum",
            "gauge g [3.5{m=a}, 7]",
            id="115 (as doubles)",
        ),
        pytest.param(
            TH,
            "h",
            f"{AGGREGATE} [], aggregation_type: mean",
            'chist h "s" [h(7;14.0;1.0,2.0;3,2,2;0.1;5.0)]',
            id="117",
        ),
        pytest.param(
            TH,
            "h2",
            f"{AGGREGATE} [], aggregation_type: sum",
            "chist h2 [h(1;1.0;1.0;1,0), h(1;1.0;2.0;1,0)]",
            id="118",
        ),
        pytest.param(
            TH,
            "e",
            f"{AGGREGATE} [], aggregation_type: sum",
            "cexp e [e(0;1;0.0;0:6,1;;14.0)]",
            id="exponential histograms are added",
        ),
        pytest.param(TH, "q", f"{AGGREGATE} [], aggregation_type: sum", "", id="120"),
        pytest.param(
            TH,
            "h",
            "action: experimental_scale_value, experimental_scale: 1000",
            'chist h "s" [h(3;6000.0;1000.0,2000.0;1,1,1;500.0;3000.0){p=x},'
            " h(4;8000.0;1000.0,2000.0;2,1,1;100.0;5000.0){p=y}]",
            id="121",
        ),
        pytest.param(
            TH,
            "h2",
            "action: experimental_scale_value, experimental_scale: -2",
            "chist h2 [h(1;-2.0;-2.0;0,1){p=x}, h(1;-2.0;-4.0;0,1){p=y}]",
            id="below 0",
        ),
        pytest.param(
            TH,
            "q",
            "action: experimental_scale_value, experimental_scale: 3",
            "summ q [q(1;1.0;0.5=1.0){p=y}, q(3;6.0;0.5=2.0){p=x}]",
            id="summaries stay",
        ),
        pytest.param(
            TS,
            "m",
            "action: toggle_scalar_data_type",
            "gauge m [-3.0, 2, 7.0, null!1]",
            id="124",
        ),
        pytest.param(
            TS,
            "m",
            f"{AGGREGATE} [], aggregation_type: max",
            "gauge m [7.0]",
            id="points without a value do not count",
        ),
        pytest.param(
            TE,
            "e",
            "action: experimental_scale_value, experimental_scale: 4",
            "cexp e [e(0;1;2.0;2:2,3;3:1;20.0)]",
            id="126",
        ),
        pytest.param(
            TE,
            "e2",
            "action: experimental_scale_value, experimental_scale: 3",
            "cexp e2 [e(1;0;0.0;5:5;)]",
            id="127",
        ),
        pytest.param(
            TE,
            "e",
            "action: experimental_scale_value, experimental_scale: -4",
            "cexp e [e(0;1;2.0;3:1;2:2,3;-20.0)]",
            id="exponential below 0",
        ),
        pytest.param(
            TM,
            "m",
            f"{AGGREGATE} [a], aggregation_type: sum",
            "gauge m [3.5{a=z}, 3{a=y}, 6.5{a=x}]",
            id="174",
        ),
        pytest.param(TM, "m", f"{AGGREGATE} [], aggregation_type: max", "gauge m [4.5]", id="175"),
        pytest.param(
            TM,
            "m",
            f"{AGGREGATE} [a], aggregation_type: median",
            "gauge m [1.75{a=z}, 1{a=y}, 3.25{a=x}]",
            id="177",
        ),
        pytest.param(
            TM,
            "m",
            f"{AGGREGATE} [a], aggregation_type: count",
            "gauge m [2.0{a=x}, 2.0{a=z}, 2{a=y}]",
            id="178",
        ),
    ],
)
def test_operations(payload: str, include: str, operation: str, expected: str) -> None:
    """What an operation makes of one metric; a metric that loses all its points goes (94 to 178)."""
    transform = f"{{include: {include}, action: update, operations: [{{{operation}}}]}}"
    became = process("metricstransform", f"transforms: [{transform}]", payload).metrics
    assert "".join(m for m in became if m.split()[1] == include) == expected


def test_match_labels_point_by_point() -> None:
    """130: with labels matched in part, rename of a label and scale touch the points that still match."""
    transform = """{include: cpu, match_type: regexp, experimental_match_labels: {state: "^i"}, action: update,
      new_name: other, operations: [{action: update_label, label: state, new_label: s2},
      {action: experimental_scale_value, experimental_scale: 10}, {action: add_label, new_label: n, new_value: x}]}"""
    assert process("metricstransform", f"transforms: [{transform}]", T).metrics == (
        "gauge cpu [1{cpu=0,s2=idle}, 2{cpu=0,state=user}, 3{cpu=1,s2=idle}, 4.5{cpu=1,state=user}]",
    )


def test_match_labels_of_all_points() -> None:
    """Where all points match, rename and the operations on whole metrics apply too."""
    transform = """{include: cpu, match_type: regexp, experimental_match_labels: {state: "^i|^u"}, action: update,
      new_name: other, operations: [{action: delete_label_value, label: state, label_value: user}]}"""
    assert process("metricstransform", f"transforms: [{transform}]", T).metrics == (
        "gauge other [1{cpu=0,state=idle}, 3{cpu=1,state=idle}]",
    )


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        pytest.param(
            ".",
            "R{host=a,team=t1} S s1 gauge a.x [1] gauge b.y [2] ;; R{host=a,team=t1} S s2 gauge a.z [3]"
            " ;; R{host=b,team=t1} S s1 gauge b.q [4]",
            id="93",
        ),
        pytest.param(
            "^b",
            "R{host=a} S s1 gauge a.x [1] S s2 gauge a.z [3] ;; R{host=a,team=t1} S s1 gauge b.y [2]"
            " ;; R{host=a,team=t1} S s2 ;; R{host=b,team=t1} S s1 gauge b.q [4]",
            id="without matches too",
        ),
    ],
)
def test_group(include: str, expected: str) -> None:
    """93: matching metrics move to a resource of their own for each scope, behind all others."""
    transform = f'{{include: "{include}", match_type: regexp, action: group, group_resource_labels: {{team: t1}}}}'
    assert process("metricstransform", f"transforms: [{transform}]", TG).text == expected


def test_group_by_labels() -> None:
    """Of a metric that matches in part, the matching points move."""
    transform = "{include: cpu, experimental_match_labels: {state: user}, action: group, group_resource_labels: {t: u}}"
    assert process("metricstransform", f"transforms: [{transform}]", T).text == (
        "R{host=a,t=u} S sc gauge cpu [2{cpu=0,state=user}, 4.5{cpu=1,state=user}]"
    )


def test_nothing_left() -> None:
    """What has no metrics goes, and of nothing left the next consumer does not hear."""
    assert process("metricstransform", "transforms: []", "R{a=1} S s ;; R{}").text == NOTHING
    delete = "{action: delete_label_value, label: a, label_value: x}"
    transform = f"{{include: m, action: update, operations: [{delete}]}}"
    assert (
        process("metricstransform", f"transforms: [{transform}]", "gauge m [1{a=x}]").text
        == NOTHING
    )
    left = process("metricstransform", f"transforms: [{transform}]", "gauge m [] gauge n [1]")
    assert left.text == "R{} gauge m [] gauge n [1]"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        ("summ a [q(1;1)] summ b [q(1;1)]", "summaries cannot be added"),
        ("gauge a [1] csum b [1]", "they differ in type"),
        ('gauge a "s" [1] gauge b [1]', "they differ in unit"),
        ("csum a [1] dsum b [1]", "they differ in temporality"),
        ("csum a [1] cud b [1]", "they differ in is_monotonic"),
        ("gauge a [1{k=1}] gauge b [1]", "they have different labels"),
    ],
)
def test_what_cannot_be_combined(payload: str, why: str) -> None:
    """Metrics that do not fit together stay, and a warning says why."""
    transform = "{include: '^[ab]$', match_type: regexp, action: combine, new_name: c}"
    with capture_logs() as logs:
        became = process("metricstransform", f"transforms: [{transform}]", payload).metrics
    assert [m.split()[1] for m in became] == ["a", "b"]
    assert [line["why"] for line in logs] == [why]
