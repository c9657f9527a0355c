"""The memory: which rows exist, how they are keyed and packed."""
