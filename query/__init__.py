"""What is remembered and how it is asked: pure computation over numpy, no I/O and no clock.

May import nothing of `daemon` or `receivers`. All times are Unix milliseconds (int64) that come in as arguments.
"""
