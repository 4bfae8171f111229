"""Benchmarks: plain functions that measure and return rows; the command line prints them."""
