"""Observes the running meter beyond its published topics: groups, lag, workers."""
