"""Demand forecasts: priors on aggregates, items, sessions while they run, intervals and their proof.

Everything here computes on arrays and frozen dataclasses: no I/O, no settings, no clock. Times are UTC milliseconds.
Prophet is imported in `prior` alone and LightGBM in `items` alone, both when first used, so that a stream worker can import
`session` in milliseconds.
"""
