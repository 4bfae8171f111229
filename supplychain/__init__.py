"""Supply chains for live-stream commerce: from a live sale to a supplier's order."""

__version__ = "0.1.0"
