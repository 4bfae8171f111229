"""A stand-in for suppliers and warehouse systems, so that the loop closes where no real partner is connected.

It is a partner in all that matters to the service: it verifies signatures, deduplicates, answers line by line, ships and
receives, and can be told to fail. What it decides follows from a seed and from ids alone.
"""
