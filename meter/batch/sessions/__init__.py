"""Fetch sessions: thousands of partitions read by one consumer, at the cost of those that have something new."""
