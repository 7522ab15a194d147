"""The windows: a ladder by size, from rings of samples up to the store.

  ring        samples of all rows, in one pair of arrays
  rows        what else is kept per series; `Series`, which callers hold
  index       labels -> rows
  pairs       pairs of label name and value, each kept once
  catalogue   sender and labels -> series
  senders     intervals, ends, clocks
  times       times as senders give them
  totals      deltas to running totals
  intake      a message's way into the rings
  collection  the above in step, as series come and go
  names       known and refused metric names
  reading     selections
  dump        a collection as plain data, and back
  settings    limits, counters, notices
  telling     refusals, told now and then
  store       the whole, and its limits

May import `query.queryable` and what is below it; knows nothing of the query language.
"""
