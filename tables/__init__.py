"""The rows of a partition's state: their kinds, keys and encoding."""
