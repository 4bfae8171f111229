"""The HTTP API: version 1, OpenAPI 3.1, errors as RFC 9457 problem details."""
