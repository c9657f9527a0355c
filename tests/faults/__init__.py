"""Faults: brokers and workers killed, paused, and answers that never come."""
