"""SQL storage: the only room that knows tables. SQLite by default, PostgreSQL in production, the same code."""
