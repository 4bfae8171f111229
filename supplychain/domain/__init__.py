"""The words of the trade as frozen records: no framework, no clock, no input or output."""
