"""Marts of the published warehouse into PostgreSQL: all of them, or none."""
