"""Advice as pages: its questions, its limits, what they answer."""
