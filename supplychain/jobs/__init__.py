"""Work that nobody waits for: the loop that answers plan requests, and the jobs of the clock."""
