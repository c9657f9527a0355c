"""The meter: its settings, topics, batch path and command."""
