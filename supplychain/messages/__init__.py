"""The published language: topics, payloads of version 1, and the way between bytes and payloads."""
