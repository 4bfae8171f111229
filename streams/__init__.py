"""The Faust stream processors: they watch live-room sales and keep state and offset in one transaction."""
