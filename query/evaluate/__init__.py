"""Computation over samples, cut by the shape it maps: range functions, aggregations."""
