"""The ports of planning in SQL, one room of the store per file."""
