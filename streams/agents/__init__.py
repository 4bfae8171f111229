"""The Faust agents, thin: decode, call the pure part, commit with the offset, say done."""
