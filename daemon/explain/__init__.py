"""`tallyd explain`: what a configuration makes of a recorded session, and how a query comes to its answer.

May import everything in `daemon` below `cli`, but not `daemon.demo`.
"""
