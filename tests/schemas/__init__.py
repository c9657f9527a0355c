"""What the records and the catalog promise."""
