"""Workers of the stream benchmark: each runs one job over one topic in a process of its own and writes what it measured."""
