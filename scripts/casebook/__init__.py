"""Casebook: folders of messy raw files into a tested, documented analytics warehouse."""

__version__ = "0.1.0"
