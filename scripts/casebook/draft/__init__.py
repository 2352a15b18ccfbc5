"""`casebook declare`: `project` drafts what a new raw table needs, and writes it."""
