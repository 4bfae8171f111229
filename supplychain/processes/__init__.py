"""Running it: the parent that starts, watches, restarts and stops the roles, and the driver of replays."""
