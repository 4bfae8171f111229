"""The use cases: request, propose, review, release, acknowledge, tune, learn. One verb, one file; I/O behind ports."""
