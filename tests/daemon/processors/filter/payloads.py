"""The batches that ottl.md 7.3 filters, and the notation it writes results in."""

from __future__ import annotations

from receivers.consumer import Batch
from receivers.model import ResourceMetrics
from tests.support.payloads import batch

BIG = """
R{host=a}
S sc{app=x} gauge m1 [1{k=a}, 2{k=b}] csum m2 [3{k=a}] none m3 [] gauge m4 []
S sc2{app=y} gauge m5 [5{k=b}]
;; R{host=b} S sc{app=z} gauge m1 [9{k=z}] S emptyscope{app=""}
;; R{host=c}
"""
MB = """
R{host=a,n=5,d=1.0,l=[x]} gauge m1 [1{k=a}, 2{k=b}] csum xm1 [3{k=a,i=5}] none m3 [] gauge m4 []
;; R{host=b} gauge m1 [9{k=z}] chist h [h(1;1;;){k=v}]
;; R{} gauge m9 [9]
"""


def big() -> Batch:
    """Return the payload BIG."""
    return batch(BIG)


def legacy() -> Batch:
    """Return the payload MB."""
    return batch(MB)


def names(taken: Batch) -> str:
    """Return a batch as `R{S{metric:points ...}}`."""
    return " ".join(f"R{{{_scopes(item)}}}" for item in taken.resource_metrics)


def _scopes(item: ResourceMetrics) -> str:
    return " ".join(
        "S{" + " ".join(f"{m.header.name}:{len(m.data_points)}" for m in scope.metrics) + "}"
        for scope in item.scope_metrics
    )
