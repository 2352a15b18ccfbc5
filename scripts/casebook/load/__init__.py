"""Raw files to the lake, and records of it tried again."""
