"""The page that Prometheus scrapes."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.config.prometheus_exporter import PrometheusExporterConfig, TranslationStrategy
from daemon.config.prometheusremotewrite_exporter import ResourceToTelemetryConfig
from daemon.exporters.prometheus.page import Style, write_page
from daemon.exporters.prometheus.table import PageTable
from tests.support.consumers import Counts
from tests.support.payloads import payload

SCOPE = 'otel_scope_name="",otel_scope_schema_url="",otel_scope_version=""'


class Table:
    def __init__(self, **settings: Any) -> None:
        self.refused = Counts()
        config = PrometheusExporterConfig(endpoint=":0", **{"without_scope_info": True, **settings})
        self.table = PageTable(config, self.refused)

    def add(self, text: str, now_ms: int = 0) -> Table:
        for group in payload(text):
            for scoped in group.scope_metrics:
                frame = self.table.frame(group.resource, scoped.scope)
                for metric in scoped.metrics:
                    self.table.add_metric(metric, metric.data_points, frame, now_ms)
            self.table.add_target(group.resource, now_ms)
        return self

    def page(self, now_ms: int = 0, *, open_metrics: bool = False, timestamps: bool = False) -> str:
        return write_page(self.table.snapshot(now_ms), Style(open_metrics, timestamps))

    def samples(self, now_ms: int = 0) -> list[str]:
        return [line for line in self.page(now_ms).splitlines() if line[0] != "#"]


def test_empty() -> None:
    """Before any data the page is empty; in OpenMetrics it ends all the same."""
    assert Table().page() == ""
    assert Table().page(open_metrics=True) == "# EOF\n"


EVERY_KIND = """
gauge g [5{b=2,a=1}, NaN{a=2}] csum c [12.5] cud u [+Inf] summ s [q(4;8;0.5=2,1=3){a=1}]
chist h [h(6;12.5;1,2.5;1,2,3){zone=x}] cexp e [e(0;0;0;0:3;;5)]
"""


def test_every_kind() -> None:
    """Families are sorted by name, series by labels, `le` and `quantile` stand last; values are shortest."""
    assert Table().add(EVERY_KIND).page() == (
        "# HELP c_total \n# TYPE c_total counter\nc_total 12.5\n"
        "# HELP e \n# TYPE e histogram\n"
        'e_bucket{le="+Inf"} 3\ne_sum 5\ne_count 3\n'
        '# HELP g \n# TYPE g gauge\ng{a="1",b="2"} 5\ng{a="2"} NaN\n'
        "# HELP h \n# TYPE h histogram\n"
        'h_bucket{zone="x",le="1"} 1\nh_bucket{zone="x",le="2.5"} 3\nh_bucket{zone="x",le="+Inf"} 6\n'
        'h_sum{zone="x"} 12.5\nh_count{zone="x"} 6\n'
        "# HELP s \n# TYPE s summary\n"
        's{a="1",quantile="0.5"} 2\ns{a="1",quantile="1"} 3\ns_sum{a="1"} 8\ns_count{a="1"} 4\n'
        "# HELP u \n# TYPE u gauge\nu +Inf\n"
    )


def test_open_metrics() -> None:
    """OpenMetrics writes floats with a point, takes `_total` off families, and knows no counter without it."""
    table = Table().add("csum c [5] chist h [h(6;12;1;1,5)]")
    assert table.page(open_metrics=True) == (
        "# HELP c \n# TYPE c counter\nc_total 5.0\n"
        "# HELP h \n# TYPE h histogram\n"
        'h_bucket{le="1.0"} 1\nh_bucket{le="+Inf"} 6\nh_sum 12.0\nh_count 6\n# EOF\n'
    )
    plain = Table(add_metric_suffixes=False).add("csum c [5]")
    assert "# TYPE c unknown\nc 5.0\n" in plain.page(open_metrics=True)


def test_scope_and_target() -> None:
    """Scope labels are there even if empty; job, instance and target_info as in remote write."""
    table = Table(without_scope_info=False)
    table.add("R{service.name=svc,host=h} gauge m [1] S sc@2 gauge n [2]")
    assert table.samples() == [
        f'm{{job="svc",{SCOPE}}} 1',
        'n{job="svc",otel_scope_name="sc",otel_scope_schema_url="",otel_scope_version="2"} 2',
        'target_info{host="h",job="svc"} 1',
    ]


def test_last_by_time() -> None:
    """The newest point by its own time is shown, whatever came last."""
    table = Table().add("gauge m [1@10]").add("gauge m [2@5]")
    assert table.samples() == ["m 1"]
    assert table.add("gauge m [3@10]").samples() == ["m 3"]


def test_no_recorded_value() -> None:
    """A point without recorded value takes its series off the page; the last takes the family."""
    table = Table().add("gauge m [1{a=1}, 2{a=2}]").add("gauge m [0{a=1}!1]")
    assert table.samples() == ['m{a="2"} 2']
    assert table.add("gauge m [0{a=2}!1]").page() == ""


def test_expiration() -> None:
    """A series that nobody reports any more disappears, and its family after it."""
    table = Table(metric_expiration=1000).add("gauge m [1{a=1}]", 0).add("gauge m [1{a=2}]", 500)
    assert len(table.samples(1000)) == 2
    assert table.samples(1001) == ['m{a="2"} 1']
    assert table.page(2000) == ""


def test_conflict() -> None:
    """Of two metrics that become one family the first keeps it; the other is left out and named until it can be shown."""
    table = Table(metric_expiration=1000).add("gauge m_total [1]").add("csum m [2]")
    assert table.samples() == ["m_total 1"]
    assert table.table.conflicts() == {"m_total": "counter"}
    assert table.refused == {"type_conflict": 1}
    assert table.page(5000) == ""
    assert table.add("csum m [2]", 5000).samples(5000) == ["m_total 2"]
    assert table.table.conflicts() == {}


DELTAS = {
    "follows": ("dsum c [5@10^0] ;; dsum c [2@20^10]", ["c_total 7"]),
    "after a gap": ("dsum c [5@10^0] ;; dsum c [9@20^15]", ["c_total 9"]),
    "up-down": ("dud c [5@10^0]", []),
    "unspecified": ("xsum c [5@10^0]", []),
    "histogram": (
        "dhist h [h(1;2;;)@10^0] ;; dhist h [h(1;3;;)@20^10]",
        ['h_bucket{le="+Inf"} 2', "h_sum 5", "h_count 2"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), DELTAS.values(), ids=DELTAS)
def test_deltas(text: str, expected: list[str]) -> None:
    """A delta is added if it begins where the last one ended, otherwise it begins the value again."""
    assert Table().add(text).samples() == expected


SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "namespace": ({"namespace": "ns"}, ['ns_a_b_bytes{job="svc",k="v"} 1']),
    "const labels": (
        {"const_labels": {"k": "x", "z": "y"}},
        ['a_b_bytes{job="svc",k="v",z="y"} 1'],
    ),
    "strategy": (
        {"translation_strategy": TranslationStrategy.WITHOUT_SUFFIXES},
        ['a_b{job="svc",k="v"} 1'],
    ),
    "resource": (
        {"resource_to_telemetry_conversion": ResourceToTelemetryConfig(enabled=True)},
        ['a_b_bytes{job="svc",k="v",service_name="svc"} 1'],
    ),
}


@pytest.mark.parametrize(("settings", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_settings(settings: dict[str, Any], expected: list[str]) -> None:
    """Each setting changes names or labels."""
    assert (
        Table(**settings).add('R{service.name=svc} gauge a.b "By" [1{k=v}]').samples() == expected
    )


def test_timestamps() -> None:
    """Times are shown only where asked for: milliseconds, and seconds in OpenMetrics."""
    table = Table().add("gauge m [1@0.5]")
    assert table.page(timestamps=True).splitlines()[-1] == "m 1 1700000000500"
    assert "m 1.0 1700000000.5" in table.page(timestamps=True, open_metrics=True)


def test_bounded() -> None:
    """At max_series new series are refused and counted until old ones expire."""
    table = Table(max_series=2, metric_expiration=1000).add("gauge m [1{a=1}, 1{a=2}, 1{a=3}]")
    assert (table.table.size, table.refused) == (2, {"max_series": 1})
    table.add("gauge m [1{a=4}]", 5000)
    assert table.samples(5000) == ['m{a="4"} 1']


def test_escapes() -> None:
    """Backslashes, quotes and line ends are escaped."""
    table = Table().add('gauge m [1{a="x\\\\y\\"z\\nw"}]')
    assert table.samples() == ['m{a="x\\\\y\\"z\\nw"} 1']
