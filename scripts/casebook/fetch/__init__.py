"""Deliveries from databases, buckets and the web into the raw folder."""
