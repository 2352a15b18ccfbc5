"""Readers: one module a format, all behind the same interface (`base`)."""
