"""The HTTP API: read-only answers from the published warehouse."""
