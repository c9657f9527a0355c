"""Measurements: commands that print what they measured and how; nothing here is a test."""
