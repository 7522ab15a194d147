"""Names as Prometheus' users write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.exporters.names import prometheus_name
from receivers.model import MetricHeader, MetricType, Temporality

KINDS = {
    "gauge": (MetricType.GAUGE, False),
    "csum": (MetricType.SUM, True),
    "cud": (MetricType.SUM, False),
    "chist": (MetricType.HISTOGRAM, False),
    "cexp": (MetricType.EXPONENTIAL_HISTOGRAM, False),
    "summ": (MetricType.SUMMARY, False),
}

CASES = """
gauge http.server.active -> http_server_active
gauge http/server/count -> http_server_count
gauge a__b -> a_b | a__b
gauge _a_ -> a | _a_
gauge 9lives -> _9lives
gauge é.x -> x
gauge CamelCase -> CamelCase
gauge . -> -
gauge job:rate:5m -> job:rate:5m
csum requests -> requests_total | requests
csum requests "1" -> requests_total | requests
csum requests.total "1" -> requests_total
csum total.requests -> requests_total | total_requests
cud queue.size "{item}" -> queue_size
cud queue.size "1" -> queue_size
csum total -> total
gauge cpu.utilization "1" -> cpu_utilization_ratio | cpu_utilization
gauge ratio.of.x "1" -> of_x_ratio | ratio_of_x
chist fill "1" -> fill
chist http.server.request.duration "s" -> http_server_request_duration_seconds | http_server_request_duration
chist latency "ms" -> latency_milliseconds | latency
chist latency.milliseconds "ms" -> latency_milliseconds
chist seconds.in.queue "s" -> seconds_in_queue
gauge mem.bytes "By" -> mem_bytes
gauge mem "KiBy" -> mem_kibibytes | mem
gauge mem "kBy" -> mem_kBy | mem
gauge mem "KBy" -> mem_kilobytes | mem
gauge mem "bytes" -> mem_bytes | mem
gauge mem "b" -> mem_b | mem
gauge t "h" -> t_hours | t
gauge t "min" -> t_minutes | t
gauge t "ns" -> t_nanoseconds | t
gauge t "Cel" -> t_celsius | t
gauge t "%" -> t_percent | t
gauge t "m" -> t_meters | t
gauge t "A" -> t_amperes | t
gauge t "J" -> t_joules | t
gauge t "g" -> t_grams | t
gauge t "a" -> t_a | t
gauge speed "m/s" -> speed_meters_per_second | speed
gauge rate "By/s" -> rate_bytes_per_second | rate
gauge rate "{request}/s" -> rate_per_second | rate
gauge rate "/s" -> rate_per_second | rate
gauge rate "By/min" -> rate_bytes_per_min | rate
gauge rate "By/w" -> rate_bytes_per_week | rate
gauge rate "By/y" -> rate_bytes_per_year | rate
gauge rate "By/{op}" -> rate_bytes | rate
gauge rate.per_second "By/s" -> rate_per_second_bytes_per_second | rate_per_second
gauge bytes.per.second "By/s" -> bytes_per_second_per_second | bytes_per_second
csum io.bytes "By" -> io_bytes_total | io_bytes
csum io_bytes_total "By" -> io_bytes_total
csum cpu.seconds.total "s" -> cpu_seconds_total
csum x "By/s" -> x_bytes_per_second_total | x
gauge x "a b" -> x_a_b | x
gauge x " s " -> x_seconds | x
gauge x "__" -> x
gauge x "total" -> x_total | x
cexp latency "s" -> latency_seconds | latency
summ latency "s" -> latency_seconds | latency
"""
"""Kind, name and unit -> with suffixes | without, where that differs; `-` is no name at all (otlp.md 3.4)."""

LINE = re.compile(r'(\w+) (\S+)(?: "(.*)")? -> (\S+)(?: \| (\S+))?')


def header_of(kind: str, name: str, unit: str, temporality: Temporality) -> MetricHeader:
    type_, is_monotonic = KINDS[kind]
    return MetricHeader(
        name=name, unit=unit, type=type_, is_monotonic=is_monotonic, temporality=temporality
    )


@pytest.mark.parametrize("temporality", [Temporality.CUMULATIVE, Temporality.DELTA])
@pytest.mark.parametrize("line", CASES.strip().splitlines())
def test_names(line: str, temporality: Temporality) -> None:
    """Each name, with its unit and kind behind it and without; delta sums are named as cumulative ones."""
    match = LINE.fullmatch(line)
    assert match is not None
    kind, name, unit, with_suffixes, without = match.groups(default="")
    header = header_of(kind, name, unit, temporality)
    expected = with_suffixes.removeprefix("-")
    assert prometheus_name(header, add_suffixes=True) == expected
    assert prometheus_name(header, add_suffixes=False) == (without or expected)


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ("x", "x_m_total"),
        ("my app", "my_app_m_total"),
        ("", "m_total"),
        ("é", "m_total"),
        ("9", "_9_m_total"),
    ],
)
def test_namespaces(namespace: str, expected: str) -> None:
    """A namespace is cleaned as a name is and stands in front."""
    header = header_of("csum", "m", "", Temporality.CUMULATIVE)
    assert prometheus_name(header, add_suffixes=True, namespace=namespace) == expected


@given(st.sampled_from(sorted(KINDS)), st.text(), st.text(), st.text(max_size=5), st.booleans())
def test_any_name_is_a_good_name_or_none(
    kind: str, name: str, unit: str, namespace: str, add_suffixes: bool
) -> None:
    """Whatever senders call their metrics, Prometheus takes what comes out."""
    header = header_of(kind, name, unit, Temporality.CUMULATIVE)
    found = prometheus_name(header, add_suffixes=add_suffixes, namespace=namespace)
    assert re.fullmatch(r"([A-Za-z_:][A-Za-z0-9_:]*)?", found)
