"""Wire bytes in, batches out: decoders and servers for what senders push.

May import nothing of `daemon` or `query`; hands everything to the next consumer (`receivers.consumer`).
"""
