"""How a data point becomes a series: the way into the store, and the one place where both vocabularies meet.

Data point -> sample, attribute -> label, header -> metric name and kind, sender -> the store's sender (DESIGN 3.4, 3.5).

  labels       attributes to labels; how numbers are written in them
  memo         what is remembered of a metric and of its series
  message      what one batch adds to the store
  exponential  exponential histograms, and the bounds at which they are stored   (pure)
  buckets      histograms to `<name>_bucket{le}`
  points       data points that were decoded whole
  consumer     the exporter: `Windows`
"""

from __future__ import annotations

from daemon.exporters.windows.consumer import Windows

__all__ = ["Windows"]
