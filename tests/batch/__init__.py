"""The batch path, without a broker."""
