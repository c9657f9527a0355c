"""The rows of a partition's state: which there are, their keys and their packing."""
