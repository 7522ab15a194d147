"""Computation over samples and values, cut by the shape it maps; a ladder, from values up to whole expressions.

  stepped, annotations, label_work       values at steps; what travels beside them; remembered work on label sets
  context, distinct, delayed_names       what operations are handed; equal labels; names that go last
  samples, joining                       series side by side, their windows; senders that are one series
  rates, over_time, trends, reaching     kernels: windows to values, one for each
  range_calls                            functions over ranges, by name
  instant_functions, ..._functions       functions of vectors and scalars, by name; conversions, buckets
  aggregations, grouping, group_..., sums, value_counts     across series
  binary_operators, matching, set_operators                 between vectors
  plan, evaluator, results               when selectors are asked; whole expressions; what a query yields
  range_functions                        the same for what triggers ask (`query.scaling`)

May import `query.queryable`, `query.parser`'s tree and what is below; knows no store, reads no clock.
"""
