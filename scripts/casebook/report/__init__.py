"""The report page and the catalogue of the published warehouse, as files that need no server."""
