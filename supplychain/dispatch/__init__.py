"""The way out: messages of the outbox go to suppliers, warehouse systems and the tuning topic.

At least once, under a stable id, in the order of each supplier and warehouse. Nothing here holds a transaction open while
it talks to somebody.
"""
