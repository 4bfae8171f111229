"""Watching sales: from raw records of one partition to window counts, spikes and cues for forecasts, without any I/O."""
