"""The house towards people and machines: the HTTP API, the console, and who may do what."""
